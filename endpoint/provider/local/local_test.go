package local_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/endpoint/provider"
	"github.com/yonder-run/yonder/endpoint/provider/local"
	"github.com/yonder-run/yonder/endpoint/provider/providertest"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "block-sleep":
			<-time.After(time.Minute)
			os.Exit(0)
		case "block-fail":
			fmt.Println("broken")
			os.Exit(3)
		}
	}
	os.Exit(m.Run())
}

func TestLocal(t *testing.T) {
	t.Parallel()
	providertest.Suite{
		New:      func(*testing.T) provider.Provider { return local.New() },
		Sleep:    []string{os.Args[0], "block-sleep"},
		Fail:     []string{os.Args[0], "block-fail"},
		Patience: 20 * time.Second,
	}.Run(t)
}

func TestReusedNumberIsAnotherProcess(t *testing.T) {
	t.Parallel()
	p := local.New()
	mine := provider.Handle(fmt.Sprintf("%d:1", os.Getpid()))
	all, err := p.Status(t.Context(), []provider.Handle{mine})
	require.NoError(t, err)
	require.Equal(t, provider.Ended, all[mine].State)
	require.NoError(t, p.Cancel(t.Context(), mine), "and this process lives on")
}

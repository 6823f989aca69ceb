package link_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop/startstoptest"
	"github.com/yonder-run/yonder/manager/link"
	"github.com/yonder-run/yonder/manager/outbox"
	"github.com/yonder-run/yonder/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nobody is a desk that no agent ever reaches: manager's tests have agents.
type nobody struct{}

func (nobody) Hello() wire.ManagerHello    { return wire.ManagerHello{} }
func (nobody) Welcome(wire.ManagerWelcome) {}
func (nobody) Frame(wire.Frame) error      { return nil }
func (nobody) Lost(error)                  {}
func (nobody) Beat() wire.Beat             { return wire.Beat{} }

func TestStress(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "rendezvous.json")
	write(t, file, wire.Rendezvous{Addresses: []string{"127.0.0.1:1"}})
	cfg := link.Config{File: file, Logger: slog.New(slog.DiscardHandler)}
	startstoptest.Stress(t, link.New(cfg, nobody{}, outbox.New()))
}

func write(t *testing.T, file string, r wire.Rendezvous) {
	t.Helper()
	data, err := json.Marshal(r)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, data, 0o600))
}

func TestRead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "rendezvous.json")
	_, err := link.Read(file)
	require.Equal(t, yonder.CodeUnavailable, yonder.CodeOf(err))

	want := wire.Rendezvous{Addresses: []string{"node1:4711"}, Fingerprint: "ab", Epoch: 3, Secret: "s", Wire: 1, Slots: 2}
	write(t, file, want)
	got, err := link.Read(file)
	require.NoError(t, err)
	require.Equal(t, want, got)

	require.NoError(t, os.Chmod(file, 0o640))
	_, err = link.Read(file)
	require.Equal(t, yonder.CodeForbidden, yonder.CodeOf(err))
	require.ErrorContains(t, err, "chmod 600")

	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	require.NoError(t, os.Chmod(file, 0o600))
	_, err = link.Read(file)
	require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err))
}

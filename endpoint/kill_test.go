package endpoint_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/endpoint/provider"
	"github.com/yonder-run/yonder/wire"
)

// agentConfig names the configuration of an agent that the test binary is to
// be, in a process that can be killed.
const agentConfig = "YONDER_TEST_AGENT"

func runAgent() int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	cfg, err := endpoint.LoadConfig(os.Getenv(agentConfig))
	if err != nil {
		log.Error("configuration", slog.Any("error", err))
		return 1
	}
	jobs := outside{how: os.Getenv(howSubmits), dir: filepath.Join(cfg.StateDir, "blocks")}
	a, err := endpoint.New(cfg, endpoint.Options{
		Logger: log, Provider: jobs, Pythons: []wire.Interpreter{{Version: "3.11.7"}},
		Answer: time.Second, Retry: 50 * time.Millisecond, LookEvery: 20 * time.Millisecond,
	})
	if err == nil {
		err = a.Start(context.Background())
	}
	if err != nil {
		log.Error("start", slog.Any("error", err))
		return 1
	}
	<-a.Done()
	log.Error("ended", slog.Any("error", a.Err()))
	return 1
}

// outside is a provider whose managers are not the agent's to look after: the
// test runs one for every block file it finds.
type outside struct{ how, dir string }

// howSubmits says what Submit does, if not what it should.
const (
	howSubmits   = "YONDER_TEST_SUBMIT"
	hangsBefore  = "hangs before there is a job"
	hangsAfter   = "hangs after there is a job"
	refusesFirst = "refuses"
)

func (o outside) Submit(_ context.Context, spec provider.Spec) (provider.Handle, error) {
	if o.how == refusesFirst {
		return "", errNoMachines
	}
	asked := func() { _ = os.WriteFile(spec.Log+".asked", nil, 0o600) }
	if o.how == hangsBefore {
		asked()
		select {}
	}
	err := os.WriteFile(o.file(spec.Block), []byte(spec.Block), 0o600)
	if o.how == hangsAfter {
		asked()
		select {}
	}
	return provider.Handle(spec.Block), err
}

var errNoMachines = errors.New("no machines")

func (o outside) file(block string) string { return filepath.Join(o.dir, block+".log.block") }

func (outside) Status(_ context.Context, handles []provider.Handle) (map[provider.Handle]provider.Status, error) {
	all := map[provider.Handle]provider.Status{}
	for _, h := range handles {
		all[h] = provider.Status{State: provider.Running}
	}
	return all, nil
}

func (outside) Cancel(context.Context, provider.Handle) error { return nil }

func (o outside) Find(_ context.Context, block string) (provider.Handle, bool, error) {
	_, err := os.Stat(o.file(block))
	return provider.Handle(block), err == nil, nil
}

// TestKilledAgentsLoseNothing kills the agent again and again while tasks
// run. Every task must get exactly one result, and none may be begun twice in
// one attempt; because no manager dies, all succeed in their first.
func TestKilledAgentsLoseNothing(t *testing.T) {
	t.Parallel()
	const tasks, kills = 3000, 12
	b := newBrain(t, tasks)
	s := newSite(t, b)
	s.cfg.Scaling.InitBlocks = 1
	file := filepath.Join(t.TempDir(), "endpoint.yaml")
	data, err := yaml.Marshal(s.cfg)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, data, 0o600))

	started := map[string]*fakeManager{}
	t.Cleanup(func() {
		for _, m := range started {
			m.Stop()
		}
	})
	for round := range kills + 1 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), agentConfig+"="+file)
		var log strings.Builder
		cmd.Stderr = &log
		require.NoError(t, cmd.Start())
		stop := time.Now().Add(50*time.Millisecond + rand.N(400*time.Millisecond))
		require.Eventually(t, func() bool {
			startManagers(t, s, started)
			b.offer(50)
			return b.done() == tasks || round < kills && time.Now().After(stop)
		}, time.Minute, 5*time.Millisecond, "tasks are left")
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	}
	for _, m := range started {
		require.Empty(t, m.twice())
	}
	for b.lost.Pending() > 0 {
		loss := b.lost.Wait(t)
		require.False(t, loss.Started, "%+v", loss)
	}
	require.Equal(t, tasks, b.results.Pending())
	for range tasks {
		require.Equal(t, 1, b.results.Wait(t).Attempt)
	}
}

func startManagers(t *testing.T, s *site, started map[string]*fakeManager) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.cfg.StateDir, "blocks", "*.block"))
	require.NoError(t, err)
	for _, name := range names {
		block := strings.TrimSuffix(filepath.Base(name), ".log.block")
		if started[block] == nil {
			m := newManager(t, filepath.Join(s.cfg.StateDir, "rendezvous.json"), "m-"+block[30:], block)
			started[block] = m
			require.NoError(t, m.Start(t.Context()))
		}
	}
}

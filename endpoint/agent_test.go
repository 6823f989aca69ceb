package endpoint_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/endpoint/journal"
	"github.com/yonder-run/yonder/internal/startstop/startstoptest"
	"github.com/yonder-run/yonder/wire"
)

func TestMain(m *testing.M) {
	if os.Getenv(agentConfig) != "" {
		os.Exit(runAgent())
	}
	goleak.VerifyTestMain(m)
}

// site is an endpoint's machine: configuration, state directory, provider.
type site struct {
	cfg      endpoint.Config
	opts     endpoint.Options
	provider *fakeProvider
	brain    *brain
}

func newSite(t *testing.T, b *brain) *site {
	t.Helper()
	dir := t.TempDir()
	cfg := endpoint.Defaults()
	cfg.Name, cfg.Service, cfg.Endpoint, cfg.CAFile = "test", b.URL, b.Endpoint, b.CAFile
	cfg.StateDir = filepath.Join(dir, "state")
	cfg.Credential = filepath.Join(dir, "credential")
	require.NoError(t, os.WriteFile(cfg.Credential, []byte(b.Credential+"\n"), 0o600))
	cfg.Provider.Slots = 4
	cfg.Managers.Heartbeat = 100 * time.Millisecond
	cfg.DrainGrace = 10 * time.Second
	s := &site{cfg: cfg, brain: b, provider: newProvider(t, filepath.Join(cfg.StateDir, "rendezvous.json"))}
	s.opts = endpoint.Options{
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Provider: s.provider,
		Pythons:     []wire.Interpreter{{Version: "3.11.7", Path: "/usr/bin/python3"}},
		StatusEvery: 20 * time.Millisecond, LookEvery: 50 * time.Millisecond,
		Answer: 2 * time.Second, Retry: 100 * time.Millisecond,
	}
	return s
}

func (s *site) start(t *testing.T) *endpoint.Agent {
	t.Helper()
	a, err := endpoint.New(s.cfg, s.opts)
	require.NoError(t, err)
	require.NoError(t, a.Start(t.Context()))
	t.Cleanup(a.Stop)
	return a
}

// empty checks that a stopped agent's journal holds no task any more.
func (s *site) empty(t *testing.T) {
	t.Helper()
	j, err := journal.Open(filepath.Join(s.cfg.StateDir, "journal"), journal.Options{Logger: s.opts.Logger})
	require.NoError(t, err)
	defer j.Close()
	require.NoError(t, j.Replay(func(_ uint64, f wire.Frame) error {
		require.GreaterOrEqual(t, int(f.Kind), 204, "a record of a task: %s", f.Header)
		return nil
	}))
}

func TestTasksRunAndTheirResultsReturn(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]wire.Form{"each": wire.FormEach, "chunk": wire.FormChunk} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBrain(t, 200)
			b.lease.Form = form
			s := newSite(t, b)
			a := s.start(t)
			b.pump(t, 70)
			m := s.provider.made.Wait(t)
			require.Empty(t, m.twice())
			require.Equal(t, "3.11", m.got.Wait(t).Requires.Python, "the default interpreter")
			if form == wire.FormEach {
				require.Equal(t, "123", b.payloads[123])
			}
			require.NoError(t, a.Detach(t.Context()))
			b.closes.Wait(t)
			s.empty(t)
		})
	}
}

func TestRunningTasksSurviveARestartOfTheAgent(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 20)
	s := newSite(t, b)
	s.provider.setup = func(m *fakeManager) { m.hold = true }
	a := s.start(t)
	b.opens.Wait(t)
	require.Eventually(t, func() bool { b.offer(20); return b.accepted() == 20 }, 20*time.Second, 20*time.Millisecond)
	m := s.provider.made.Wait(t)
	m.got.Wait(t)
	a.Stop()
	m.release() // finishes while nobody listens
	s.start(t)
	b.pump(t, 20)
	require.Empty(t, m.twice())
	require.Zero(t, s.provider.made.Pending(), "the same block was adopted")
}

func TestResultsWaitForTheService(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 10)
	s := newSite(t, b)
	s.provider.setup = func(m *fakeManager) { m.hold = true }
	a := s.start(t)
	require.Eventually(t, func() bool { b.offer(10); return b.accepted() == 10 }, 20*time.Second, 20*time.Millisecond)
	m := s.provider.made.Wait(t)
	m.got.Wait(t)
	b.Away(true)
	m.release()
	require.Eventually(t, func() bool {
		status, err := endpoint.ReadStatus(s.cfg.StateDir)
		return err == nil && !status.Connected && status.Trouble != ""
	}, 20*time.Second, 10*time.Millisecond)
	a.Stop()
	s.start(t) // while the service is away
	b.Away(false)
	b.pump(t, 10)
	require.Empty(t, m.twice())
}

func TestCancel(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 60)
	s := newSite(t, b)
	s.provider.setup = func(m *fakeManager) { m.hold, m.slots = true, 36 }
	a := s.start(t)
	require.Eventually(t, func() bool { b.offer(60); return b.accepted() == 60 }, 20*time.Second, 20*time.Millisecond)
	m := s.provider.made.Wait(t)
	require.Equal(t, 36, m.got.Wait(t).Hi, "as many as it has slots")
	b.Hint("cancel", wire.KindCancel, wire.Spans{Epoch: 1, Spans: []wire.Span{b.span(50, 55)}})
	require.Equal(t, b.granted(50, 55), b.cancels.Wait(t), "no manager had it")
	b.with(func() { b.cancel = []wire.Span{b.span(30, 36)} })
	require.Equal(t, b.span(30, 36), m.stopped.Wait(t))
	require.Equal(t, b.granted(30, 36), b.cancels.Wait(t))
	m.release()
	b.pump(t, 60)
	require.NotContains(t, b.payloads, 50)
	require.NoError(t, a.Detach(t.Context()))
	s.empty(t)
}

func TestWhatMayNotRunFailsAtOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set  func(b *brain, s *site)
		code yonder.Code
	}{
		"another owner": {func(b *brain, _ *site) { b.lease.Owner = yonder.NewID() }, yonder.CodeForbidden},
		"not allowed function": {
			func(_ *brain, s *site) { s.cfg.Allow.Functions = []yonder.ID{yonder.NewID()} }, yonder.CodeForbidden,
		},
		"not allowed identity": {
			func(_ *brain, s *site) { s.cfg.Allow.Identities = []yonder.ID{yonder.NewID()} }, yonder.CodeForbidden,
		},
		"another Python":  {func(b *brain, _ *site) { b.lease.Requires.Python = "3.12" }, yonder.CodeNoInterpreter},
		"an unknown kind": {func(b *brain, _ *site) { b.lease.Kind = "wasm" }, yonder.CodeUnsupportedKind},
		"a kind switched off": {func(b *brain, s *site) {
			b.lease.Kind, s.cfg.Kinds = yonder.KindShell, []string{yonder.KindPython}
		}, yonder.CodeUnsupportedKind},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBrain(t, 3)
			s := newSite(t, b)
			test.set(b, s)
			a := s.start(t)
			b.pump(t, 3)
			for range 3 {
				require.Equal(t, wire.OutcomeFailed, b.results.Wait(t).Outcome)
			}
			var why wire.TaskError
			require.NoError(t, json.Unmarshal([]byte(b.payloads[2]), &why))
			require.Equal(t, test.code, why.Code)
			require.NoError(t, a.Detach(t.Context()))
			require.Zero(t, s.provider.made.Pending())
			s.empty(t)
		})
	}
}

func TestLargeResultsAreUploaded(t *testing.T) {
	t.Parallel()
	for name, large := range map[string]bool{"as blobs": true, "inline, but too large for the fabric": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBrain(t, 4)
			b.payload = func(int) []byte { return []byte(strings.Repeat("x", 300<<10)) }
			s := newSite(t, b)
			s.provider.setup = func(m *fakeManager) { m.large = large }
			a := s.start(t)
			b.pump(t, 1)
			for range 4 {
				entry := b.results.Wait(t)
				require.NotNil(t, entry.Blob)
				require.False(t, entry.Blob.ID.IsZero())
				require.EqualValues(t, 300<<10, entry.Blob.Size)
			}
			require.NoError(t, a.Detach(t.Context()))
			left, err := os.ReadDir(filepath.Join(s.cfg.StateDir, "results"))
			require.NoError(t, err)
			require.Empty(t, left)
			s.empty(t)
		})
	}
}

func TestLargeResultsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 4)
	b.payload = func(int) []byte { return []byte(strings.Repeat("x", 300<<10)) }
	var met sync.WaitGroup
	met.Add(4)
	b.HandleBody("/result-blob", func(w http.ResponseWriter, r *http.Request) {
		met.Done()
		met.Wait() // nobody is answered before all are here
		b.putBlob(w, r)
	})
	s := newSite(t, b)
	s.provider.setup = func(m *fakeManager) { m.large = true }
	a := s.start(t)
	b.pump(t, 1)
	for range 4 {
		require.NotNil(t, b.results.Wait(t).Blob)
	}
	require.NoError(t, a.Detach(t.Context()))
	s.empty(t)
}

func TestResultThatIsDamagedOnTheWayFails(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 1)
	b.damages = true
	s := newSite(t, b)
	s.provider.setup = func(m *fakeManager) { m.large = true }
	a := s.start(t)
	b.pump(t, 1)
	entry := b.results.Wait(t)
	require.Equal(t, wire.OutcomeFailed, entry.Outcome)
	require.Nil(t, entry.Blob)
	require.NoError(t, a.Detach(t.Context()))
	s.empty(t)
}

func TestFullSpoolHoldsResultsBack(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 6)
	b.payload = func(int) []byte { return []byte(strings.Repeat("x", 300<<10)) }
	s := newSite(t, b)
	s.cfg.Limits.SpoolBytes = 1 << 20 // three of them
	s.provider.setup = func(m *fakeManager) { m.large, m.hold, m.slots = true, true, 6 }
	a := s.start(t)
	require.Eventually(t, func() bool { b.offer(1); return b.accepted() == 6 }, 20*time.Second, 20*time.Millisecond)
	m := s.provider.made.Wait(t)
	for range 6 {
		m.got.Wait(t)
	}
	m.welcome.Wait(t)
	b.Away(true)
	m.release()
	require.ErrorContains(t, m.full.Wait(t), "raise limits.spool_bytes")
	b.Away(false)
	b.pump(t, 1)
	for range 6 {
		require.Equal(t, wire.OutcomeOK, b.results.Wait(t).Outcome)
	}
	require.NoError(t, a.Detach(t.Context()))
	s.empty(t)
}

func TestResultThatIsNeverTakenFailsInstead(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 5)
	b.refuse = map[yonder.ID]bool{b.bundle: true}
	s := newSite(t, b)
	a := s.start(t)
	b.pump(t, 5)
	for range 5 {
		require.Equal(t, wire.OutcomeFailed, b.results.Wait(t).Outcome)
	}
	require.NoError(t, a.Detach(t.Context()))
	s.empty(t)
}

// What a task wrote never keeps its end from the service.
func TestLastWordsAreReportedIfTheyAreTaken(t *testing.T) {
	t.Parallel()
	for _, taken := range []bool{true, false} {
		b := newBrain(t, 1)
		b.refuse = map[yonder.ID]bool{b.bundle: !taken}
		s := newSite(t, b)
		s.provider.setup = func(m *fakeManager) { m.words = "step 1\n" }
		a := s.start(t)
		b.opens.Wait(t)
		require.Eventually(t, func() bool { b.offer(1); return b.lost.Pending() > 0 }, 20*time.Second, 20*time.Millisecond)
		require.Equal(t, taken, b.lost.Wait(t).Stdout == "step 1\n")
		b.refuse = nil
		b.pump(t, 1)
		require.NoError(t, a.Detach(t.Context()))
		s.empty(t)
	}
}

func TestTwoAgentsDoNotShareAStateDirectory(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 1)
	s := newSite(t, b)
	s.start(t)
	second, err := endpoint.New(s.cfg, s.opts)
	require.NoError(t, err)
	require.Equal(t, yonder.CodeAlreadyRunning, yonder.CodeOf(second.Start(t.Context())))
}

func TestNothingSecretIsReadableByOthers(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 3)
	s := newSite(t, b)
	a := s.start(t)
	b.pump(t, 3)
	require.NoError(t, filepath.WalkDir(s.cfg.StateDir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // files come and go
		}
		if info, err := e.Info(); err == nil {
			require.Zero(t, info.Mode().Perm()&0o077, path)
		}
		return nil
	}))
	require.NoError(t, a.Detach(t.Context()))
	require.NoError(t, os.Chmod(s.cfg.Credential, 0o644))
	_, err := endpoint.New(s.cfg, s.opts)
	require.ErrorContains(t, err, "chmod 600")
}

func TestLife(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 1)
	s := newSite(t, b)
	a, err := endpoint.New(s.cfg, s.opts)
	require.NoError(t, err)
	startstoptest.Stress(t, a)
}

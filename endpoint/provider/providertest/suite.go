// Package providertest holds what every provider must pass.
package providertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/provider"
)

// Suite says how to make blocks of the provider under test.
type Suite struct {
	// New returns a driver. A second one stands for the agent after a restart.
	New func(t *testing.T) provider.Provider
	// Sleep is a command that runs until it is ended; Fail is one that writes
	// "broken" and ends at once with a failure. "--block <block>" follows.
	Sleep, Fail []string
	// Patience is how long a change may take to show.
	Patience time.Duration
}

// Run runs the suite.
func (s Suite) Run(t *testing.T) {
	t.Helper()
	t.Run("a block runs until it is cancelled", s.lifecycle)
	t.Run("a later driver adopts it", s.adoption)
	t.Run("a block that fails ends and leaves its log", s.failure)
	t.Run("unknown handles have ended", s.unknown)
	t.Run("a command that cannot start is an error", s.refused)
	t.Run("a block is found by its name", s.find)
}

func (s Suite) spec(t *testing.T, command []string) provider.Spec {
	t.Helper()
	dir := t.TempDir()
	block := yonder.NewID().String()
	return provider.Spec{
		Block: block, Command: append(command[:len(command):len(command)], "--block", block),
		Dir: dir, Log: filepath.Join(dir, "log"),
	}
}

func (s Suite) submit(t *testing.T, p provider.Provider, spec provider.Spec) provider.Handle {
	t.Helper()
	handle, err := p.Submit(t.Context(), spec)
	require.NoError(t, err)
	require.NotEmpty(t, handle)
	t.Cleanup(func() { _ = p.Cancel(t.Context(), handle) })
	return handle
}

func (s Suite) becomes(t *testing.T, p provider.Provider, h provider.Handle, want provider.State) provider.Status {
	t.Helper()
	var last provider.Status
	require.Eventually(t, func() bool {
		all, err := p.Status(t.Context(), []provider.Handle{h})
		require.NoError(t, err)
		require.Contains(t, all, h)
		last = all[h]
		return last.State == want
	}, s.Patience, 10*time.Millisecond)
	return last
}

func (s Suite) lifecycle(t *testing.T) {
	t.Parallel()
	p := s.New(t)
	first, second := s.submit(t, p, s.spec(t, s.Sleep)), s.submit(t, p, s.spec(t, s.Sleep))
	require.NotEqual(t, first, second)
	s.becomes(t, p, first, provider.Running)
	s.becomes(t, p, second, provider.Running)
	require.NoError(t, p.Cancel(t.Context(), first))
	s.becomes(t, p, first, provider.Ended)
	s.becomes(t, p, second, provider.Running)
	require.NoError(t, p.Cancel(t.Context(), first), "again")
	require.NoError(t, p.Cancel(t.Context(), second))
	s.becomes(t, p, second, provider.Ended)
}

func (s Suite) adoption(t *testing.T) {
	t.Parallel()
	h := s.submit(t, s.New(t), s.spec(t, s.Sleep))
	later := s.New(t)
	s.becomes(t, later, h, provider.Running)
	require.NoError(t, later.Cancel(t.Context(), h))
	s.becomes(t, later, h, provider.Ended)
}

func (s Suite) failure(t *testing.T) {
	t.Parallel()
	p := s.New(t)
	spec := s.spec(t, s.Fail)
	status := s.becomes(t, p, s.submit(t, p, spec), provider.Ended)
	require.NotEmpty(t, status.Reason)
	require.Eventually(t, func() bool {
		log, err := os.ReadFile(spec.Log)
		return err == nil && strings.Contains(string(log), "broken")
	}, s.Patience, 10*time.Millisecond)
	info, err := os.Stat(spec.Log)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077, "others can read the log")
}

func (s Suite) unknown(t *testing.T) {
	t.Parallel()
	p := s.New(t)
	all, err := p.Status(t.Context(), []provider.Handle{"999999:1", "no handle"})
	require.NoError(t, err)
	require.Len(t, all, 2)
	for _, status := range all {
		require.Equal(t, provider.Ended, status.State)
	}
	require.NoError(t, p.Cancel(t.Context(), "999999:1"))
	none, err := p.Status(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func (s Suite) refused(t *testing.T) {
	t.Parallel()
	spec := s.spec(t, []string{filepath.Join(t.TempDir(), "no such program")})
	p := s.New(t)
	handle, err := p.Submit(t.Context(), spec)
	if err != nil {
		return
	}
	s.becomes(t, p, handle, provider.Ended) // where the system tries later
}

func (s Suite) find(t *testing.T) {
	t.Parallel()
	finder, ok := s.New(t).(provider.Finder)
	if !ok {
		t.Skip("this provider finds nothing")
	}
	spec := s.spec(t, s.Sleep)
	h := s.submit(t, s.New(t), spec)
	found, ok, err := finder.Find(t.Context(), spec.Block)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, h, found)
	_, ok, err = finder.Find(t.Context(), yonder.NewID().String())
	require.NoError(t, err)
	require.False(t, ok)
}

package reread_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/internal/reread"
)

// pair is two files that say the same if they belong together.
type pair struct {
	t        *testing.T
	one, two string
	now      time.Time
	reads    int
	failures []string
}

func (p *pair) write(file, text string) {
	p.t.Helper()
	require.NoError(p.t, os.WriteFile(file+".new", []byte(text), 0o600))
	require.NoError(p.t, os.Rename(file+".new", file))
}

func (p *pair) read() (string, error) {
	p.reads++
	one, err := os.ReadFile(p.one)
	if err != nil {
		return "", err
	}
	two, err := os.ReadFile(p.two)
	if err == nil && !bytes.Equal(one, two) {
		err = errors.New("they do not belong together")
	}
	return string(one), err
}

func (p *pair) new() (*reread.Value[string], error) {
	failed := func(err error) { p.failures = append(p.failures, err.Error()) }
	return reread.New(p.read, failed, func() time.Time { return p.now }, p.one, p.two)
}

func newPair(t *testing.T) *pair {
	t.Helper()
	dir := t.TempDir()
	p := &pair{t: t, one: filepath.Join(dir, "one"), two: filepath.Join(dir, "two"), now: time.Unix(1e9, 0)}
	p.write(p.one, "first")
	p.write(p.two, "first")
	return p
}

func TestAChangeIsSeenASecondLaterAtMost(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	v, err := p.new()
	require.NoError(t, err)
	p.write(p.one, "other")
	p.write(p.two, "other")
	p.now = p.now.Add(time.Second - 1)
	require.Equal(t, "first", v.Get())
	p.now = p.now.Add(1)
	require.Equal(t, "other", v.Get())
	p.now = p.now.Add(time.Hour)
	require.Equal(t, "other", v.Get())
	require.Equal(t, 2, p.reads, "what has not changed is not read")
	require.Empty(t, p.failures)
}

func TestWhatCannotBeReadChangesNothing(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	v, err := p.new()
	require.NoError(t, err)
	for range 3 { // the second file is not there yet
		p.write(p.one, "other")
		for range 3 {
			p.now = p.now.Add(time.Second)
			require.Equal(t, "first", v.Get())
		}
	}
	require.Len(t, p.failures, 3, "each change is told once")
	require.NoError(t, os.Remove(p.two))
	p.now = p.now.Add(time.Second)
	require.Equal(t, "first", v.Get())
	require.True(t, strings.HasPrefix(p.failures[3], "looking for files: "))
	p.write(p.two, "other")
	p.now = p.now.Add(time.Second)
	require.Equal(t, "other", v.Get())
}

func TestTheFirstTryHasToSucceed(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.write(p.one, "other")
	_, err := p.new()
	require.ErrorContains(t, err, "belong together")
	require.NoError(t, os.Remove(p.one))
	_, err = p.new()
	require.ErrorIs(t, err, os.ErrNotExist)
}

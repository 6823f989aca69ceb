package storetest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/sqlfault"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// Faults fails every statement and every commit of a bundle's life, one life
// after the other over one store: before it took effect and after, alone and
// with the next ones, which are those that tidy up. Whoever asks tries again, as
// clients, agents and the service's own loops do. At the end of each life
// nothing accepted is missing, nothing is there twice, and the store goes on.
func Faults(t *testing.T, faults *sqlfault.Faults, s store.Store) {
	t.Helper()
	b := newBench(t, s)
	for _, kind := range []struct {
		after  bool
		length int
	}{{false, 1}, {true, 1}, {false, 2}, {false, 3}} {
		for n := 1; ; n++ {
			l := b.newLife(fmt.Sprintf("failing %d from %d on, after it took effect: %v", kind.length, n, kind.after))
			faults.Arm(n, kind.length, kind.after)
			l.live()
			struck := faults.Disarm()
			l.check()
			if struck < kind.length {
				require.Greater(t, n, 50, "a life has more statements")
				break
			}
		}
	}
}

// life is what happens to the tasks of one group, from submission to results.
type life struct {
	*bench

	what    string
	group   yonder.ID
	bundles []store.NewBundle
	epoch   int64
}

const lifeTries = 8 // more than statements fail in a row

func (b *bench) newLife(what string) *life {
	b.Helper()
	one := *b
	one.endpoint = b.newEndpoint(what)
	l := &life{bench: &one, what: what, group: nextID()}
	l.bundles = []store.NewBundle{l.bundle(l.group, 3), l.chunk(l.group, 2)}
	l.bundles[1].Payloads[0] = noise(100_000) // which an engine may keep elsewhere
	return l
}

// insist tries again until it is done. The error says what happened.
func (l *life) insist(do func() error) {
	l.Helper()
	var err error
	for range lifeTries {
		if err = do(); err == nil {
			return
		}
		require.ErrorContains(l, err, sqlfault.ErrInjected.Error(), l.what)
	}
	require.NoError(l, err, l.what)
}

func (l *life) live() {
	l.Helper()
	l.begin()
	l.insist(func() error {
		submitted, err := l.Submit(l.Context(), l.bundles)
		if err == nil {
			require.Len(l, submitted.Bundles, len(l.bundles))
		}
		return err
	})
	l.insist(func() error {
		_, err := l.CancelTasks(l.Context(), store.Cancel{Task: l.bundles[0].ID.Task(1)})
		return err
	})
	for range lifeTries {
		if l.round() == 0 {
			return
		}
	}
}

// begin opens the agent's session.
func (l *life) begin() {
	l.Helper()
	open := wire.SessionOpen{Instance: nextID(), Journal: nextID(), Capacity: wire.Capacity{Tasks: 4, Bytes: 1 << 20}}
	l.insist(func() (err error) {
		l.epoch, err = l.OpenSession(l.Context(), l.endpoint, open, l.now)
		return err
	})
	l.insist(func() error {
		_, _, err := l.Reconcile(l.Context(), l.endpoint, wire.Reconcile{Epoch: l.epoch, Last: true}, l.now)
		return err
	})
}

// round is an agent's work: it takes what it is offered, or was and did not
// hear of, and runs it.
func (l *life) round() int {
	l.Helper()
	var offered []store.Offered
	l.insist(func() (err error) {
		_, err = l.Claim(l.Context(), l.endpoint, wire.MaxFabricFrame, l.now)
		return err
	})
	l.insist(func() (err error) {
		offered, err = l.Unanswered(l.Context(), l.endpoint, l.now.Add(time.Hour), wire.MaxFabricFrame)
		return err
	})
	spans := spansOf(offered)
	l.insist(func() error {
		refused, err := l.Accept(l.Context(), l.endpoint, wire.Accept{Epoch: l.epoch, Spans: spans}, l.now)
		require.Empty(l, refused, l.what)
		return err
	})
	l.report(wire.Report{Epoch: l.epoch, Started: spans})
	r, columns := successes(l.epoch, spans...)
	for i, e := range r.Results {
		if e.Bundle == l.bundles[1].ID {
			columns[i] = l.bundles[1].Payloads[0]
		}
	}
	l.report(r, columns...)
	l.insist(func() error {
		_, err := l.Tidy(l.Context(), l.now.Add(day))
		return err
	})
	return len(spans)
}

func (l *life) report(r wire.Report, columns ...[]byte) {
	l.Helper()
	l.insist(func() error {
		_, _, err := l.Report(l.Context(), l.endpoint, r, columns, l.now)
		return err
	})
}

// check asks what everybody can see.
func (l *life) check() {
	l.Helper()
	group, err := l.Group(l.Context(), l.group)
	require.NoError(l, err, l.what)
	require.EqualValues(l, 5, group.Tasks, l.what)
	require.EqualValues(l, 5, group.Done, l.what)
	require.EqualValues(l, 1, group.Failed, l.what+": the cancelled one")
	entries, columns := l.results(l.group)
	for i, e := range entries {
		if e.Bundle == l.bundles[1].ID {
			require.True(l, bytes.Equal(l.bundles[1].Payloads[0], columns[i]), l.what)
		}
	}
	seen := map[yonder.ID]int{}
	for i, e := range entries {
		require.EqualValues(l, i+1, e.Cursor, l.what)
		for task := e.Lo; task < e.Hi; task++ {
			seen[e.Bundle.Task(task)]++
		}
	}
	require.Len(l, seen, 5, l.what)
	for task, times := range seen {
		require.Equal(l, 1, times, "%s: %s", l.what, task)
	}
}

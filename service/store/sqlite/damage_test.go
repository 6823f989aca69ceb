package sqlite_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// spoil changes what lies beside a database of payloads that consist of this byte.
func spoil(t *testing.T, path string, of byte) {
	t.Helper()
	for _, name := range segmentsOf(t, path) {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		run := bytes.Repeat([]byte{of}, 1000)
		require.NoError(t, os.WriteFile(name, bytes.ReplaceAll(data, run, make([]byte, len(run))), 0o600))
	}
}

// damaged is tasks of two owners at an endpoint, some of whose payloads are
// spoiled.
type damaged struct {
	*place

	bundles []store.NewBundle
	spoiled map[yonder.ID]bool // tasks
	given   map[yonder.ID][]byte
}

func drawDamaged(t *testing.T, r *rapid.T, p *place) (*damaged, []byte) {
	t.Helper()
	d := &damaged{place: p, spoiled: map[yonder.ID]bool{}, given: map[yonder.ID][]byte{}}
	owners := []yonder.ID{p.owner, yonder.NewID()}
	require.NoError(t, p.CreateIdentity(t.Context(), yonder.Identity{
		ID: owners[1], Name: owners[1].String(), Kind: yonder.IdentityPerson, Created: p.now,
	}))
	var next byte
	var lost []byte
	for range rapid.IntRange(1, 5).Draw(r, "bundles") {
		n := p.bundle()
		n.Owner, n.Payloads = rapid.SampledFrom(owners).Draw(r, "owner"), nil
		n.Tasks = rapid.IntRange(1, 3).Draw(r, "tasks")
		columns := n.Tasks
		if rapid.Bool().Draw(r, "a chunk") {
			n.Form, columns = wire.FormChunk, 1
		}
		size := rapid.SampledFrom([]int{100, 200_000}).Draw(r, "size") // two of the large ones do not share a page
		for i := range columns {
			next++
			n.Payloads = append(n.Payloads, bytes.Repeat([]byte{next}, size))
			if size == 200_000 && rapid.Bool().Draw(r, "spoiled") {
				lost = append(lost, next)
				for task := i; task < i+n.Tasks-columns+1; task++ {
					d.spoiled[n.ID.Task(task)] = true
				}
			}
		}
		d.bundles = append(d.bundles, n)
	}
	return d, lost
}

// take accepts what is offered, and says whether there was anything.
func (d *damaged) take(t *testing.T, offered []store.Offered) bool {
	t.Helper()
	var spans []wire.Span
	for _, o := range offered {
		spans = append(spans, o.Lease.Span)
		for i := o.Lease.Lo; i < o.Lease.Hi; i++ {
			d.given[o.Lease.Bundle.Task(i)] = o.Payloads[min(i-o.Lease.Lo, len(o.Payloads)-1)]
		}
	}
	refused, err := d.Accept(t.Context(), d.endpoint, wire.Accept{Epoch: d.epoch, Spans: spans}, d.now)
	require.NoError(t, err)
	require.Empty(t, refused)
	return len(offered) > 0
}

func (d *damaged) claim(t *testing.T) []store.Offered {
	t.Helper()
	offered, err := d.Claim(t.Context(), d.endpoint, 300_000, d.now)
	require.NoError(t, err)
	return offered
}

// check says that those are given that can be read, and the others have ended.
func (d *damaged) check(t *testing.T) {
	t.Helper()
	for _, n := range d.bundles {
		ended := map[yonder.ID]bool{}
		page, columns, err := d.GroupResults(t.Context(), n.Group, 0, 100, 1<<20)
		require.NoError(t, err)
		for i, e := range page.Entries {
			var why wire.TaskError
			require.NoError(t, json.Unmarshal(columns[i], &why))
			require.Equal(t, yonder.CodeStorageCorrupt, why.Code)
			require.Contains(t, why.Message, ".payloads")
			for at := e.Lo; at < e.Hi; at++ {
				ended[n.ID.Task(at)] = true
			}
		}
		for i := range n.Tasks {
			id := n.ID.Task(i)
			require.Equal(t, d.spoiled[id], ended[id])
			if !d.spoiled[id] {
				require.True(t, bytes.Equal(n.Payloads[min(i, len(n.Payloads)-1)], d.given[id]))
			}
		}
	}
	waits, err := d.Waits(t.Context(), d.endpoint)
	require.NoError(t, err)
	require.False(t, waits)
}

// What cannot be read any more costs the tasks whose it was, and no others:
// neither those of the same bundle, nor of the same endpoint.
func TestDamagedArgumentsEndTheirOwnTasks(t *testing.T) {
	t.Parallel()
	for name, offered := range map[string]bool{"queued": false, "offered": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := fresh(t)
			s := open(t, path, true)
			rapid.Check(t, func(r *rapid.T) {
				p := newPlace(t, s)
				d, lost := drawDamaged(t, r, p)
				_, err := p.PauseEndpoint(t.Context(), p.endpoint, &yonder.Pause{}, p.now)
				require.NoError(t, err)
				_, err = p.Submit(t.Context(), d.bundles)
				require.NoError(t, err)
				_, err = p.PauseEndpoint(t.Context(), p.endpoint, nil, p.now)
				require.NoError(t, err)
				if offered {
					for n := 1; n > 0; {
						n = len(d.claim(t))
					}
				}
				for _, of := range lost {
					spoil(t, path, of)
				}
				if offered {
					again, err := p.Unanswered(t.Context(), p.endpoint, p.now.Add(time.Second), 10<<20)
					require.NoError(t, err)
					d.takeAgain(t, again)
				}
				for more := true; more; {
					more = d.take(t, d.claim(t))
				}
				d.check(t)
			})
			require.NoError(t, s.Close())
		})
	}
}

// takeAgain is take of offers that are repeated: those of a bundle of which
// something cannot be read come anew.
func (d *damaged) takeAgain(t *testing.T, offered []store.Offered) {
	t.Helper()
	whole := map[yonder.ID]bool{}
	for id := range maps.Keys(d.spoiled) {
		whole[id.Bundle()] = true
	}
	var mine []store.Offered
	for _, o := range offered {
		if !whole[o.Lease.Bundle] {
			mine = append(mine, o)
		}
	}
	d.take(t, mine)
}

// A result that cannot be read is one that says so; what comes after it is read.
func TestADamagedResultIsOneThatFailed(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	s := open(t, path, true)
	p := newPlace(t, s)
	p.size = largeSize
	n := p.bundle()
	group := n.Group
	for i := range 3 {
		n := p.bundle()
		n.Group, n.Payloads = group, [][]byte{{0}}
		submitted, err := p.Submit(t.Context(), []store.NewBundle{n})
		require.NoError(t, err)
		_, err = p.Accept(t.Context(), p.endpoint, wire.Accept{Epoch: p.epoch, Spans: []wire.Span{submitted.Offered[0].Lease.Span}}, p.now)
		require.NoError(t, err)
		value := bytes.Repeat([]byte{byte(i + 1)}, largeSize)
		_, err = p.ReportNews(t.Context(), p.endpoint, result(p.epoch, &n), [][]byte{value}, p.now)
		require.NoError(t, err)
	}
	spoil(t, path, 2)
	page, columns, err := p.GroupResults(t.Context(), group, 0, 100, 1<<20)
	require.NoError(t, err)
	require.Len(t, page.Entries, 3)
	require.Equal(t, []wire.Outcome{wire.OutcomeOK, wire.OutcomeFailed, wire.OutcomeOK},
		[]wire.Outcome{page.Entries[0].Outcome, page.Entries[1].Outcome, page.Entries[2].Outcome})
	require.Len(t, columns[2], largeSize)
	var why wire.TaskError
	require.NoError(t, json.Unmarshal(columns[1], &why))
	require.Equal(t, yonder.CodeStorageCorrupt, why.Code)
	_, _, err = p.TaskResult(t.Context(), page.Entries[1].Bundle.Task(0))
	require.Equal(t, yonder.CodeStorageCorrupt, yonder.CodeOf(err))
	require.NoError(t, s.Close())
}

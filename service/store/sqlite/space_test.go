package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqlite"
	"github.com/yonder-run/yonder/wire"
)

const retention = 14 * 24 * time.Hour

// place is an endpoint with a live session in a store.
type place struct {
	store.Store

	owner, endpoint yonder.ID
	epoch           int64
	now             time.Time
	size            int // of arguments and results
}

func newPlace(t *testing.T, s store.Store) *place {
	t.Helper()
	p := &place{Store: s, owner: yonder.NewID(), endpoint: yonder.NewID(), now: time.Now(), size: 32 << 10}
	owner := yonder.Identity{ID: p.owner, Name: p.owner.String(), Kind: yonder.IdentityPerson, Created: p.now}
	require.NoError(t, s.CreateIdentity(t.Context(), owner))
	token := yonder.Token{ID: yonder.NewID(), Identity: p.owner, Endpoint: &p.endpoint, Created: p.now}
	e := yonder.Endpoint{ID: p.endpoint, Name: "e", Owner: p.owner, Created: p.now}
	require.NoError(t, s.CreateEndpoint(t.Context(), e, token, []byte("hash")))
	open := wire.SessionOpen{Instance: yonder.NewID(), Journal: yonder.NewID(), Capacity: wire.Capacity{Tasks: 1 << 20, Bytes: 1 << 40}}
	var err error
	p.epoch, err = s.OpenSession(t.Context(), p.endpoint, open, p.now)
	require.NoError(t, err)
	_, _, err = s.Reconcile(t.Context(), p.endpoint, wire.Reconcile{Epoch: p.epoch, Last: true}, p.now)
	require.NoError(t, err)
	return p
}

// bundle is one task with an argument.
func (p *place) bundle() store.NewBundle {
	return store.NewBundle{
		Bundle: wire.Bundle{
			ID: yonder.NewBundleID(), Group: yonder.NewID(), Endpoint: p.endpoint, Function: yonder.NewID(),
			Tasks: 1, Form: wire.FormEach, Codec: "pickle",
		},
		Owner: p.owner, Payloads: [][]byte{bytes.Repeat([]byte{7}, p.size)}, Submitted: p.now,
	}
}

// fill has tasks done until something fails, and returns those that were.
func (p *place) fill(t *testing.T, most int) ([]store.NewBundle, error) {
	t.Helper()
	var done []store.NewBundle
	for len(done) < most {
		n := p.bundle()
		submitted, err := p.Submit(t.Context(), []store.NewBundle{n})
		if err != nil {
			return done, err
		}
		span := submitted.Offered[0].Lease.Span
		if _, err := p.Accept(t.Context(), p.endpoint, wire.Accept{Epoch: p.epoch, Spans: []wire.Span{span}}, p.now); err != nil {
			return done, err
		}
		report := wire.Report{Epoch: p.epoch, Results: []wire.Entry{
			{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 1, Outcome: wire.OutcomeOK, Form: wire.FormEach},
		}}
		if _, _, err := p.Report(t.Context(), p.endpoint, report, n.Payloads, p.now); err != nil {
			return done, err
		}
		done = append(done, n)
	}
	return done, nil
}

// retire lets everything go that is there now.
func (p *place) retire(t *testing.T) {
	t.Helper()
	p.now = p.now.Add(retention)
	for more := true; more; {
		r, err := p.Retire(t.Context(), p.now, 0, 100)
		require.NoError(t, err)
		more = r.More
	}
}

// fillAndRecover fills a disk: what was accepted can be read, and once there is space
// things go on by themselves.
func fillAndRecover(t *testing.T, s store.Store, free func(p *place)) {
	t.Helper()
	p := newPlace(t, s)
	done, err := p.fill(t, 10_000)
	require.Equal(t, yonder.CodeStorageFull, yonder.CodeOf(err), "%v", err)
	require.NotEmpty(t, done)
	for _, n := range done {
		_, payload, err := p.TaskResult(t.Context(), n.ID)
		require.NoError(t, err)
		require.Equal(t, n.Payloads[0], payload)
	}
	require.NoError(t, p.Ping(t.Context()))
	_, err = p.fill(t, 100)
	require.Equal(t, yonder.CodeStorageFull, yonder.CodeOf(err), "%v", err)

	free(p)
	again, err := p.fill(t, 5)
	require.NoError(t, err)
	require.Len(t, again, 5)
	require.NoError(t, s.Close())
}

func TestAFullDatabaseServesReadsAndRecovers(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: fresh(t), Relaxed: true, MaxBytes: 4 << 20})
	require.NoError(t, err)
	fillAndRecover(t, s, func(p *place) { p.retire(t) })
}

func TestAFullPlaceBesideTheDatabaseServesReadsAndRecovers(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Relaxed: true, MaxBytes: 8 << 20})
	require.NoError(t, err)
	p := newPlace(t, s)
	p.size = 100_000
	done, err := p.fill(t, 1000)
	require.Equal(t, yonder.CodeStorageFull, yonder.CodeOf(err), "%v", err)
	_, err = s.Tidy(t.Context(), p.now)
	require.NoError(t, err)
	for _, n := range done {
		_, payload, err := p.TaskResult(t.Context(), n.ID)
		require.NoError(t, err)
		require.Equal(t, n.Payloads[0], payload)
	}
	some, err := p.fill(t, 5)
	require.NoError(t, err, "what was done made room at once")
	require.Len(t, some, 5)
	p.retire(t)
	_, err = s.Tidy(t.Context(), p.now.Add(2*time.Hour)) // makes holes
	require.NoError(t, err)
	require.NoError(t, s.Close())

	again := open(t, path, true)
	_, err = again.Tidy(t.Context(), p.now.Add(2*time.Hour))
	require.NoError(t, err)
	left, err := again.Size(t.Context())
	require.NoError(t, err)
	require.Less(t, left.Bytes, int64(4<<20), "the argument of the task that was not done, and empty tables")
	p.Store = again
	some, err = p.fill(t, 5)
	require.NoError(t, err)
	require.Len(t, some, 5)
	require.NoError(t, again.Close())
}

func TestTheFileGetsSmallerAgain(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	s := open(t, path, true)
	p := newPlace(t, s)
	before, err := s.Size(t.Context())
	require.NoError(t, err)
	_, err = p.fill(t, 1000)
	require.NoError(t, err)
	full, err := s.Size(t.Context())
	require.NoError(t, err)
	require.Greater(t, full.Bytes, int64(32<<20))
	p.retire(t)
	turns := 0
	for more := true; more; turns++ {
		more, err = s.Tidy(t.Context(), p.now)
		require.NoError(t, err)
	}
	require.Greater(t, turns, 1, "one turn gives back a bounded part")
	after, err := s.Size(t.Context())
	require.NoError(t, err)
	require.Less(t, after.Bytes-after.Free, before.Bytes+6<<20, "nothing is left behind but the log")
	require.NoError(t, s.Close())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(8<<20))
}

func TestAnOlderFileLearnsToGiveSpaceBack(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	old := raw(t, path)
	_, err := old.Exec("CREATE TABLE other (x); INSERT INTO other VALUES (1)")
	require.NoError(t, err)
	require.NoError(t, old.Close())
	require.NoError(t, open(t, path, true).Close())
	var mode int
	require.NoError(t, raw(t, path).QueryRow("PRAGMA auto_vacuum").Scan(&mode))
	require.Equal(t, 2, mode)
}

package sqldb

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/lease"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// draft is a submitted bundle as it will be stored: encoded outside of the
// transaction, which other writers wait for.
type draft struct {
	store.NewBundle
	row   gen.InsertBundleParams
	pages []page   // that have rows of their own
	data  [][]byte // of pages
	kept  *kept    // of all drafts' pages
	first int      // of its own, in kept
	keys  [][]byte // by task, of what its memo may hold; nil: nothing
	isNew bool
	pause *yonder.Pause // of its endpoint
}

func newDraft(b store.NewBundle) (*draft, error) {
	if err := checkBundle(&b.Bundle, len(b.Payloads)); err != nil {
		return nil, err
	}
	d := &draft{NewBundle: b, pages: paginate(b.Form, b.Tasks, b.Payloads), keys: memoKeys(&b)}
	for _, p := range d.pages {
		d.data = append(d.data, p.encode())
	}
	blobs := ""
	if len(b.Blobs) > 0 {
		blobs = document(b.Blobs)
	}
	d.row = gen.InsertBundleParams{
		ID: b.ID, GroupID: b.Group, Owner: b.Owner, Endpoint: b.Endpoint, FunctionID: b.Function, Version: int64(b.Version),
		Hash: b.Hash, Kind: b.Kind, Requires: document(b.Requires), Form: string(b.Form), Codec: text(b.Codec), Label: text(b.Label),
		Tasks: int64(b.Tasks), TaskBytes: int64(math.Ceil(float64(payloadBytes(b.Payloads)) / float64(b.Tasks))),
		MaxAttempts: int64(max(b.MaxAttempts, 1)), Priority: int64(b.Priority), Walltime: b.Walltime, Blobs: blobs,
		Submitted: micros(b.Submitted), GiveUpAt: maybeMicros(b.GiveUpAt), Remaining: int64(b.Tasks), Done: lease.NewBitmap(b.Tasks),
		Retry: policy(b.Retry), Memo: d.keys != nil, Page: []byte{},
	}
	if len(d.data) == 1 && len(d.data[0]) <= smallPage {
		d.row.Page, d.pages = d.data[0], nil
	}
	return d, nil
}

// Submit accepts all bundles or none.
func (s *Store) Submit(ctx context.Context, bundles []store.NewBundle) (store.Submitted, error) {
	return s.SubmitAhead(ctx, bundles, nil)
}

// SubmitAhead is Submit that tells what is offered before it is committed. The
// agent's accept waits for that: it needs the lock of the same session.
func (s *Store) SubmitAhead(
	ctx context.Context, bundles []store.NewBundle, ahead func([]store.Offered),
) (submitted store.Submitted, err error) {
	drafts := make([]*draft, len(bundles))
	for i, b := range bundles {
		// Microseconds apart, a request's bundles queue in its order.
		b.Submitted = b.Submitted.Add(time.Duration(i) * time.Microsecond)
		if drafts[i], err = newDraft(b); err != nil {
			return store.Submitted{}, err
		}
	}
	kept, err := s.keepPages(drafts)
	if err != nil {
		return store.Submitted{}, err
	}
	defer kept.done()
	var offered announcement
	err = s.tasks.WriteAhead(ctx, kept.around(func(ctx context.Context, q *gen.Queries) error {
		if err := insertBundles(ctx, q, drafts); err != nil {
			return err
		}
		leases, woken, err := enqueue(ctx, q, drafts)
		offered.latest.Store(&leases)
		submitted.Woken = woken
		return err
	}), offered.teller(ahead))
	kept.settle(err)
	if err != nil {
		return store.Submitted{}, err
	}
	submitted.Offered = offered.untold()
	for _, d := range drafts {
		submitted.Bundles = append(submitted.Bundles, wire.SubmittedBundle{
			ID: d.ID, Group: d.Group, Tasks: d.Tasks, Duplicate: !d.isNew, Paused: d.pause,
		})
	}
	return submitted, nil
}

// aheadMost is how many leases are told ahead. Packing more takes longer than
// their commit, which it would hold up.
const aheadMost = 16

// announcement is what the latest run of a transaction offers, and what was
// told of it.
type announcement struct {
	latest atomic.Pointer[[]store.Offered]
	told   *[]store.Offered
}

func (a *announcement) teller(ahead func([]store.Offered)) func() {
	if ahead == nil {
		return nil
	}
	return func() {
		if latest := a.latest.Load(); len(*latest) <= aheadMost {
			a.told = latest
			ahead(*latest)
		}
	}
}

func (a *announcement) untold() []store.Offered {
	if latest := a.latest.Load(); latest != a.told {
		return *latest
	}
	return nil
}

// keepPages puts large pages beside the tables before rows refer to them: the
// writer waits for none of that.
func (s *Store) keepPages(drafts []*draft) (*kept, error) {
	var all [][]byte
	for _, d := range drafts {
		d.first = len(all)
		all = append(all, d.data...)
	}
	kept, err := s.keep(all)
	for _, d := range drafts {
		d.kept = kept
	}
	return kept, err
}

// insertPages stores a new bundle's payloads, or where they are.
func (d *draft) insertPages(ctx context.Context, q *gen.Queries) error {
	for i, p := range d.pages {
		row := gen.InsertPageParams{BundleID: d.ID, Lo: int64(p.lo), Hi: int64(p.hi), Data: filled(d.data[i])}
		if at := d.kept.take(d.first + i); at.Segment > 0 {
			row.Data = []byte{}
			row.Segment, row.Place, row.Away, row.Checksum = at.Segment, at.Offset, at.Size, int64(at.Sum)
		}
		if err := q.InsertPage(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// insertBundles stores the rows that are new. It comes before any lock, and
// in the order of ids, because it waits for whoever submits the same bundle.
func insertBundles(ctx context.Context, q *gen.Queries, drafts []*draft) error {
	sorted := slices.SortedStableFunc(slices.Values(drafts), func(a, b *draft) int { return compareIDs(a.ID, b.ID) })
	for _, d := range sorted {
		n, err := q.InsertBundle(ctx, d.row)
		if err != nil {
			return err
		}
		if d.isNew = n > 0; d.isNew {
			continue
		}
		there, err := q.GetBundle(ctx, d.ID)
		if err != nil {
			return err
		}
		if there.Owner != d.Owner {
			return yonder.FieldErrorf(yonder.CodeConflict, "id", "bundle %s is there already: make a new id", d.ID)
		}
		d.Group, d.Tasks = there.GroupID, int(there.Tasks)
	}
	return nil
}

// enqueue gives new bundles their payloads, their ranges and their groups,
// ends what memos answer, and claims what nothing older waits for.
func enqueue(ctx context.Context, q *gen.Queries, drafts []*draft) ([]store.Offered, store.Woken, error) {
	fresh := slices.DeleteFunc(slices.Clone(drafts), func(d *draft) bool { return !d.isNew })
	if len(fresh) == 0 {
		return nil, nil, nil
	}
	endpoints := make([]yonder.ID, len(fresh))
	for i, d := range fresh {
		endpoints[i] = d.Endpoint
	}
	now := slices.MaxFunc(fresh, func(a, b *draft) int { return a.Submitted.Compare(b.Submitted) }).Submitted
	t, err := begin(ctx, q, now, endpoints...)
	if err != nil {
		return nil, nil, err
	}
	if err := referToBlobs(ctx, q, fresh); err != nil {
		return nil, nil, err
	}
	var offered []store.Offered
	for _, d := range fresh {
		claimed, err := t.enqueue(ctx, d)
		if err != nil {
			return nil, nil, err
		}
		offered = append(offered, claimed...)
	}
	return offered, t.woken(), t.flush(ctx)
}

// referToBlobs keeps uploads that are payloads, in the order of their ids.
func referToBlobs(ctx context.Context, q *gen.Queries, drafts []*draft) error {
	users := map[yonder.ID][]*draft{}
	for _, d := range drafts {
		for _, blob := range d.Blobs {
			users[blob.ID] = append(users[blob.ID], d)
		}
	}
	for _, id := range sortedKeys(users) {
		for _, d := range users[id] {
			n, err := q.ReferToBlob(ctx, d.ID, id, d.Owner)
			err = changed(n, err, yonder.CodeNotFound, "there is no upload %s of yours, or another bundle has it: upload it again", id)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *turn) enqueue(ctx context.Context, d *draft) ([]store.Offered, error) {
	s, ok := t.sessions[d.Endpoint]
	if !ok || s.State == yonder.SessionFenced {
		return nil, yonder.FieldErrorf(yonder.CodeNotFound, "endpoint", "there is no endpoint %s", d.Endpoint)
	}
	var err error
	if d.pause, err = pauseOf(&s.Session); err != nil {
		return nil, err
	}
	if err := d.insertPages(ctx, t.q); err != nil {
		return nil, err
	}
	j := t.joins[d.Group]
	if j == nil {
		j = &join{owner: d.Owner, otherwise: d.Bounds.Retention}
		t.joins[d.Group] = j
	}
	if j.owner != d.Owner {
		return nil, yonder.FieldErrorf(yonder.CodeForbidden, "group", "bundles of two owners cannot be of one group")
	}
	j.tasks += int64(d.Tasks)
	j.asked = max(j.asked, d.Retention)

	b := &bundle{Bundle: d.bundleRow(), lease: lease.New(d.ID, d.Tasks, int(d.row.MaxAttempts), micros(d.Submitted))}
	b.lease.Retry = d.Retry
	idle := s.State == yonder.SessionLive && s.Paused == "" && s.QueuedTasks == s.RestingTasks
	t.add(b)
	if err := t.recall(ctx, d, b); err != nil {
		return nil, err
	}
	t.recount(b)
	t.queue(b).bounds = &d.Bounds
	if !idle {
		return nil, nil
	}
	return t.offerAll(ctx, s, b, d)
}

// offerAll claims what the session has credit for.
func (t *turn) offerAll(ctx context.Context, s *session, b *bundle, d *draft) ([]store.Offered, error) {
	left := b.lease.Remaining()
	most, err := t.mostNow(ctx, b, &d.Bounds, s.credit(b, left))
	if err != nil {
		return nil, err
	}
	if most < left && b.Form == string(wire.FormChunk) && most < s.credit(b, left) {
		return nil, nil // it goes whole, with the next claim
	}
	var offered []store.Offered
	for _, r := range slices.Clone(b.lease.Ranges) { // one, but where a memo has answered some
		hi := min(r.Hi, r.Lo+most)
		if hi == r.Lo {
			break
		}
		most -= hi - r.Lo
		part, err := t.offerRange(ctx, s, b, d, r.Lo, hi)
		if err != nil {
			return nil, err
		}
		offered = append(offered, part...)
	}
	return offered, nil
}

// offerRange offers queued tasks, in leases of a frame each.
func (t *turn) offerRange(ctx context.Context, s *session, b *bundle, d *draft, lo, hi int) ([]store.Offered, error) {
	s.Grants++
	left := wire.Span{Bundle: b.ID, Attempt: 1, Lo: lo, Hi: hi, Grant: s.Grants}
	b.lease.Offer(s.Epoch, s.Grants, left.Lo, left.Hi)
	t.recount(b)
	var offered []store.Offered
	for left.Lo < left.Hi {
		o, err := b.fill(ctx, inMemory(d.Tasks, d.Payloads), left, &budget{left: offerBytes})
		if err != nil {
			return nil, err
		}
		o.Epoch, o.Lease.Weight = s.Epoch, told(weightOf(d.Bounds.Owner))
		offered = append(offered, o)
		left.Lo = o.Lease.Hi
	}
	return offered, nil
}

// bundleRow is the row that was just inserted.
func (d *draft) bundleRow() gen.Bundle {
	r := d.row
	return gen.Bundle{
		ID: r.ID, GroupID: r.GroupID, Owner: r.Owner, Endpoint: r.Endpoint, FunctionID: r.FunctionID, Version: r.Version,
		Hash: r.Hash, Kind: r.Kind, Requires: r.Requires, Form: r.Form, Codec: r.Codec, Label: r.Label,
		Tasks: r.Tasks, TaskBytes: r.TaskBytes, MaxAttempts: r.MaxAttempts, Priority: r.Priority, Walltime: r.Walltime,
		Blobs: r.Blobs, Submitted: r.Submitted, GiveUpAt: r.GiveUpAt, Remaining: r.Remaining, Done: r.Done, Retry: r.Retry, Memo: r.Memo,
		Page: r.Page,
	}
}

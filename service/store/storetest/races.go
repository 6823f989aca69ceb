package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

var races = []behaviour{
	{"give one setting to all", func(b *bench) {
		got := make([]string, 8)
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() {
				value, err := b.either(i).Setting(b.Context(), "key", fmt.Append(nil, i))
				if err == nil {
					got[i] = string(value)
				}
			})
		}
		wg.Wait()
		for _, value := range got {
			require.NotEmpty(b, value)
			require.Equal(b, got[0], value)
		}
	}},
	{"grant every instance an epoch of its own", func(b *bench) {
		epochs := make([]int64, 8)
		var wg sync.WaitGroup
		for i := range epochs {
			wg.Go(func() {
				epochs[i], _ = b.either(i).OpenSession(b.Context(), b.endpoint, wire.SessionOpen{Instance: yonder.NewID()}, b.now)
			})
		}
		wg.Wait()
		require.ElementsMatch(b, []int64{1, 2, 3, 4, 5, 6, 7, 8}, epochs)
	}},
	{"accept a bundle once", func(b *bench) {
		n := b.bundle(yonder.NewID(), 3)
		fresh := make([]int, 8)
		var group errgroup.Group
		for i := range fresh {
			group.Go(func() error {
				submitted, err := b.either(i).Submit(b.Context(), []store.NewBundle{n})
				if err == nil && !submitted.Bundles[0].Duplicate {
					fresh[i] = 1
				}
				return err
			})
		}
		require.NoError(b, group.Wait())
		require.ElementsMatch(b, []int{1, 0, 0, 0, 0, 0, 0, 0}, fresh)
		g, err := b.Group(b.Context(), n.Group)
		require.NoError(b, err)
		require.EqualValues(b, 3, g.Tasks)
	}},
	{"offer a task once", func(b *bench) {
		b.wait(b.bundle(yonder.NewID(), 50))
		b.live(b.endpoint, 30)
		var mu sync.Mutex
		seen := map[yonder.ID]int{}
		var group errgroup.Group
		for i := range 8 {
			group.Go(func() error {
				offered, err := b.either(i).Claim(b.Context(), b.endpoint, 500, b.now)
				mu.Lock()
				defer mu.Unlock()
				for _, s := range spansOf(offered) {
					for i := s.Lo; i < s.Hi; i++ {
						seen[s.Bundle.Task(i)]++
					}
				}
				return err
			})
		}
		require.NoError(b, group.Wait())
		require.NotEmpty(b, seen)
		for id, n := range seen {
			require.Equal(b, 1, n, id)
		}
		require.LessOrEqual(b, len(seen), 30)
	}},
	{"of everything at once keep every promise", storm},
}

// either returns one of the two replicas.
func (b *bench) either(i int) store.Store {
	if i%2 == 0 {
		return b.Store
	}
	return b.replica
}

const (
	stormEndpoints = 3
	stormGroups    = 3
	stormSubmits   = 12 // by each submitter
	stormWorkers   = 8
)

// storm lets submitters, agents that lose and repeat things, and somebody who
// cancels work on the same endpoints and groups through two replicas. In the
// end every task has one result, streams have no gaps and counters are right.
func storm(b *bench) {
	world := &world{bench: b, submitted: map[yonder.ID]int{}}
	for i := range stormEndpoints {
		world.endpoints = append(world.endpoints, b.newEndpoint(fmt.Sprintf("storm %d", i)))
		world.epochs = append(world.epochs, b.live(world.endpoints[i], 12))
	}
	for range stormGroups {
		world.groups = append(world.groups, yonder.NewID())
	}
	var submitters, agents errgroup.Group
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	for i := range stormWorkers {
		chance := func(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(uint64(i), seed)) }
		submitters.Go(func() error { return world.submit(b.Context(), b.either(i), chance(1)) })
		agents.Go(func() error { return world.agent(b.Context(), ctx, b.either(i), i%stormEndpoints, chance(2)) })
	}
	require.NoError(b, submitters.Wait())
	stop()
	require.NoError(b, agents.Wait())
	world.drain()
	world.check()
}

type world struct {
	*bench

	endpoints []yonder.ID
	epochs    []int64
	groups    []yonder.ID
	mu        sync.Mutex
	submitted map[yonder.ID]int // tasks by bundle
}

func (w *world) submit(ctx context.Context, s store.Store, rng *rand.Rand) error {
	for range stormSubmits {
		var bundles []store.NewBundle
		for range 1 + rng.IntN(3) {
			n := w.bundle(w.groups[rng.IntN(len(w.groups))], 1+rng.IntN(20))
			if rng.IntN(4) == 0 {
				n = w.chunk(n.Group, n.Tasks)
			}
			n.Endpoint = w.endpoints[rng.IntN(len(w.endpoints))]
			n.MaxAttempts, n.Priority = 1+rng.IntN(3), rng.IntN(2)
			bundles = append(bundles, n)
		}
		if _, err := s.Submit(ctx, bundles); err != nil {
			return err
		}
		w.mu.Lock()
		for _, n := range bundles {
			w.submitted[n.ID] = n.Tasks
		}
		w.mu.Unlock()
		var err error
		switch n := bundles[0]; rng.IntN(6) {
		case 0:
			_, err = s.CancelTasks(ctx, store.Cancel{Task: n.ID.Task(rng.IntN(n.Tasks))})
		case 1:
			_, err = s.Submit(ctx, bundles)
		}
		if err != nil {
			return err
		}
	}
	_, err := s.CancelTasks(ctx, store.Cancel{Group: w.groups[0]})
	return err
}

// agent works on an endpoint until stopped, beside other goroutines that do
// the same under the same epoch.
func (w *world) agent(ctx, stopped context.Context, s store.Store, i int, rng *rand.Rand) error {
	for stopped.Err() == nil {
		if err := w.round(ctx, s, i, rng); err != nil {
			return err
		}
	}
	return nil
}

// round claims, accepts and reports, not always all of it.
func (w *world) round(ctx context.Context, s store.Store, i int, rng *rand.Rand) error {
	endpoint, epoch := w.endpoints[i], w.epochs[i]
	offered, err := s.Claim(ctx, endpoint, 1+rng.IntN(2000), w.now)
	if err != nil {
		return err
	}
	if len(offered) == 0 {
		// What submitters were offered, nobody else heard of.
		if offered, err = s.Unanswered(ctx, endpoint, w.now.Add(1), 2000); err != nil {
			return err
		}
	}
	var accept wire.Accept
	accept.Epoch = epoch
	for _, span := range spansOf(offered) {
		if rng.IntN(8) == 0 {
			accept.Declined = append(accept.Declined, span)
		} else {
			accept.Spans = append(accept.Spans, span)
		}
	}
	if _, err := s.Accept(ctx, endpoint, accept, w.now); err != nil {
		return err
	}
	r := wire.Report{Epoch: epoch, Started: accept.Spans}
	var done []wire.Span
	for _, span := range accept.Spans {
		switch rng.IntN(6) {
		case 0:
			r.Lost = append(r.Lost, wire.Loss{Span: span, Started: rng.IntN(2) == 0})
			done = append(done, span) // both: one of them counts
		case 1:
			mid := span.Lo + rng.IntN(span.Tasks())
			if mid > span.Lo {
				done = append(done, wire.Span{Bundle: span.Bundle, Attempt: span.Attempt, Lo: span.Lo, Hi: mid})
			}
			done = append(done, span)
		default:
			done = append(done, span)
		}
	}
	results, columns := successes(epoch, done...)
	r.Results = results.Results
	if rng.IntN(3) == 0 {
		beat := wire.Heartbeat{Epoch: epoch, Capacity: wire.Capacity{Tasks: 8 + rng.IntN(8), Bytes: 64 << 20}}
		if _, _, err := s.Heartbeat(ctx, endpoint, beat, w.now); err != nil {
			return err
		}
	}
	_, _, err = s.Report(ctx, endpoint, r, columns, w.now)
	return err
}

// drain lets one agent for each endpoint finish what is left.
func (w *world) drain() {
	w.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	for i, endpoint := range w.endpoints {
		w.epochs[i] = w.live(endpoint, 50)
		for {
			e, err := w.Endpoint(w.Context(), endpoint)
			require.NoError(w, err)
			if e.Queued+e.Outstanding == 0 {
				break
			}
			require.NoError(w, w.round(w.Context(), w.Store, i, rng))
		}
	}
}

func (w *world) check() {
	w.Helper()
	got := map[yonder.ID]int{}
	total, done := 0, int64(0)
	for _, group := range w.groups {
		g, err := w.Group(w.Context(), group)
		require.NoError(w, err)
		require.Equal(w, g.Tasks, g.Done)
		done += g.Done
		for cursor := int64(0); cursor < g.Cursor; {
			page, _, err := w.GroupResults(w.Context(), group, cursor, 100, 1<<20)
			require.NoError(w, err)
			require.NotEmpty(w, page.Entries)
			for _, e := range page.Entries {
				cursor++
				require.Equal(w, cursor, e.Cursor)
				for i := e.Lo; i < e.Hi; i++ {
					got[e.Bundle.Task(i)]++
				}
			}
		}
	}
	for bundle, n := range w.submitted {
		total += n
		for i := range n {
			require.Equal(w, 1, got[bundle.Task(i)], "results of task %s", bundle.Task(i))
		}
	}
	require.Len(w, got, total)
	require.EqualValues(w, total, done)
}

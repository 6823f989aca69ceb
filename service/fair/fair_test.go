package fair_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/fair"
)

func owner(n byte) yonder.ID { return yonder.ID{15: n} }

func TestOneAloneGetsEverything(t *testing.T) {
	t.Parallel()
	portions := fair.Divide([]fair.Queue{{Owner: owner(1), Queued: 1_000_000, Out: 7, Weight: 1}}, 0, 100)
	require.Equal(t, []fair.Portion{{Owner: owner(1), Tasks: 100}}, portions)
}

func TestOneTaskDoesNotWaitForAMillion(t *testing.T) {
	t.Parallel()
	portions := fair.Divide([]fair.Queue{
		{Owner: owner(1), Queued: 1_000_000, Out: 8, Weight: 1},
		{Owner: owner(2), Queued: 1, Weight: 1},
	}, 0, 1)
	require.Equal(t, []fair.Portion{{Owner: owner(2), Tasks: 1}}, portions)
}

func TestBoundsOfOneOwnerAreKept(t *testing.T) {
	t.Parallel()
	portions := fair.Divide([]fair.Queue{
		{Owner: owner(1), Queued: 50, Out: 2, Most: 4, Weight: 1},
		{Owner: owner(2), Queued: 50, Out: 9, Most: 9, Weight: 1},
	}, 0, 10)
	require.Equal(t, []fair.Portion{{Owner: owner(1), Tasks: 2}}, portions, "places stay free rather than go over a bound")
}

func TestNobodySavesUp(t *testing.T) {
	t.Parallel()
	queues := []fair.Queue{
		{Owner: owner(1), Queued: 1000, Weight: 1, Served: 500 * fair.Unit},
		{Owner: owner(2), Queued: 1000, Weight: 1, Served: 0}, // back after a long time
		{Owner: owner(3), Queued: 1000, Weight: 1, Served: 500 * fair.Unit},
	}
	got := run(queues, 499*fair.Unit, 1, 300)
	for _, q := range queues {
		require.InDelta(t, 100, got[q.Owner], 2)
	}
}

// run gives places one after the other, each given back before the next.
func run(queues []fair.Queue, virtual, places int64, turns int) map[yonder.ID]int64 {
	got := map[yonder.ID]int64{}
	for range turns {
		for _, p := range fair.Divide(queues, virtual, places) {
			got[p.Owner] += p.Tasks
			for i := range queues {
				if q := &queues[i]; q.Owner == p.Owner {
					q.Served = p.Start + fair.Cost(p.Tasks, q.Weight)
					q.Queued -= p.Tasks
				}
			}
		}
		virtual = fair.Advance(queues, virtual)
	}
	return got
}

func drawQueues(t *rapid.T) []fair.Queue {
	queues := make([]fair.Queue, rapid.IntRange(1, 12).Draw(t, "owners"))
	for i := range queues {
		queues[i] = fair.Queue{
			Owner:  owner(byte(i + 1)),
			Queued: rapid.Int64Range(0, 5000).Draw(t, "queued"), Out: rapid.Int64Range(0, 300).Draw(t, "out"),
			Most: rapid.SampledFrom([]int64{0, 0, 1, 100}).Draw(t, "most"), Weight: rapid.Int64Range(1, 5).Draw(t, "weight"),
			Served: rapid.Int64Range(0, 100*fair.Unit).Draw(t, "served"),
		}
	}
	return queues
}

// Nothing is given that does not wait, nothing over a bound, and no place is
// left while somebody could use it.
func TestPlacesAreUsed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		queues := drawQueues(t)
		free := rapid.Int64Range(0, 20_000).Draw(t, "free")
		portions := fair.Divide(queues, 5, free)
		given := map[yonder.ID]int64{}
		total, could := int64(0), int64(0)
		for _, p := range portions {
			require.Zero(t, given[p.Owner], "one portion each")
			require.Positive(t, p.Tasks)
			given[p.Owner] = p.Tasks
			total += p.Tasks
		}
		for _, q := range queues {
			room := q.Queued
			if q.Most > 0 {
				room = min(room, max(q.Most-q.Out, 0))
			}
			require.LessOrEqual(t, given[q.Owner], room)
			could += room
		}
		require.Equal(t, min(free, could), total)
	})
}

// Whoever still waits has, for their weight, about as much out as anybody who
// was given something.
func TestPlacesAreSharedByWeight(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		queues := drawQueues(t)
		free := rapid.Int64Range(1, 2000).Draw(t, "free")
		portions := fair.Divide(queues, 0, free)
		given := map[yonder.ID]int64{}
		for _, p := range portions {
			given[p.Owner] = p.Tasks
		}
		waited := slices.DeleteFunc(slices.Clone(queues), func(q fair.Queue) bool {
			return q.Queued == 0 || q.Most > 0 && q.Out >= q.Most
		})
		quantum := free/int64(32*max(len(waited), 1)) + 2 // of a turn
		for _, waiting := range queues {
			out := waiting.Out + given[waiting.Owner]
			if given[waiting.Owner] == waiting.Queued || waiting.Most > 0 && out >= waiting.Most {
				continue
			}
			for _, served := range queues {
				if given[served.Owner] > 0 {
					has := float64(served.Out+given[served.Owner]-quantum) / float64(served.Weight)
					require.LessOrEqual(t, has, float64(out)/float64(waiting.Weight), "%v was passed over for %v", waiting, served)
				}
			}
		}
	})
}

// With fewer places than owners, turns go by weight, and nobody waits for
// more turns than the weights of all.
func TestTurnsGoByWeight(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		queues := drawQueues(t)
		all := int64(0)
		for i := range queues {
			queues[i].Queued, queues[i].Out, queues[i].Most, queues[i].Served = 1_000_000, 0, 0, 0
			all += queues[i].Weight
		}
		const rounds = 50
		got := run(queues, 0, 1, int(all)*rounds)
		for _, q := range queues {
			require.InDelta(t, rounds*q.Weight, got[q.Owner], float64(len(queues)+2), "weight %d of %d", q.Weight, all)
		}
	})
}

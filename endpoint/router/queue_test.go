package router

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
)

func nobody(yonder.ID) int { return 0 }

func TestQueueKeepsPriorityAndOrder(t *testing.T) {
	t.Parallel()
	var q Queue[string]
	q.Push("3.11", Turn{}, "first")
	q.Push("3.11", Turn{Priority: 5}, "urgent")
	q.Push("3.11", Turn{}, "second")
	q.Push("3.12", Turn{}, "other")
	require.ElementsMatch(t, []string{"3.11", "3.12"}, q.Minors())
	var got []string
	q.Each(nobody, func(minor, item string, _ int) Step[string] {
		if minor == "3.12" {
			return Step[string]{Full: true}
		}
		got = append(got, item)
		return Step[string]{Rest: "rest of first", More: item == "first"}
	})
	require.Equal(t, []string{"urgent", "first", "rest of first", "second"}, got)
	require.Equal(t, []string{"3.12"}, q.Minors())
	q.Drain()
	require.Empty(t, q.Minors())
}

// take has the queue place tasks one by one, of items that are numbers of them,
// until so many are placed, and returns whose they are.
func take(q *Queue[int], running map[yonder.ID]int, owners map[int]yonder.ID, tasks int) []yonder.ID {
	var order []yonder.ID
	q.Each(func(owner yonder.ID) int { return running[owner] }, func(_ string, item, most int) Step[int] {
		if len(order) == tasks {
			return Step[int]{Full: true}
		}
		n := min(most, item%1000, tasks-len(order))
		for range n {
			order = append(order, owners[item/1000])
		}
		return Step[int]{Tasks: n, Rest: item - n, More: item%1000 > n}
	})
	for _, owner := range order {
		running[owner]++
	}
	return order
}

func TestOwnersShareWhateverTheyHaveBrought(t *testing.T) {
	t.Parallel()
	ada, bob, cy := yonder.ID{1}, yonder.ID{2}, yonder.ID{3}
	owners := map[int]yonder.ID{1: ada, 2: bob, 3: cy}
	var q Queue[int]
	running := map[yonder.ID]int{}
	q.Push(Native, Turn{Owner: ada, Priority: 100}, 1999)
	require.Len(t, take(&q, running, owners, 64), 64)
	q.Push(Native, Turn{Owner: bob, Weight: 2}, 2500)
	q.Push(Native, Turn{Owner: cy}, 3004)
	order := take(&q, running, owners, 12)
	require.NotContains(t, order, ada, "she has 64 running, whatever her priority")
	require.Equal(t, 4, running[cy], "as many as there were")
	take(&q, running, owners, 300-len(order)-64)
	require.InDelta(t, 2*running[ada], running[bob], 2*quantum, "his weight is twice hers")
}

// Whoever waits, and has fewer running for their weight than somebody who is
// placed, is placed first, but for a quantum.
func TestNobodyIsPassedOver(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var q Queue[int]
		owners, running, waits := map[int]yonder.ID{}, map[yonder.ID]int{}, map[yonder.ID]int{}
		n := rapid.IntRange(1, 5).Draw(t, "owners")
		for i := range n {
			owner := yonder.ID{byte(i + 1)}
			owners[i+1] = owner
			for range rapid.IntRange(0, 3).Draw(t, "items") {
				tasks := rapid.IntRange(1, 900).Draw(t, "tasks")
				waits[owner] += tasks
				q.Push(Native, Turn{Owner: owner, Priority: rapid.IntRange(0, 2).Draw(t, "priority")}, (i+1)*1000+tasks)
			}
		}
		for range rapid.IntRange(1, 10).Draw(t, "rounds") {
			for _, owner := range take(&q, running, owners, rapid.IntRange(0, 100).Draw(t, "places")) {
				waits[owner]--
			}
			for i, a := range owners {
				for _, b := range owners {
					if waits[a] > 0 {
						require.GreaterOrEqual(t, running[a]+quantum, running[b], "owner %d", i)
					}
				}
			}
		}
	})
}

package router

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

var now = time.Unix(1000, 0)

// quick has managers known for a speed that allows all that may be given ahead.
func quick(r *Router) *Router {
	for _, m := range r.managers {
		m.ahead, m.since = m.most, now
		m.settle()
	}
	return r
}

func two(prefetch int) *Router {
	r := New(prefetch)
	r.Join(Manager{ID: "a", Slots: 4, Environments: []string{"3.11", "3.12"}}, 0)
	r.Join(Manager{ID: "b", Slots: 8, Environments: []string{"3.11", "3.11"}}, 2)
	return r
}

func TestPlace(t *testing.T) {
	t.Parallel()
	type placed struct {
		id string
		n  int
	}
	for name, test := range map[string]struct {
		minor    string
		tasks    int
		together bool
		want     []placed
	}{
		"most free first":         {"3.11", 3, false, []placed{{"b", 3}, {"a", 3}, {"b", 3}}},
		"split by free slots":     {"3.11", 100, false, []placed{{"b", 6}, {"a", 4}, {"b", 8}, {"a", 4}, {"", 0}}},
		"the only one gets ahead": {"3.12", 100, false, []placed{{"a", 8}, {"", 0}}},
		"a chunk stays together":  {"3.11", 100, true, []placed{{"b", 100}, {"a", 100}, {"", 0}}},
		"nobody has it":           {"3.9", 1, false, []placed{{"", 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := quick(two(1))
			for _, want := range test.want {
				id, n := r.Place(now, test.minor, test.tasks, test.together)
				require.Equal(t, want, placed{id, n})
			}
		})
	}
}

func TestRoomComesBack(t *testing.T) {
	t.Parallel()
	r := two(0)
	require.Equal(t, 12, r.Slots())
	r.Leave("a")
	require.False(t, r.Serves("3.12"))
	id, n := r.Place(now, "3.11", 10, false)
	require.Equal(t, "b", id)
	require.Equal(t, 6, n)
	_, n = r.Place(now, "3.11", 10, false)
	require.Zero(t, n)
	r.Freed("b", 3)
	r.Freed("nobody", 3)
	require.Equal(t, 5, r.Given("b"))
	require.Zero(t, r.Given("nobody"))
	_, n = r.Place(now, "3.11", 10, false)
	require.Equal(t, 3, n)
}

func TestRouterNeverGivesMoreThanItsAllowance(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		prefetch := rapid.IntRange(0, 3).Draw(t, "prefetch")
		r, now := New(prefetch), now
		given := map[string]int{}
		slots := map[string]int{}
		id := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "id")) })
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				m := Manager{ID: id.Draw(t, "id"), Slots: rapid.IntRange(1, 4).Draw(t, "slots"), Environments: []string{"3.11"}}
				r.Join(m, 0)
				given[m.ID], slots[m.ID] = 0, m.Slots
			},
			"leave": func(t *rapid.T) {
				gone := id.Draw(t, "id")
				r.Leave(gone)
				delete(given, gone)
				delete(slots, gone)
			},
			"place": func(t *rapid.T) {
				who, n := r.Place(now, "3.11", rapid.IntRange(1, 20).Draw(t, "tasks"), false)
				for id, s := range slots {
					if n == 0 {
						require.GreaterOrEqual(t, given[id], s, "there was a free slot")
					} else {
						require.GreaterOrEqual(t, max(slots[who]-given[who], 0), max(s-given[id], 0), "another was freer")
					}
				}
				if n > 0 {
					given[who] += n
					require.LessOrEqual(t, given[who], slots[who]*(1+prefetch))
				}
			},
			"ended": func(t *rapid.T) {
				who := id.Draw(t, "id")
				n := rapid.IntRange(0, max(given[who], 0)).Draw(t, "n")
				now = now.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "ms")) * time.Millisecond)
				r.Ended(now, who, n)
				if _, ok := given[who]; ok {
					given[who] -= n
				}
			},
			"freed": func(t *rapid.T) {
				who := id.Draw(t, "id")
				n := rapid.IntRange(0, given[who]).Draw(t, "n")
				r.Freed(who, n)
				if _, ok := given[who]; ok {
					given[who] -= n
				}
			},
			"": func(t *rapid.T) {
				for id, n := range given {
					require.Equal(t, n, r.Given(id))
				}
			},
		})
	})
}

// TestWhatIsGivenAheadFollowsTheSpeed: a manager with 4 slots may be given 8
// tasks ahead for each.
func TestWhatIsGivenAheadFollowsTheSpeed(t *testing.T) {
	t.Parallel()
	now := now
	r := New(8)
	r.Join(Manager{ID: "a", Slots: 4, Environments: []string{"3.11"}}, 0)
	place := func() int {
		_, n := r.Place(now, "3.11", 1000, false)
		return n
	}
	ended := func(after time.Duration, n int) {
		now = now.Add(after)
		r.Ended(now, "a", n)
	}
	require.Equal(t, 4, place(), "nothing is known of it")
	ended(time.Second, 1)
	require.Equal(t, 1, place(), "tasks of seconds: who has a free slot first is to have them")
	ended(time.Millisecond, 3)
	require.Equal(t, 6, place(), "three ended at once: as many are given ahead")
	ended(window-time.Millisecond, 7)
	require.Equal(t, 14, place(), "ten in a window")
	ended(time.Millisecond, 14)
	ended(window-time.Millisecond, 0)
	require.Equal(t, 4+14, place())
	ended(window, 18)
	require.Equal(t, 4+18, place())
	now = now.Add(2 * window)
	ended(0, 0)
	r.Freed("a", 22)
	require.Equal(t, 4, place(), "nothing has ended for long")
}

func TestASpeedOfLongAgoDoesNotCount(t *testing.T) {
	t.Parallel()
	r := quick(two(8))
	id, n := r.Place(now.Add(time.Minute), "3.12", 1000, false)
	require.Equal(t, "a", id)
	require.Equal(t, 4, n)
}

func TestChoose(t *testing.T) {
	t.Parallel()
	have := []wire.Interpreter{{Version: "3.11.7"}, {Version: "3.9.1"}}
	for required, want := range map[string]string{"": "3.11", "3.9": "3.9", "3.11": "3.11"} {
		got, err := Choose(required, have)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err := Choose("3.10", have)
	require.Equal(t, yonder.CodeNoInterpreter, yonder.CodeOf(err))
	require.ErrorContains(t, err, "3.11, 3.9")
	_, err = Choose("", nil)
	require.Equal(t, yonder.CodeNoInterpreter, yonder.CodeOf(err))
}

func TestVersions(t *testing.T) {
	t.Parallel()
	require.True(t, Supported("3.9.0"))
	require.True(t, Supported("3.13.1"))
	require.False(t, Supported("3.8.20"))
	require.False(t, Supported("2.7.18"))
	require.Negative(t, Compare("3.9", "3.10"))
	require.Equal(t, "3.12", Minor("3.12.0rc1"))
}

func BenchmarkPlace(b *testing.B) {
	for _, managers := range []int{10, 10_000} {
		b.Run(fmt.Sprint(managers), func(b *testing.B) {
			r := New(1)
			for i := range managers {
				r.Join(Manager{ID: fmt.Sprint(i), Slots: 4, Environments: []string{"3.11"}}, 0)
			}
			for b.Loop() {
				id, n := r.Place(now, "3.11", 1, false)
				r.Freed(id, n)
			}
		})
	}
}

// A manager is given chunks ahead by its speed, and other work by its slots.
func TestQuickManagersAreGivenChunksAhead(t *testing.T) {
	t.Parallel()
	r := New(1)
	r.Join(Manager{ID: "a", Slots: 2, Environments: []string{"3.11"}}, 0)
	now := time.Unix(1000, 0)
	place := func(together bool) int {
		_, n := r.Place(now, "3.11", 1000, together)
		return n
	}
	require.Equal(t, 1000, place(true))
	require.Zero(t, place(true), "nothing is known of its speed")
	r.Ended(now, "a", 1000)
	r.Ended(now, "nobody", 1000)
	require.Equal(t, 1000, place(true))
	now = now.Add(time.Second)
	r.Ended(now, "a", 1000)
	require.Zero(t, r.Given("a"))
	require.Equal(t, 1000, place(true))
	require.Zero(t, place(false), "others have room for slots and prefetch")
	require.Zero(t, place(true), "it ends 250 in a quarter of a second")
	now = now.Add(100 * time.Millisecond)
	r.Ended(now, "a", 1000)
	require.Equal(t, 1000, place(true))
	now = now.Add(150 * time.Millisecond)
	r.Ended(now, "a", 999)
	require.Equal(t, 1000, place(true), "1999 now, and it has one")
	require.Equal(t, 1000, place(true))
	require.Zero(t, place(true))
	now = now.Add(time.Hour)
	r.Ended(now, "a", 1000)
	require.Zero(t, place(true), "it is slow again")
}

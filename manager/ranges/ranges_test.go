package ranges_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder/manager/ranges"
)

func TestRangesMelt(t *testing.T) {
	t.Parallel()
	var s ranges.Set
	s.Add(ranges.Range{Lo: 10, Hi: 12})
	s.Add(ranges.Range{Lo: 0, Hi: 3})
	s.Add(ranges.Range{Lo: 12, Hi: 14})
	s.Add(ranges.Range{Lo: 5, Hi: 5})
	require.Equal(t, ranges.Set{{Lo: 0, Hi: 3}, {Lo: 10, Hi: 14}}, s)
	s.Add(ranges.Range{Lo: 2, Hi: 11})
	require.Equal(t, ranges.Set{{Lo: 0, Hi: 14}}, s)
	require.Equal(t, ranges.Set{{Lo: 3, Hi: 5}}, s.Remove(ranges.Range{Lo: 3, Hi: 5}))
	require.Equal(t, ranges.Set{{Lo: 3, Hi: 5}}, s.Without(ranges.Range{Lo: 1, Hi: 9}))
	require.Equal(t, ranges.Range{Lo: 0, Hi: 2}, s.Take(2))
	require.Equal(t, ranges.Range{Lo: 2, Hi: 3}, s.Take(5))
	require.Equal(t, 9, s.Len())
}

// TestSetIsASet compares the intervals with a plain map.
func TestSetIsASet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s ranges.Set
		model := map[int]bool{}
		draw := func() ranges.Range {
			lo := rapid.IntRange(0, 30).Draw(t, "lo")
			return ranges.Range{Lo: lo, Hi: lo + rapid.IntRange(0, 8).Draw(t, "len")}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(*rapid.T) {
				r := draw()
				s.Add(r)
				for i := r.Lo; i < r.Hi; i++ {
					model[i] = true
				}
			},
			"remove": func(t *rapid.T) {
				r := draw()
				for _, part := range s.Remove(r) {
					for i := part.Lo; i < part.Hi; i++ {
						require.True(t, model[i] && r.Has(i))
						delete(model, i)
					}
				}
			},
			"take": func(t *rapid.T) {
				r := s.Take(rapid.IntRange(0, 5).Draw(t, "n"))
				for i := r.Lo; i < r.Hi; i++ {
					require.True(t, model[i])
					delete(model, i)
				}
			},
			"": func(t *rapid.T) { agrees(t, s, model, draw()) },
		})
	})
}

func agrees(t *rapid.T, s ranges.Set, model map[int]bool, window ranges.Range) {
	require.Equal(t, len(model), s.Len())
	for i := -1; i < 45; i++ {
		require.Equal(t, model[i], s.Has(i), "%d in %v", i, s)
		require.Equal(t, model[i] && window.Has(i), s.And(window).Has(i))
		require.Equal(t, !model[i] && window.Has(i), s.Without(window).Has(i))
	}
	for i, r := range s {
		require.Positive(t, r.Len())
		require.True(t, i == 0 || s[i-1].Hi < r.Lo, "%v touch", s)
	}
}

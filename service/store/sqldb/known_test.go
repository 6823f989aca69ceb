package sqldb

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
)

func TestAShelfReadsOnce(t *testing.T) {
	t.Parallel()
	s, reads := shelf[int, int]{most: 2}, 0
	read := func() (int, error) { reads++; return reads, nil }
	for range 3 {
		value, err := look(&s, 7, read)
		require.NoError(t, err)
		require.Equal(t, 1, value)
	}
	s.forget()
	value, err := look(&s, 7, read)
	require.NoError(t, err)
	require.Equal(t, 2, value)
}

func TestAShelfKeepsNothingLarge(t *testing.T) {
	t.Parallel()
	k := newKnown(2)
	for size, want := range map[int]int{100: 1, 100_000: 0} {
		k.forget()
		f := yonder.Function{ID: yonder.NewID(), Docstring: strings.Repeat("a", size)}
		got, err := look(&k.functions, versioned{f.ID, 1}, func() (yonder.Function, error) { return f, nil })
		require.NoError(t, err)
		require.Equal(t, f, got)
		require.Len(t, k.functions.values, want)
	}
}

func TestAShelfKeepsNothingThatWasReadBesideAWrite(t *testing.T) {
	t.Parallel()
	s := shelf[int, string]{most: 2}
	_, err := look(&s, 7, func() (string, error) { s.forget(); return "old", nil })
	require.NoError(t, err)
	value, err := look(&s, 7, func() (string, error) { return "new", nil })
	require.NoError(t, err)
	require.Equal(t, "new", value)
}

func TestAShelfKeepsNoErrorsAndIsBounded(t *testing.T) {
	t.Parallel()
	s := shelf[int, int]{most: 2}
	_, err := look(&s, 1, func() (int, error) { return 0, errors.New("away") })
	require.Error(t, err)
	for i := range 100 {
		value, err := look(&s, i, func() (int, error) { return i, nil })
		require.NoError(t, err)
		require.Equal(t, i, value)
		require.LessOrEqual(t, len(s.values), 2)
	}
	closed := shelf[int, int]{}
	_, err = look(&closed, 1, func() (int, error) { return 1, nil })
	require.NoError(t, err)
	require.Empty(t, closed.values)
}

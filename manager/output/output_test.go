package output_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder/manager/output"
)

func TestBeginningAndEndAreKept(t *testing.T) {
	t.Parallel()
	b := output.NewBuffer(8)
	for _, part := range []string{"ab", "cdef", "ghijkl", "m"} {
		_, _ = b.Write([]byte(part))
	}
	require.Equal(t, "abcd\n… 5 bytes left out …\njklm", b.Take())
	require.Empty(t, b.Take(), "what was taken is gone")
	_, _ = b.Write([]byte("again"))
	require.Equal(t, "again", b.Take())
}

func TestCharactersSurviveTheSeam(t *testing.T) {
	t.Parallel()
	b := output.NewBuffer(6)
	_, _ = b.Write([]byte("aüö€"[:6]))
	require.Equal(t, "aüö\uFFFD", b.Take(), "a cut character is replaced")
	_, _ = b.Write([]byte{'x', 0xff, 0xfe, 'y'})
	require.Equal(t, "x\uFFFDy", b.Take())
	b = output.NewBuffer(7)
	_, _ = b.Write([]byte("ab€d"))
	require.Equal(t, "ab€d", b.Take())
}

func TestWhateverIsWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(2, 20).Draw(t, "limit")
		b := output.NewBuffer(limit)
		for range 2 {
			var all strings.Builder
			for _, part := range rapid.SliceOf(rapid.StringMatching(`[a-z]{0,30}`)).Draw(t, "parts") {
				_, _ = b.Write([]byte(part))
				all.WriteString(part)
			}
			text, whole := b.Take(), all.String()
			require.True(t, utf8.ValidString(text))
			if len(whole) <= limit {
				require.Equal(t, whole, text)
				continue
			}
			require.Equal(t, whole[:limit/2], text[:limit/2])
			tail := limit - limit/2
			require.Equal(t, whole[len(whole)-tail:], text[len(text)-tail:])
		}
	})
}

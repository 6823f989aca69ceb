package wire_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/wire"
)

func TestOutputThatIsCutSaysSo(t *testing.T) {
	t.Parallel()
	for _, middle := range []string{"ä", "x", "€", "𝄞"} {
		long := "begin" + strings.Repeat(middle, 2*wire.MaxOutput) + "end"
		got := wire.CutOutput(long)
		require.True(t, utf8.ValidString(got))
		require.True(t, strings.HasPrefix(got, "begin"))
		require.True(t, strings.HasSuffix(got, "end"))
		found := regexp.MustCompile(`\n… (\d+) bytes left out …\n`).FindStringSubmatch(got)
		require.Len(t, found, 2, "there is a mark")
		left, err := strconv.Atoi(found[1])
		require.NoError(t, err)
		require.Len(t, long, len(got)-len(found[0])+left)
		require.Equal(t, got, wire.CutOutput(got), "it is not cut again")
	}
	require.Equal(t, "short", wire.CutOutput("short"))
}

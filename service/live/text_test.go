package live

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// However bytes are cut into pieces, their text is the same.
func TestCharactersAreWholeWhereverPiecesEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 50, -1).Draw(t, "text")
		data, got, pieces := []byte(text), "", texts{}
		for len(data) > 0 {
			n := rapid.IntRange(1, min(4, len(data))).Draw(t, "n")
			part := pieces.add(wire.StreamStdout, data[:n])
			require.True(t, utf8.ValidString(part))
			got, data = got+part, data[n:]
		}
		require.Equal(t, text, got)
	})
}

func TestBytesThatAreNoTextAreMarked(t *testing.T) {
	t.Parallel()
	pieces := texts{}
	require.Equal(t, "a\uFFFDb", pieces.add(wire.StreamStdout, []byte("a\xffb")))
	require.Empty(t, pieces.add(wire.StreamStdout, []byte("\xe2\x82")))
	require.Equal(t, "x", pieces.add(wire.StreamStderr, []byte("x")))
	require.Equal(t, "€", pieces.add(wire.StreamStdout, []byte("\xac")))
}

func FuzzParseMark(f *testing.F) {
	f.Add("1.2.3")
	f.Add("")
	f.Add("1.-2.3")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMark(text)
		if err != nil {
			require.Equal(t, yonder.CodeInvalidRequest, yonder.CodeOf(err))
			return
		}
		if text == "" {
			require.Zero(t, m)
			return
		}
		require.Equal(t, 2, strings.Count(text, "."))
		again, err := ParseMark(FormatMark(m))
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}

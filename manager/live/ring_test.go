package live

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder/wire"
)

// A ring against all that was ever written: what a reader gets is that, in
// order, but for what it is told to have missed.
func TestReadersMissNothingUntold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := ring{limit: rapid.IntRange(1, 64).Draw(t, "limit")}
		var all []byte
		var streams []wire.Stream
		var at int64
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				stream := rapid.SampledFrom([]wire.Stream{wire.StreamStdout, wire.StreamStderr}).Draw(t, "stream")
				data := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "data")
				r.write(stream, data)
				all = append(all, data...)
				for range data {
					streams = append(streams, stream)
				}
			},
			"read": func(t *rapid.T) {
				most := rapid.IntRange(1, 80).Draw(t, "most")
				a := r.read(at, most)
				for i, p := range a.pieces {
					require.Equal(t, at, p.At)
					at += p.Skipped + int64(len(a.columns[i]))
					if p.Skipped > 0 {
						require.Empty(t, a.columns[i])
						require.Less(t, at-1, int64(len(all)-min(r.limit, len(all))), "it is still there")
						continue
					}
					require.Equal(t, all[p.At:at], a.columns[i])
					for _, s := range streams[p.At:at] {
						require.Equal(t, s, p.Stream)
					}
				}
				require.Equal(t, at, a.next)
				if len(a.pieces) == 0 {
					require.Len(t, all, int(at))
				}
			},
			"": func(t *rapid.T) {
				require.LessOrEqual(t, len(r.data), r.limit)
				require.Equal(t, int64(len(all)), r.end)
			},
		})
	})
}

func TestAlternatingStreamsAreBounded(t *testing.T) {
	t.Parallel()
	r := ring{limit: 1 << 20}
	for range 100_000 {
		r.write(wire.StreamStdout, []byte("o"))
		r.write(wire.StreamStderr, []byte("e"))
	}
	require.LessOrEqual(t, len(r.segments), maxSegments)
	a := r.read(0, 1<<20)
	require.Equal(t, int64(200_000-maxSegments), a.pieces[0].Skipped)
	require.Len(t, bytes.Join(a.columns, nil), maxSegments)
}

func TestAMarkBeyondTheEndIsTheEnd(t *testing.T) {
	t.Parallel()
	r := ring{limit: 10}
	r.write(wire.StreamStdout, []byte("abc"))
	require.Equal(t, answer{next: 3}, r.read(1000, 10))
}

func TestValuesAreInOrderAndBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := values{limit: rapid.IntRange(100, 1000).Draw(t, "limit")}
		var next, at int64
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				next += int64(rapid.IntRange(0, 2).Draw(t, "left out"))
				v.add(next, make([]byte, rapid.IntRange(0, 200).Draw(t, "size")))
				next++
			},
			"read": func(t *rapid.T) {
				a := v.read(at, rapid.IntRange(1, 300).Draw(t, "most"))
				for _, p := range a.pieces {
					require.Equal(t, at, p.At)
					at += max(p.Skipped, 1)
				}
				require.Equal(t, at, a.next)
				if len(a.pieces) == 0 {
					require.Equal(t, next, at)
				}
			},
			"": func(t *rapid.T) { require.LessOrEqual(t, v.bytes, v.limit) },
		})
	})
}

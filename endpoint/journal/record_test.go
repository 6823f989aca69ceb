package journal

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

func TestHalfWrittenEndIsCutOff(t *testing.T) {
	t.Parallel()
	whole := t.TempDir()
	j := open(t, whole, Options{})
	write(t, j, "a")
	before := j.size
	write(t, j, "b")
	data, err := os.ReadFile(j.name)
	require.NoError(t, err)
	for cut := before; cut < int64(len(data)); cut++ {
		dir := t.TempDir()
		name := filepath.Join(dir, filepath.Base(j.name))
		require.NoError(t, os.WriteFile(name, data[:cut], 0o600))
		j := open(t, dir, Options{})
		require.Equal(t, []string{"a"}, contents(t, j), "cut at %d", cut)
		write(t, j, "c")
		require.NoError(t, j.Close())
		require.Equal(t, []string{"a", "c"}, contents(t, open(t, dir, Options{})))
	}
}

func TestDamagedEnd(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func([]byte) []byte{
		"zeros":        func(b []byte) []byte { return append(b, make([]byte, 5000)...) },
		"last byte":    func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"huge length":  func(b []byte) []byte { return append(b, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4) },
		"length small": func(b []byte) []byte { return append(b, 1, 0, 0, 0, 1, 2, 3, 4, 5) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			j := open(t, dir, Options{})
			write(t, j, "a")
			write(t, j, "b")
			require.NoError(t, j.Close())
			data, err := os.ReadFile(j.name)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(j.name, spoil(data), 0o600))
			require.Equal(t, "a", contents(t, open(t, dir, Options{}))[0])
		})
	}
}

func TestDamagedMiddleIsReported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, Options{})
	start := j.size
	write(t, j, "a")
	end := j.size
	write(t, j, "b")
	require.NoError(t, j.Close())
	data, err := os.ReadFile(j.name)
	require.NoError(t, err)
	for off := start; off < end; off++ {
		spoilt := bytes.Clone(data)
		spoilt[off] ^= 0x55
		require.NoError(t, os.WriteFile(j.name, spoilt, 0o600))
		_, err := tryOpen(t, dir, Options{})
		require.Equal(t, yonder.CodeStorageCorrupt, yonder.CodeOf(err), "offset %d", off)
		require.ErrorContains(t, err, j.name)
		require.ErrorContains(t, err, fmt.Sprintf("offset %d", start))
		after, err := os.ReadFile(j.name)
		require.NoError(t, err)
		require.Equal(t, spoilt, after, "a damaged file is left as it is")
	}
	require.NoError(t, os.WriteFile(j.name, nil, 0o600))
	_, err = tryOpen(t, dir, Options{})
	require.ErrorContains(t, err, "no header")
}

func FuzzReadRecord(f *testing.F) {
	f.Add(appendRecord(nil, record{opAppend, 2, []byte("payload")}))
	f.Add(appendRecord(nil, record{opDrop, 3, encodeIDs([]uint64{1, 2})}))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bytes.NewReader(data)
		var last uint64
		var again []byte
		for {
			rec, err := readRecord(in, last)
			if err != nil {
				break
			}
			require.Greater(t, rec.id, last)
			last = rec.id
			_ = decodeIDs(rec.payload)
			again = appendRecord(again, rec)
		}
		require.True(t, bytes.HasPrefix(data, again), "what was read is what was there")
		_ = findRecord(data, 0)
	})
}

// Whatever a disk has made of a journal, it is opened, or refused by name, and
// what was opened opens again with the same contents.
func FuzzOpen(f *testing.F) {
	payload := func(text string) []byte { made := frame(text); return made.Bytes() }
	whole := appendRecord(nil, record{opHeader, 1, Header{ID: yonder.NewID(), Hostname: "host"}.encode()})
	whole = appendRecord(whole, record{opAppend, 2, payload("a")})
	whole = appendRecord(whole, record{opAppend, 3, payload("b")})
	whole = appendRecord(whole, record{opDrop, 4, encodeIDs([]uint64{2})})
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add(append(bytes.Clone(whole), "garbage at the end"...))
	f.Add(append(bytes.Clone(whole), make([]byte, 100)...))
	for _, at := range []int{0, 4, 9, 40, len(whole) / 2, len(whole) - 1} {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 0x10
		f.Add(flipped)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(fileName(dir, 1), data, 0o600))
		opts := Options{Logger: slog.New(slog.DiscardHandler)}
		j, err := Open(dir, opts)
		if err != nil {
			require.Equal(t, yonder.CodeStorageCorrupt, yonder.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, "journal-00000001 is damaged at offset")
			return
		}
		count := func(j *Journal) (n int, err error) {
			return n, j.Replay(func(uint64, wire.Frame) error { n++; return nil })
		}
		first, damaged := count(j)
		_, err = j.Append(frame("more"))
		require.NoError(t, err)
		require.NoError(t, j.Close())
		if damaged != nil { // a record that is whole and holds no frame
			require.Equal(t, yonder.CodeStorageCorrupt, yonder.CodeOf(damaged))
			return
		}
		again, err := Open(dir, opts)
		require.NoError(t, err)
		defer again.Close()
		second, err := count(again)
		require.NoError(t, err)
		require.Equal(t, first+1, second)
	})
}

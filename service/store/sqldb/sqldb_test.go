package sqldb

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

func TestPagesKeepPayloads(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, 2*pageBytes)), 1, 30).Draw(t, "sizes")
		columns := make([][]byte, len(sizes))
		for i, n := range sizes {
			columns[i] = bytes.Repeat([]byte{byte(i)}, n)
		}
		next := 0
		for _, p := range paginate(wire.FormEach, len(columns), columns) {
			require.Equal(t, next, p.lo)
			require.Greater(t, p.hi, p.lo)
			require.True(t, p.hi-p.lo == 1 || payloadBytes(p.columns) <= pageBytes)
			got, err := decode(p.encode(), p.hi-p.lo)
			require.NoError(t, err)
			require.Equal(t, columns[p.lo:p.hi], got)
			next = p.hi
		}
		require.Equal(t, len(columns), next)
	})
}

func TestDamagedPagesAreNoticed(t *testing.T) {
	t.Parallel()
	data := page{columns: [][]byte{[]byte("one"), []byte("two")}}.encode()
	for n := range data {
		_, err := decode(data[:n], 2)
		require.Error(t, err)
	}
}

func TestCredit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		session gen.Session
		form    wire.Form
		bytes   int64 // of a task
		want    int   // of ten
	}{
		"no capacity":              {gen.Session{}, wire.FormEach, 1, 0},
		"all fits":                 {gen.Session{CapacityTasks: 10, CapacityBytes: 10 * (aloneBytes + 1)}, wire.FormEach, 1, 10},
		"tasks are short":          {gen.Session{CapacityTasks: 10, CapacityBytes: 99 << 10, OutstandingTasks: 6}, wire.FormEach, 1, 4},
		"bytes are short":          {gen.Session{CapacityTasks: 20, CapacityBytes: 3*(aloneBytes+2) + 1, OutstandingTasks: 1}, wire.FormEach, 2, 3},
		"more is out than allowed": {gen.Session{CapacityTasks: 5, CapacityBytes: 5, OutstandingTasks: 9, OutstandingBytes: 9}, wire.FormEach, 1, 0},
		"empty payloads":           {gen.Session{CapacityTasks: 20, CapacityBytes: 5 * aloneBytes}, wire.FormEach, 0, 5},
		"an empty chunk":           {gen.Session{CapacityTasks: 20}, wire.FormChunk, 0, 10},
		"one of any size":          {gen.Session{CapacityTasks: 20, CapacityBytes: 1}, wire.FormEach, 50, 1},
		"but only to the idle":     {gen.Session{CapacityTasks: 20, CapacityBytes: 1, OutstandingTasks: 1}, wire.FormEach, 50, 0},
		"a chunk whole":            {gen.Session{CapacityTasks: 10, CapacityBytes: 10}, wire.FormChunk, 1, 10},
		"a chunk waits":            {gen.Session{CapacityTasks: 12, CapacityBytes: 99, OutstandingTasks: 3}, wire.FormChunk, 1, 0},
		"a chunk too large":        {gen.Session{CapacityTasks: 4, CapacityBytes: 99}, wire.FormChunk, 1, 4},
		"a chunk too large waits":  {gen.Session{CapacityTasks: 4, CapacityBytes: 99, OutstandingTasks: 1}, wire.FormChunk, 1, 0},
		"a chunk of many bytes":    {gen.Session{CapacityTasks: 20, CapacityBytes: 1}, wire.FormChunk, 50, 1},
	} {
		s := session{Session: c.session}
		b := bundle{Bundle: gen.Bundle{Form: string(c.form), TaskBytes: c.bytes}}
		require.Equal(t, c.want, s.credit(&b, 10), name)
	}
}

func TestWithout(t *testing.T) {
	t.Parallel()
	span := func(lo, hi int) wire.Span { return wire.Span{Attempt: 2, Lo: lo, Hi: hi} }
	for _, c := range []struct{ counted, want []wire.Span }{
		{nil, []wire.Span{span(2, 9)}},
		{[]wire.Span{span(2, 9)}, nil},
		{[]wire.Span{span(2, 4)}, []wire.Span{span(4, 9)}},
		{[]wire.Span{span(5, 9)}, []wire.Span{span(2, 5)}},
		{[]wire.Span{span(3, 4), span(6, 8)}, []wire.Span{span(2, 3), span(4, 6), span(8, 9)}},
	} {
		require.Equal(t, c.want, without(span(2, 9), c.counted))
	}
}

func TestIDsAtTheEndsOfListings(t *testing.T) {
	t.Parallel()
	require.Equal(t, "ffffffff-ffff-ffff-ffff-ffffffffffff", lastID.String())
	require.Negative(t, compareIDs(firstID, yonder.NewID()))
	require.Equal(t, lastID, after(store.Page{}))
	require.Equal(t, []int32{100, 100, 7, 1000}, []int32{
		limit(store.Page{}), limit(store.Page{Limit: -1}), limit(store.Page{Limit: 7}), limit(store.Page{Limit: 5000}),
	})
}

func TestStoredDocumentsThatAreDamagedAreNoticed(t *testing.T) {
	t.Parallel()
	var blobs map[int]wire.Blob
	require.ErrorContains(t, parse("{", &blobs), "decoding stored")
	require.Panics(t, func() { document(make(chan int)) }, "only a mistake in this repository does that")
}

func TestTermsTellWhatAnAgentSaid(t *testing.T) {
	t.Parallel()
	require.False(t, terms(yonder.Endpoint{}).Reported)
	require.False(t, terms(yonder.Endpoint{Capabilities: map[string]any{"pythons": "nonsense"}}).Reported)
	said := terms(yonder.Endpoint{Capabilities: map[string]any{
		"isolated": true, "pythons": []any{map[string]any{"version": "3.11.7"}},
	}})
	require.True(t, said.Reported)
	require.Equal(t, wire.Capabilities{Isolated: true, Pythons: []wire.Interpreter{{Version: "3.11.7"}}}, said.Agent)
}

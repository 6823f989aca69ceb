package dispatch

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

func TestCheckReport(t *testing.T) {
	t.Parallel()
	bundle := yonder.NewBundleID()
	span := wire.Span{Bundle: bundle, Attempt: 1, Lo: 0, Hi: 1}
	entry := func(change func(*wire.Entry)) wire.Report {
		e := wire.Entry{Bundle: bundle, Attempt: 1, Lo: 0, Hi: 1, Outcome: wire.OutcomeOK}
		change(&e)
		return wire.Report{Results: []wire.Entry{e}}
	}
	one := [][]byte{[]byte("x")}
	for name, c := range map[string]struct {
		report  wire.Report
		columns [][]byte
		fine    bool
	}{
		"empty":             {wire.Report{}, nil, true},
		"a result":          {entry(func(*wire.Entry) {}), one, true},
		"a chunk":           {entry(func(e *wire.Entry) { e.Hi, e.Form = 9, wire.FormChunk }), one, true},
		"a blob":            {entry(func(e *wire.Entry) { e.Blob = &wire.Blob{} }), [][]byte{nil}, true},
		"no column":         {entry(func(*wire.Entry) {}), nil, false},
		"too many columns":  {wire.Report{}, one, false},
		"no chunk":          {entry(func(e *wire.Entry) { e.Hi = 2 }), one, false},
		"backwards":         {entry(func(e *wire.Entry) { e.Lo, e.Hi = 1, 0 }), one, false},
		"before all":        {entry(func(e *wire.Entry) { e.Lo = -1 }), one, false},
		"beyond all":        {entry(func(e *wire.Entry) { e.Hi, e.Form = yonder.MaxBundleTasks+1, wire.FormChunk }), one, false},
		"attempt 0":         {entry(func(e *wire.Entry) { e.Attempt = 0 }), one, false},
		"a task's id":       {entry(func(e *wire.Entry) { e.Bundle = bundle.Task(1) }), one, false},
		"no bundle":         {entry(func(e *wire.Entry) { e.Bundle = yonder.ID{} }), one, false},
		"unknown outcome":   {entry(func(e *wire.Entry) { e.Outcome = "maybe" }), one, false},
		"blob and payload":  {entry(func(e *wire.Entry) { e.Blob = &wire.Blob{} }), one, false},
		"started":           {wire.Report{Started: []wire.Span{span}}, nil, true},
		"started nothing":   {wire.Report{Started: []wire.Span{{}}}, nil, false},
		"cancelled nothing": {wire.Report{Cancelled: []wire.Stopped{{}}}, nil, false},
		"lost":              {wire.Report{Lost: []wire.Loss{{Span: span}}}, nil, true},
		"lost nothing":      {wire.Report{Lost: []wire.Loss{{}}}, nil, false},
	} {
		require.Equal(t, c.fine, checkReport(&c.report, c.columns) == nil, name)
	}
}

func TestOutputIsMendedAndBounded(t *testing.T) {
	t.Parallel()
	require.Equal(t, "plain", text("plain"))
	require.Equal(t, "a\uFFFDb", text("a\xffb"))
	marked := strings.Repeat("x", wire.MaxOutput) + "\n… 7 bytes left out …\n"
	require.Equal(t, marked, text(marked), "the manager's mark stays")
	require.Contains(t, text(strings.Repeat("ä", wire.MaxOutput)), "bytes left out")
}

// A broken clock must not spoil listings: what JSON cannot hold is unknown.
func TestImpossibleTimesAreUnknown(t *testing.T) {
	t.Parallel()
	e := wire.Entry{Bundle: yonder.NewBundleID(), Attempt: 1, Lo: 0, Hi: 1, Outcome: wire.OutcomeOK, Started: -1, Finished: 1 << 62}
	require.NoError(t, checkEntry(&e, nil))
	require.Zero(t, e.Started)
	require.Zero(t, e.Finished)
}

func TestCommonVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		oldest, newest, version int
	}{
		{wire.Oldest, wire.Version, wire.Version},
		{wire.Oldest, wire.Version + 5, wire.Version},
		{wire.Version + 1, wire.Version + 5, 0},
		{0, 0, 0},
		{5, 1, 0},
	} {
		version, err := common(c.oldest, c.newest)
		require.Equal(t, c.version, version)
		require.Equal(t, c.version == 0, yonder.CodeOf(err) == yonder.CodeUnsupportedWire)
	}
}

// Nothing that an agent sends as a report gets past the checks and is then no
// report, or ends the process.
func FuzzCheckReport(f *testing.F) {
	f.Add([]byte(`{"results":[{"bundle":"0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000","attempt":1,"lo":0,"hi":1,"outcome":"ok"}]}`))
	f.Add([]byte(`{"started":[{"lo":-1}],"lost":[{"hi":99999999}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r wire.Report
		if json.Unmarshal(data, &r) != nil {
			return
		}
		if checkReport(&r, make([][]byte, len(r.Results))) != nil {
			return
		}
		for _, e := range r.Results {
			require.True(t, e.Lo >= 0 && e.Lo < e.Hi && e.Hi <= yonder.MaxBundleTasks && e.Attempt > 0)
			require.True(t, utf8.ValidString(e.Stdout) && utf8.ValidString(e.Stderr))
		}
	})
}

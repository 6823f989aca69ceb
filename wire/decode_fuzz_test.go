package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// FuzzDecode holds the decoder of headers, which is chosen for its speed, to
// the standard library's: what that reads, it reads alike.
func FuzzDecode(f *testing.F) {
	for _, message := range []any{
		wire.Report{Epoch: 3, Results: []wire.Entry{{Bundle: yonder.NewID(), Attempt: 1, Hi: 1, Outcome: wire.OutcomeOK, Worker: "é\n\u2028<"}}},
		wire.Lease{Span: wire.Span{Attempt: 2, Lo: 1, Hi: 9}, Blobs: map[int]wire.Blob{3: {Size: 1 << 40}}, Walltime: 1.5e-9},
		wire.Bundle{Tasks: 7, Shapes: []wire.Shape{{Positional: 2, Keywords: []string{"a"}}}},
	} {
		data, err := json.Marshal(message)
		require.NoError(f, err)
		f.Add(data)
	}
	for _, text := range []string{
		`{"epoch":1e3}`, `{"EPOCH":1,"epoch":2}`, `{"results":[{"lo":"1"}]}`, `{"epoch":1}x`, "null", "[]",
		`{"results":null}`, `{"message":"\ud800"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		same[wire.Report](t, wire.KindReport, header)
		same[wire.Lease](t, wire.KindOffer, header)
		same[wire.Bundle](t, wire.KindBundle, header)
	})
}

func same[T any](t *testing.T, kind wire.Kind, header []byte) {
	t.Helper()
	var want, got T
	stdErr := json.Unmarshal(header, &want)
	err := (&wire.Frame{Kind: kind, Header: header}).Decode(kind, &got)
	if stdErr != nil {
		return
	}
	require.NoError(t, err)
	require.Equal(t, want, got)
}

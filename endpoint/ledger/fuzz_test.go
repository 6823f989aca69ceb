package ledger

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/wire"
)

// Whatever a manager says of tasks, it can end only those that it was given.
func FuzzWhatManagersSay(f *testing.F) {
	add := func(hello wire.ManagerHello, done wire.Done, begun wire.Spans) {
		var all [3][]byte
		for i, v := range []any{hello, done, begun} {
			all[i], _ = json.Marshal(v) // plain values
		}
		f.Add(all[0], all[1], all[2])
	}
	add(wire.ManagerHello{Holds: []wire.Holding{{Span: span(2, 4), State: "started"}}},
		wire.Done{Results: []wire.Entry{entry(0, 1)}, Lost: []wire.Loss{{Span: span(1, 3)}}, Cancelled: []wire.Stopped{{Span: span(8, 9)}}},
		wire.Spans{Spans: []wire.Span{span(4, 6)}})
	add(wire.ManagerHello{Holds: []wire.Holding{{Span: span(9, -4)}}},
		wire.Done{Results: []wire.Entry{entry(5, 1<<40), entry(-7, 3)}, Lost: []wire.Loss{{Span: span(7, 2), Started: true}}},
		wire.Spans{Spans: []wire.Span{span(-1, 1<<62)}})
	f.Fuzz(func(t *testing.T, helloJSON, doneJSON, begunJSON []byte) {
		var hello wire.ManagerHello
		var done wire.Done
		var begun wire.Spans
		if json.Unmarshal(helloJSON, &hello) != nil || json.Unmarshal(doneJSON, &done) != nil || json.Unmarshal(begunJSON, &begun) != nil {
			return
		}
		ours(&hello, &done, &begun)
		l := New()
		require.True(t, l.Offer(leaseOf(0, 10)))
		l.Journalled(granted(0, 10), 1)
		l.Answered([]wire.Span{span(0, 10)}, nil)
		l.Dispatch(span(0, 5), "mine")
		l.Dispatch(span(5, 10), "other")
		l.Returned("mine", hello.Holds)
		l.Begun(begun.Spans)
		finished, _ := l.Sift("mine", done, make([][]byte, len(done.Results)))
		l.Done(finished, make([]int, len(finished.Results)), 2)
		for _, n := range l.Outstanding() {
			require.GreaterOrEqual(t, n, 0)
		}
		require.LessOrEqual(t, l.Outstanding()["mine"]+l.Outstanding()["other"], 10)
		l.Lost("mine", "gone")
		require.Zero(t, l.Outstanding()["mine"])
	})
}

// ours makes all that is said about the bundle of the tests, whose id differs
// from run to run.
func ours(hello *wire.ManagerHello, done *wire.Done, begun *wire.Spans) {
	for i := range hello.Holds {
		hello.Holds[i].Bundle = bundle
	}
	for i := range done.Results {
		done.Results[i].Bundle = bundle
	}
	for i := range done.Lost {
		done.Lost[i].Bundle = bundle
	}
	for i := range done.Cancelled {
		done.Cancelled[i].Bundle = bundle
	}
	for i := range begun.Spans {
		begun.Spans[i].Bundle = bundle
	}
}

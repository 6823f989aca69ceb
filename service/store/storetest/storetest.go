package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/service/store"
)

// behaviour is one thing that every driver does.
type behaviour struct {
	name string
	run  func(b *bench)
}

// Run holds a driver to the contract of the seam. Open gives every behaviour
// a store of its own, closed at the end of the test.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	runAll(t, func(t *testing.T) (store.Store, store.Store) {
		t.Helper()
		s := open(t)
		return s, s
	})
}

// RunReplicas is Run for drivers that allow several processes on one
// database: open gives two stores over the same one. What races does so
// through both.
func RunReplicas(t *testing.T, open func(t *testing.T) (a, b store.Store)) {
	t.Helper()
	runAll(t, open)
}

func runAll(t *testing.T, open func(t *testing.T) (a, b store.Store)) {
	t.Helper()
	areas := []struct {
		name       string
		behaviours []behaviour
	}{
		{"identities", identities},
		{"tokens", tokens},
		{"functions", functions},
		{"anonymous functions", anonymous},
		{"sharing", sharing},
		{"endpoints", endpoints},
		{"what is read often", often},
		{"submit", submits},
		{"submit ahead", ahead},
		{"claim", claims},
		{"fairness", fairness},
		{"limits", limits},
		{"retention", retention},
		{"accept", accepts},
		{"report", reports},
		{"sessions", sessions},
		{"retries", retries},
		{"memos", memos},
		{"cancel", cancels},
		{"pause", pauses},
		{"history", histories},
		{"tasks", tasks},
		{"results", results},
		{"packs", packs},
		{"large payloads", large},
		{"blobs", blobs},
		{"upkeep", upkeep},
		{"races", races},
	}
	for _, area := range areas {
		t.Run(area.name, func(t *testing.T) {
			t.Parallel()
			for _, one := range area.behaviours {
				t.Run(one.name, func(t *testing.T) {
					t.Parallel()
					a, b := open(t)
					require.NoError(t, b.Ping(t.Context()))
					bench := newBench(t, a)
					bench.replica = b
					one.run(bench)
				})
			}
		})
	}
}

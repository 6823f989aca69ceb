package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// Sort is what a bundle's tasks are like.
type Sort string

// Sorts of bundles.
const (
	Short     Sort = "short"
	Long      Sort = "long"
	Map       Sort = "map"       // a chunk
	Failing   Sort = "failing"   // raise
	Cancelled Sort = "cancelled" // soon after they were submitted, or while they run
	Overtime  Sort = "overtime"  // longer than their walltime
	Large     Sort = "large"     // payloads and results that travel out of line
	Expiring  Sort = "expiring"  // the submitter gives up soon
)

// Bundle is what a client submits.
type Bundle struct {
	Sort     Sort
	N        int // of the client's bundles
	Endpoint int
	Group    int // of the client's groups
	First    int // number of its first task among the client's tasks
	Tasks    int
	Attempts int // most; 0: the service's default, which is defaultAttempts
	Priority int
	Millis   int // that a task takes
	Size     int // bytes of its argument, and more in its result
	Walltime float64
	Cancel   time.Duration // after it was accepted; 0: never
	GiveUp   time.Duration // after it is first submitted; 0: never
}

// defaultAttempts is the service's max_attempts.
const defaultAttempts = 3

// groupTasks is about how many tasks a client puts into one group.
const groupTasks = 2000

// Bundles draws all that a client submits: the same for the same seed.
func Bundles(seed uint64, number, tasks, endpoints int) []Bundle {
	rng := rand.New(rand.NewPCG(seed, 1000+uint64(number)))
	var all []Bundle
	for first := 0; first < tasks; {
		b := drawBundle(rng)
		b.N, b.First, b.Endpoint, b.Group = len(all), first, rng.IntN(endpoints), first/groupTasks
		b.Tasks = min(b.Tasks, tasks-first)
		first += b.Tasks
		all = append(all, b)
	}
	return all
}

func drawBundle(rng *rand.Rand) Bundle {
	b := Bundle{Sort: Short, Tasks: 1 + rng.IntN(8), Millis: rng.IntN(20), Attempts: []int{0, 0, 1, 5}[rng.IntN(4)], Priority: rng.IntN(5) - 2}
	switch n := rng.IntN(100); {
	case n < 55:
	case n < 70:
		b.Sort, b.Tasks, b.Millis = Map, 20+rng.IntN(200), rng.IntN(4)
	case n < 75:
		b.Sort, b.Tasks, b.Millis = Long, 1+rng.IntN(2), 1000+rng.IntN(rng.IntN(19_000)+1)
	case n < 82:
		b.Sort = Failing
	case n < 92:
		b.Sort, b.Tasks, b.Millis = Cancelled, 1+rng.IntN(3), rng.IntN(10_000)
		b.Cancel = 1 + time.Duration(rng.IntN(4))*time.Second
	case n < 94:
		b.Sort, b.Tasks, b.Millis, b.Walltime = Overtime, 1, 60_000, 0.5
	case n < 96:
		b.Sort, b.Tasks, b.Size = Large, 1, 150_000+rng.IntN(250_000)
	default:
		b.Sort, b.Tasks, b.Millis, b.GiveUp = Expiring, 1+rng.IntN(3), rng.IntN(3000), 2*time.Second+time.Duration(rng.IntN(4))*time.Second
	}
	return b
}

// attempts is how often a task of the bundle may start.
func (b *Bundle) attempts() int {
	if b.Attempts == 0 {
		return defaultAttempts
	}
	return b.Attempts
}

// call is one call's arguments: those of testdata/work.py.
func (b *Bundle) call(runs string, index int) []byte {
	mode := "return"
	if b.Sort == Failing {
		mode = "raise"
	}
	data, _ := json.Marshal(map[string]any{
		"args": []any{runs, b.First + index, b.Millis, mode, strings.Repeat("p", b.Size)}, "kwargs": map[string]any{},
	})
	return data
}

// value is what a task of the bundle returns.
func (b *Bundle) value(id yonder.ID, index int) string {
	return fmt.Sprintf("%s %d %d", id.Task(index), b.First+index, b.Size) + strings.Repeat("r", b.Size)
}

// jsonPrefix and chunkPrefix begin payloads; see docs/protocol.md.
const (
	prefixSize  = 8
	jsonPrefix  = "Y1j\x00\x00\x00\x00\x00"
	chunkPrefix = "Y1j\x02\x00\x00\x00\x00"
)

// payloads are the bundle's columns; those of large tasks are still to be uploaded.
func (b *Bundle) payloads(runs string) [][]byte {
	calls := make([][]byte, b.Tasks)
	for i := range calls {
		calls[i] = b.call(runs, i)
	}
	if b.Sort == Map {
		return [][]byte{packChunk(calls)}
	}
	for i := range calls {
		calls[i] = append([]byte(jsonPrefix), calls[i]...)
	}
	return calls
}

// packChunk is python/src/yonder/codec/chunk.py for calls in JSON.
func packChunk(calls [][]byte) []byte {
	data := append([]byte(chunkPrefix), 'c', 0, 0, 0)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(calls)))
	data = binary.LittleEndian.AppendUint32(data, 0)
	for _, call := range calls {
		data = binary.LittleEndian.AppendUint32(data, uint32(len(call)))
	}
	return append(data, bytes.Join(calls, nil)...)
}

// unpackValues returns the values of an entry's payload, in JSON.
func unpackValues(form wire.Form, payload []byte) ([][]byte, error) {
	if len(payload) < prefixSize {
		return nil, fmt.Errorf("a payload of %d bytes", len(payload))
	}
	rest := payload[prefixSize:]
	if form != wire.FormChunk {
		return [][]byte{rest}, nil
	}
	const head = 12
	if len(rest) < head || rest[0] != 'v' {
		return nil, fmt.Errorf("no chunk of values: %.40q", payload)
	}
	count := int(binary.LittleEndian.Uint32(rest[4:]))
	if len(rest) < head+4*count {
		return nil, fmt.Errorf("a chunk of %d values in %d bytes", count, len(payload))
	}
	values, at := make([][]byte, count), head+4*count
	for i := range values {
		end := at + int(binary.LittleEndian.Uint32(rest[head+4*i:]))
		if end > len(rest) {
			return nil, fmt.Errorf("a chunk that ends within value %d", i)
		}
		values[i], at = rest[at:end], end
	}
	return values, nil
}

// submission is the bundle as the service takes it.
func (b *Bundle) submission(in intent, endpoint, function yonder.ID, runs string) client.BundlePayloads {
	form := wire.FormEach
	if b.Sort == Map {
		form = wire.FormChunk
	}
	return client.BundlePayloads{
		Bundle: wire.Bundle{
			ID: in.ID, Group: in.Group, Endpoint: endpoint, Function: function, Tasks: b.Tasks, Form: form, Codec: "json",
			Priority: b.Priority, Retry: wire.Retry{MaxAttempts: b.Attempts}, Walltime: b.Walltime, GiveUpAt: in.GiveUp, Label: string(b.Sort),
		},
		Payloads: b.payloads(runs),
	}
}

package endpoint_test

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/servicetest"
	"github.com/yonder-run/yonder/internal/testsignal"
	"github.com/yonder-run/yonder/wire"
)

// brain is what a service does with one bundle, in the simplest way: states
// per task, and offers when told to.
type brain struct {
	*servicetest.Service

	bundle  yonder.ID
	owner   yonder.ID
	lease   wire.Lease // the template of all leases
	payload func(i int) []byte
	every   float64 // seconds between heartbeats; 0: often
	results testsignal.Signal[wire.Entry]
	lost    testsignal.Signal[wire.Loss]
	cancels testsignal.Signal[wire.Span]
	beats   testsignal.Signal[wire.Heartbeat]
	opens   testsignal.Signal[wire.SessionOpen]
	closes  testsignal.Signal[int64]

	mu       sync.Mutex
	epoch    int64
	instance yonder.ID
	live     bool
	tasks    []task
	cancel   []wire.Span
	refuse   map[yonder.ID]bool
	damages  bool         // bodies are not stored as they came
	most     int          // spans that fit an answer; 0: any number
	over     func(i int)  // called for each task that is accepted, before
	held     map[int]bool // reconciled under this epoch
	grants   int64        // offers so far
	payloads map[int]string
	stale    int
}

type task struct {
	state   yonder.State
	attempt int
	grant   int64
	offered time.Time
}

func newBrain(t *testing.T, tasks int) *brain {
	t.Helper()
	b := &brain{
		Service: servicetest.New(t), bundle: yonder.NewBundleID(), owner: yonder.NewID(),
		tasks: make([]task, tasks), payloads: map[int]string{},
	}
	b.lease = wire.Lease{
		Owner: b.owner, Function: yonder.NewID(), Hash: "hash", Kind: yonder.KindPython, Form: wire.FormEach, Total: tasks, Codec: "raw",
	}
	b.payload = func(i int) []byte { return fmt.Append(nil, i) }
	for i := range b.tasks {
		b.tasks[i] = task{state: yonder.RangeQueued, attempt: 1}
	}
	b.results.Init()
	b.lost.Init()
	b.cancels.Init()
	b.beats.Init()
	b.opens.Init()
	b.closes.Init()
	handle(b, "open", wire.KindSessionOpen, b.open)
	handle(b, "reconcile", wire.KindReconcile, b.reconcile)
	handle(b, "accept", wire.KindAccept, b.accept)
	handle(b, "heartbeat", wire.KindHeartbeat, b.heartbeat)
	handle(b, "close", wire.KindSessionClose, b.close)
	b.Handle("report", func(f wire.Frame) (wire.Kind, any) {
		var r wire.Report
		if err := f.Decode(wire.KindReport, &r); err != nil {
			return wire.KindError, err
		}
		return b.report(r, f.Columns)
	})
	b.HandleBody("/result-blob", b.putBlob)
	return b
}

func handle[T any](b *brain, verb string, kind wire.Kind, answer func(T) (wire.Kind, any)) {
	b.Handle(verb, func(f wire.Frame) (wire.Kind, any) {
		var v T
		if err := f.Decode(kind, &v); err != nil {
			return wire.KindError, err
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		return answer(v)
	})
}

func (b *brain) open(o wire.SessionOpen) (wire.Kind, any) {
	if o.Instance != b.instance {
		b.epoch++
		b.instance, b.live, b.held = o.Instance, false, map[int]bool{}
		b.Hint("fence", wire.KindFence, wire.Fence{Epoch: b.epoch}) // for the one before
	}
	b.opens.Fire(o)
	return wire.KindSessionOpened, wire.SessionOpened{Epoch: b.epoch, Owner: b.owner, HeartbeatSeconds: cmp.Or(b.every, 0.05), Wire: 1}
}

func fenced() (wire.Kind, any) {
	return wire.KindError, yonder.Errorf(yonder.CodeSessionFenced, "a newer epoch was granted")
}

func (b *brain) reconcile(r wire.Reconcile) (wire.Kind, any) {
	if r.Epoch != b.epoch {
		return fenced()
	}
	var answer wire.Reconciled
	held := b.held
	for _, h := range r.Held {
		for i := h.Lo; i < h.Hi; i++ {
			t := &b.tasks[i]
			if t.state == yonder.RangeDone || t.state == yonder.RangeQueued || t.attempt != h.Attempt || t.grant != h.Grant {
				answer.Drop = append(answer.Drop, wire.Span{Bundle: b.bundle, Attempt: h.Attempt, Lo: i, Hi: i + 1})
				continue
			}
			held[i] = true
			t.state = h.State
		}
	}
	if r.Last {
		for i := range b.tasks {
			if t := &b.tasks[i]; !held[i] && t.state != yonder.RangeDone {
				b.lose(i, t.state != yonder.RangeOffered)
			}
		}
	}
	b.live = r.Last
	if b.most > 0 && len(answer.Drop) > b.most {
		return wire.KindError, errLarge
	}
	return wire.KindReconciled, answer
}

var errLarge = yonder.Errorf(yonder.CodeTooLarge, "the answer does not fit a message")

func (b *brain) lose(i int, started bool) {
	t := &b.tasks[i]
	if started && t.state != yonder.RangeQueued {
		t.attempt++
	}
	t.state, t.grant = yonder.RangeQueued, 0
}

func (b *brain) accept(a wire.Accept) (wire.Kind, any) {
	if a.Epoch != b.epoch {
		return fenced()
	}
	var refused []wire.Span
	for _, s := range a.Spans {
		for i := s.Lo; i < s.Hi; i++ {
			if b.over != nil {
				b.over(i)
			}
			switch t := &b.tasks[i]; {
			case t.attempt == s.Attempt && t.grant == s.Grant && (t.state == yonder.RangeOffered || t.state == yonder.RangeAccepted):
				t.state = yonder.RangeAccepted
			default:
				refused = append(refused, wire.Span{Bundle: s.Bundle, Attempt: s.Attempt, Lo: i, Hi: i + 1})
			}
		}
	}
	for _, s := range a.Declined {
		for i := s.Lo; i < s.Hi; i++ {
			b.tasks[i].state = yonder.RangeQueued
		}
	}
	if b.most > 0 && len(refused) > b.most {
		return wire.KindError, errLarge
	}
	return wire.KindSpans, wire.Spans{Spans: refused}
}

func (b *brain) report(r wire.Report, columns [][]byte) (wire.Kind, any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Epoch != b.epoch {
		return fenced()
	}
	var refused []wire.Span
	for n, e := range r.Results {
		if b.refuse[e.Bundle] && e.Outcome == wire.OutcomeOK {
			return wire.KindError, yonder.Errorf(yonder.CodeInvalidRequest, "not this one")
		}
		for i := e.Lo; i < e.Hi; i++ {
			if t := &b.tasks[i]; t.state == yonder.RangeDone || t.attempt != e.Attempt {
				b.stale++
				refused = append(refused, wire.Span{Bundle: e.Bundle, Attempt: e.Attempt, Lo: i, Hi: i + 1})
				continue
			}
			b.tasks[i].state = yonder.RangeDone
			b.payloads[i] = string(columns[n])
			e := e
			e.Lo, e.Hi = i, i+1
			b.results.Fire(e)
		}
	}
	for _, l := range r.Lost {
		if b.refuse[l.Bundle] && l.Stdout != "" {
			return wire.KindError, yonder.Errorf(yonder.CodeInvalidRequest, "not these words")
		}
		b.lost.Fire(l)
		for i := l.Lo; i < l.Hi; i++ {
			if b.tasks[i].attempt == l.Attempt && b.tasks[i].grant == l.Grant && b.tasks[i].state != yonder.RangeDone {
				b.lose(i, l.Started)
			}
		}
	}
	for _, s := range r.Cancelled {
		b.cancels.Fire(s.Span)
		for i := s.Lo; i < s.Hi; i++ {
			b.tasks[i].state = yonder.RangeDone
		}
	}
	return wire.KindSpans, wire.Spans{Spans: refused}
}

func (b *brain) heartbeat(h wire.Heartbeat) (wire.Kind, any) {
	if h.Epoch != b.epoch {
		return fenced()
	}
	b.beats.Fire(h)
	return wire.KindHeartbeatReply, wire.HeartbeatReply{Cancel: b.cancel}
}

func (b *brain) close(s wire.Spans) (wire.Kind, any) {
	b.closes.Fire(s.Epoch)
	return wire.KindSpans, wire.Spans{}
}

func (b *brain) putBlob(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	id := yonder.NewID()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.damages {
		body[0]++
	}
	_, _ = fmt.Fprintf(w, `{"id":%q,"size":%d,"sha256":"%x"}`, id, len(body), sha256.Sum256(body))
}

// unanswered is when an offer is made again.
const unanswered = 500 * time.Millisecond

// offer offers all that is queued, or was offered and not answered for long,
// in leases of the given number of tasks.
func (b *brain) offer(size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.live {
		return
	}
	now := time.Now()
	offerable := func(t task) bool {
		return t.state == yonder.RangeQueued || t.state == yonder.RangeOffered && now.Sub(t.offered) > unanswered
	}
	for lo := 0; lo < len(b.tasks); {
		first := b.tasks[lo]
		hi := lo
		for hi < len(b.tasks) && hi-lo < size && offerable(b.tasks[hi]) && b.tasks[hi].attempt == first.attempt {
			b.tasks[hi].state, b.tasks[hi].grant, b.tasks[hi].offered = yonder.RangeOffered, b.grants+1, now
			hi++
		}
		if hi == lo {
			lo++
			continue
		}
		b.grants++
		b.hint(lo, hi, first.attempt)
		lo = hi
	}
}

func (b *brain) hint(lo, hi, attempt int) {
	lease := b.lease
	lease.Span = wire.Span{Bundle: b.bundle, Attempt: attempt, Lo: lo, Hi: hi, Grant: b.grants}
	var columns [][]byte
	if lease.Form == wire.FormChunk {
		columns = append(columns, []byte("chunk"))
	} else {
		for i := lo; i < hi; i++ {
			columns = append(columns, b.payload(i))
		}
	}
	lease.Columns = len(columns)
	b.Hint("offer", wire.KindOffer, wire.Offer{Epoch: b.epoch, Leases: []wire.Lease{lease}}, columns...)
}

// pump offers again and again until all tasks are done.
func (b *brain) pump(t *testing.T, size int) {
	t.Helper()
	require.Eventually(t, func() bool {
		b.offer(size)
		return b.done() == len(b.tasks)
	}, time.Minute, 20*time.Millisecond, "not all tasks ended")
}

func (b *brain) done() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, t := range b.tasks {
		if t.state == yonder.RangeDone {
			n++
		}
	}
	return n
}

func (b *brain) span(lo, hi int) wire.Span {
	return wire.Span{Bundle: b.bundle, Attempt: 1, Lo: lo, Hi: hi}
}

// granted is a span of the first offer.
func (b *brain) granted(lo, hi int) wire.Span {
	s := b.span(lo, hi)
	s.Grant = 1
	return s
}

func (b *brain) with(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

func (b *brain) accepted() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(b.tasks), func(t task) bool {
		return t.state != yonder.RangeAccepted && t.state != yonder.RangeStarted
	}))
}

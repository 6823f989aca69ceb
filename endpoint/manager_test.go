package endpoint_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/managertest"
	"github.com/yonder-run/yonder/endpoint/provider"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/internal/testsignal"
	"github.com/yonder-run/yonder/wire"
)

// fakeManager runs tasks by echoing their payload, when it is let.
type fakeManager struct {
	startstop.Base

	file, id, block string
	slots           int
	hold            bool   // finish nothing before release
	large           bool   // send results as blobs
	last            func() // before the last piece of each, if it is set
	times           int    // a result is so many of its argument; 0: one
	looks           bool   // say that it answers questions about tasks
	pythons         []wire.Interpreter
	broken          []wire.BrokenInterpreter // said in the hello
	words           string                   // of first attempts, whose worker they end
	unfit           map[string]string        // found out when it is given work
	log             *slog.Logger

	got     testsignal.Signal[wire.Lease]
	stopped testsignal.Signal[wire.Span]
	drained testsignal.Signal[string]
	welcome testsignal.Signal[wire.ManagerWelcome]
	asked   testsignal.Signal[wire.Tail] // left to the test to answer
	full    testsignal.Signal[*yonder.Error]

	mu      sync.Mutex
	client  *managertest.Client
	epoch   int64
	seq     int64
	answer  *wire.TaskView // to all questions about tasks; nil: none
	running map[wire.Span]held
	unacked []unacked
	refused map[wire.Span]bool // results that the agent had no room for
	later   []unacked          // the reports of these
	begun   map[[2]int]int     // (task, attempt) → times begun
}

type held struct {
	lease   wire.Lease
	columns [][]byte
}

type unacked struct {
	done    wire.Done
	columns [][]byte
	large   [][]byte // sent as blobs before
}

func newManager(t *testing.T, file, id, block string) *fakeManager {
	t.Helper()
	m := &fakeManager{
		file: file, id: id, block: block, slots: 4, pythons: []wire.Interpreter{{Version: "3.11.7"}},
		running: map[wire.Span]held{}, begun: map[[2]int]int{}, refused: map[wire.Span]bool{},
		log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	m.got.Init()
	m.stopped.Init()
	m.drained.Init()
	m.welcome.Init()
	m.asked.Init()
	m.full.Init()
	return m
}

func (m *fakeManager) Start(ctx context.Context) error { return m.Base.Start(ctx, m.run) }

func (m *fakeManager) run(ctx context.Context, ready func()) error {
	ready()
	last := ""
	for ctx.Err() == nil {
		if err := m.serve(ctx); err != nil && err.Error() != last {
			last = err.Error()
			m.log.Info("fake manager", slog.String("manager", m.id), slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	return context.Cause(ctx)
}

func (m *fakeManager) serve(ctx context.Context) error {
	m.mu.Lock()
	hello := wire.ManagerHello{
		Manager: m.id, Block: m.block, Slots: m.slots, Hostname: "node", Epoch: m.epoch, Looks: m.looks,
		Pythons: m.pythons, Broken: m.broken,
	}
	for span := range m.running {
		hello.Holds = append(hello.Holds, wire.Holding{Span: span, State: yonder.RangeStarted})
	}
	for _, u := range m.unacked {
		for _, e := range u.done.Results {
			span := wire.Span{Bundle: e.Bundle, Attempt: e.Attempt, Lo: e.Lo, Hi: e.Hi}
			hello.Holds = append(hello.Holds, wire.Holding{Span: span, State: yonder.RangeStarted})
		}
	}
	m.mu.Unlock()
	c, err := managertest.Dial(ctx, m.file, hello)
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, c.Close)
	defer stop()
	m.joined(c)
	defer m.joined(nil)
	for {
		frame, err := c.Recv()
		if err != nil {
			return err
		}
		if err := m.handle(c, frame); err != nil {
			return err
		}
	}
}

// joined takes the connection over, and tells again what was not
// acknowledged.
func (m *fakeManager) joined(c *managertest.Client) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.client = c
	if c == nil {
		return
	}
	m.epoch = max(m.epoch, c.Welcome.Epoch)
	for _, span := range c.Welcome.Drop {
		for have := range m.running {
			if have.Bundle == span.Bundle && have.Attempt == span.Attempt && have.Lo >= span.Lo && have.Hi <= span.Hi {
				delete(m.running, have)
			}
		}
	}
	for _, u := range m.unacked {
		m.send(u)
	}
	m.welcome.Fire(c.Welcome)
}

func (m *fakeManager) handle(c *managertest.Client, frame wire.Frame) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch frame.Kind {
	case wire.KindWork:
		var work wire.Work
		if err := frame.Decode(wire.KindWork, &work); err != nil {
			return err
		}
		columns := frame.Columns
		for _, lease := range work.Leases {
			m.begin(c, lease, columns[:lease.Columns])
			columns = columns[lease.Columns:]
		}
	case wire.KindStop:
		var stop wire.Spans
		if err := frame.Decode(wire.KindStop, &stop); err != nil {
			return err
		}
		for _, span := range stop.Spans {
			m.stop(c, span)
		}
	case wire.KindDoneAck:
		var ack wire.DoneAck
		if err := frame.Decode(wire.KindDoneAck, &ack); err != nil {
			return err
		}
		for len(m.unacked) > 0 && m.unacked[0].done.Seq <= ack.Seq {
			m.settle(m.unacked[0])
			m.unacked = m.unacked[1:]
		}
	case wire.KindBlobChunk:
		var chunk wire.BlobChunk
		if err := frame.Decode(wire.KindBlobChunk, &chunk); err != nil {
			return err
		}
		m.refused[*chunk.Span] = true
		m.full.Fire(chunk.Error)
	case wire.KindDrain:
		m.drained.Fire(m.id)
	case wire.KindTail:
		var t wire.Tail
		if err := frame.Decode(wire.KindTail, &t); err != nil {
			return err
		}
		m.asked.Fire(t)
	case wire.KindLookTask:
		var look wire.LookTask
		if err := frame.Decode(wire.KindLookTask, &look); err != nil || m.answer == nil {
			return err
		}
		answer := *m.answer
		answer.ID = look.ID
		return c.Send(wire.KindTaskView, answer)
	case wire.KindBeat:
		var beat wire.Beat
		if frame.Decode(wire.KindBeat, &beat) == nil && beat.Reset {
			m.unfit = nil
		}
		later := m.later
		m.later = nil
		for _, u := range later {
			m.seq++
			u.done.Seq = m.seq
			m.tell(u)
		}
		return c.Send(wire.KindBeat, wire.Beat{Busy: len(m.running)})
	}
	return nil
}

// settle keeps a report for later whose results found no room.
func (m *fakeManager) settle(u unacked) {
	for _, e := range u.done.Results {
		span := wire.Span{Bundle: e.Bundle, Attempt: e.Attempt, Lo: e.Lo, Hi: e.Hi}
		if m.refused[span] {
			delete(m.refused, span)
			m.later = append(m.later, u)
			return
		}
	}
}

func (m *fakeManager) begin(c *managertest.Client, lease wire.Lease, columns [][]byte) {
	if why := m.unfit[lease.Requires.Python]; why != "" {
		m.seq++
		m.tell(unacked{done: wire.Done{Seq: m.seq, Lost: []wire.Loss{{Span: lease.Span, Code: yonder.CodeEndpointBroken, Message: why}}}})
		m.got.Fire(lease)
		return
	}
	if m.words != "" && lease.Attempt == 1 {
		m.seq++
		m.tell(unacked{done: wire.Done{Seq: m.seq, Lost: []wire.Loss{{
			Span: lease.Span, Started: true, Code: yonder.CodeWorkerFailed, Output: wire.Output{Stdout: m.words},
		}}}})
		m.got.Fire(lease)
		return
	}
	for i := lease.Lo; i < lease.Hi; i++ {
		m.begun[[2]int{i, lease.Attempt}]++
	}
	m.running[lease.Span] = held{lease, columns}
	_ = c.Send(wire.KindBegun, wire.Spans{Spans: []wire.Span{lease.Span}})
	m.got.Fire(lease)
	if !m.hold {
		m.finish(lease.Span)
	}
}

// stop ends what lies in the span, and gives the rest back its own entry.
func (m *fakeManager) stop(c *managertest.Client, span wire.Span) {
	for have, h := range m.running {
		lo, hi := max(have.Lo, span.Lo), min(have.Hi, span.Hi)
		if have.Bundle != span.Bundle || have.Attempt != span.Attempt || lo >= hi {
			continue
		}
		delete(m.running, have)
		for _, part := range []wire.Span{{Lo: have.Lo, Hi: lo}, {Lo: hi, Hi: have.Hi}} {
			if part.Lo < part.Hi {
				part.Bundle, part.Attempt = have.Bundle, have.Attempt
				m.running[part] = held{h.lease, h.columns[part.Lo-have.Lo : part.Hi-have.Lo]}
			}
		}
		ended := have
		ended.Lo, ended.Hi = lo, hi
		m.seq++
		m.tell(unacked{done: wire.Done{Seq: m.seq, Cancelled: []wire.Stopped{{Span: ended}}}})
		m.stopped.Fire(ended)
	}
	_ = c
}

func (m *fakeManager) finish(span wire.Span) {
	h, ok := m.running[span]
	if !ok {
		return
	}
	delete(m.running, span)
	m.seq++
	u := unacked{done: wire.Done{Seq: m.seq}}
	for i := span.Lo; i < span.Hi; i++ {
		entry := wire.Entry{
			Bundle: span.Bundle, Attempt: span.Attempt, Lo: i, Hi: i + 1, Outcome: wire.OutcomeOK, Form: wire.FormEach, Worker: m.id,
		}
		payload := h.columns[min(i-span.Lo, len(h.columns)-1)]
		if m.large {
			payload = bytes.Repeat(payload, max(m.times, 1))
			sum := sha256.Sum256(payload)
			entry.Blob = &wire.Blob{Size: int64(len(payload)), SHA256: hex.EncodeToString(sum[:])}
			u.large, payload = append(u.large, payload), nil
		}
		u.done.Results = append(u.done.Results, entry)
		u.columns = append(u.columns, payload)
	}
	m.tell(u)
}

func (m *fakeManager) tell(u unacked) {
	m.unacked = append(m.unacked, u)
	if m.client != nil {
		m.send(u)
	}
}

func (m *fakeManager) send(u unacked) {
	for i, payload := range u.large {
		e := u.done.Results[i]
		span := wire.Span{Bundle: e.Bundle, Attempt: e.Attempt, Lo: e.Lo, Hi: e.Hi}
		m.sendLarge(wire.BlobChunk{Blob: *e.Blob, Span: &span}, payload)
	}
	_ = m.client.Send(wire.KindDone, u.done, u.columns...)
}

// sendLarge sends a result in pieces.
func (m *fakeManager) sendLarge(chunk wire.BlobChunk, payload []byte) {
	const piece = 1 << 20
	for ; !chunk.Last; chunk.Offset += piece {
		data := payload[chunk.Offset:]
		if chunk.Last = len(data) <= piece; chunk.Last && m.last != nil {
			m.last()
		}
		_ = m.client.Send(wire.KindBlobChunk, chunk, data[:min(piece, len(data))])
	}
}

// tailed answers a question about a running task.
func (m *fakeManager) tailed(told wire.Tailed, columns ...[]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.client.Send(wire.KindTailed, told, columns...)
}

// release lets all that runs, and all that comes, finish.
func (m *fakeManager) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold = false
	for span := range m.running {
		m.finish(span)
	}
}

// twice lists tasks that were begun more than once in one attempt.
func (m *fakeManager) twice() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for k, n := range m.begun {
		if n > 1 {
			all = append(all, fmt.Sprintf("task %d attempt %d: %d times", k[0], k[1], n))
		}
	}
	return all
}

// fakeProvider's blocks are fake managers in this process.
type fakeProvider struct {
	t     *testing.T
	file  string
	setup func(*fakeManager)
	made  testsignal.Signal[*fakeManager]

	mu   sync.Mutex
	all  map[provider.Handle]*fakeManager
	dead map[provider.Handle]bool
	fail error
}

func newProvider(t *testing.T, file string) *fakeProvider {
	t.Helper()
	p := &fakeProvider{t: t, file: file, all: map[provider.Handle]*fakeManager{}, dead: map[provider.Handle]bool{}}
	p.made.Init()
	t.Cleanup(func() {
		for _, m := range p.all {
			m.Stop()
		}
	})
	return p
}

func (p *fakeProvider) Submit(_ context.Context, spec provider.Spec) (provider.Handle, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return "", p.fail
	}
	m := newManager(p.t, p.file, "m-"+spec.Block[30:], spec.Block)
	if p.setup != nil {
		p.setup(m)
	}
	h := provider.Handle(spec.Block)
	p.all[h] = m
	p.made.Fire(m)
	return h, m.Start(p.t.Context())
}

func (p *fakeProvider) Status(_ context.Context, handles []provider.Handle) (map[provider.Handle]provider.Status, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[provider.Handle]provider.Status{}
	for _, h := range handles {
		all[h] = provider.Status{State: provider.Running}
		if p.dead[h] || p.all[h] == nil {
			all[h] = provider.Status{State: provider.Ended, Reason: "killed by the test"}
		}
	}
	return all, nil
}

func (p *fakeProvider) Cancel(_ context.Context, h provider.Handle) error {
	p.kill(h)
	return nil
}

func (p *fakeProvider) kill(h provider.Handle) {
	p.mu.Lock()
	m := p.all[h]
	p.dead[h] = true
	p.mu.Unlock()
	if m != nil {
		m.Stop()
	}
}

//go:build unix

package manager

import (
	"log/slog"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// toAgent brings the link's calls to the desk's goroutine.
type toAgent struct{ desk *desk }

func (t toAgent) Hello() wire.ManagerHello {
	answer := make(chan wire.ManagerHello, 1)
	t.desk.do(func() { answer <- t.desk.hello() })
	select {
	case hello := <-answer:
		return hello
	case <-t.desk.done:
		return wire.ManagerHello{}
	}
}

func (t toAgent) Connected(welcome wire.ManagerWelcome, send func(wire.Frame)) {
	t.desk.do(func() { t.desk.connected(welcome, send) })
}

func (t toAgent) Disconnected(cause error) {
	t.desk.do(func() {
		t.desk.log.Info("lost the agent; running tasks go on", slog.Any("cause", cause))
		_ = t.desk.outbox.connect(nil)
		t.desk.lost = time.Now()
	})
}

func (t toAgent) Frame(frame wire.Frame) {
	t.desk.do(func() {
		if err := t.desk.frame(frame); err != nil {
			t.desk.log.Error("ignored a message of the agent", slog.Any("error", err))
		}
	})
}

func (d *desk) hello() wire.ManagerHello {
	return wire.ManagerHello{
		Manager: d.name, Block: d.cfg.Block, Hostname: d.cfg.Hostname, PID: d.cfg.PID, Slots: d.cfg.Slots,
		Pythons: d.pythons, Holds: d.holds(),
	}
}

func (d *desk) connected(welcome wire.ManagerWelcome, send func(wire.Frame)) {
	d.lost = time.Time{}
	if welcome.InlineBytes > 0 {
		d.inline = welcome.InlineBytes
	}
	d.log.Info("connected to the agent", slog.Int64("epoch", welcome.Epoch))
	d.stop(welcome.Drop, false)
	if err := d.outbox.connect(send); err != nil {
		d.log.Error("could not send results", slog.Any("error", err))
	}
	for _, hash := range d.bodies.wanted() {
		d.send(wire.KindNeed, wire.Need{Function: hash})
	}
	for _, need := range d.blobs.unanswered() {
		d.send(wire.KindNeed, need)
	}
}

func (d *desk) send(kind wire.Kind, header any) {
	if err := d.outbox.send(kind, header); err != nil {
		d.log.Error("could not send", slog.Any("error", err))
	}
}

func (d *desk) frame(frame wire.Frame) error {
	switch frame.Kind {
	case wire.KindWork:
		var work wire.Work
		if err := frame.Decode(wire.KindWork, &work); err != nil {
			return err
		}
		d.take(work.Leases, frame.Columns)
	case wire.KindDoneAck:
		var ack wire.DoneAck
		if err := frame.Decode(wire.KindDoneAck, &ack); err != nil {
			return err
		}
		d.seen.remove(d.outbox.acknowledged(ack.Seq))
	case wire.KindStop:
		var stop wire.Spans
		if err := frame.Decode(wire.KindStop, &stop); err != nil {
			return err
		}
		d.stop(stop.Spans, true)
	case wire.KindDrain:
		d.draining = true
	case wire.KindBody:
		var body wire.Body
		if err := frame.Decode(wire.KindBody, &body); err != nil {
			return err
		}
		d.body(body, frame.Columns)
	case wire.KindBlobChunk:
		var chunk wire.BlobChunk
		if err := frame.Decode(wire.KindBlobChunk, &chunk); err != nil {
			return err
		}
		d.chunk(chunk, frame.Columns)
	default:
		return yonder.Errorf(yonder.CodeMalformedFrame, "a manager does not take %v messages", frame.Kind)
	}
	return nil
}

func (d *desk) body(body wire.Body, columns [][]byte) {
	if body.Error != nil || len(columns) != 1 {
		for _, w := range d.bodies.refuse(body.Function) {
			d.failWork(w, body.Error)
		}
		return
	}
	for _, w := range d.bodies.put(body.Function, columns[0], d.uses) {
		d.got(w)
	}
}

// uses says whether a function's body may still be given to a worker.
func (d *desk) uses(hash string) bool {
	for l := range d.works {
		if l.Hash == hash {
			return true
		}
	}
	return false
}

func (d *desk) chunk(chunk wire.BlobChunk, columns [][]byte) {
	if chunk.Span != nil {
		d.log.Warn("the agent did not take a result", slog.Any("error", chunk.Error))
		return // it is sent again with the next connection
	}
	var data []byte
	if len(columns) > 0 {
		data = columns[0]
	}
	ready, path, err := d.blobs.chunk(chunk, data)
	for _, waiter := range ready {
		if err != nil {
			d.failWork(waiter.work, err)
			continue
		}
		waiter.work.files[waiter.column] = path
		d.got(waiter.work)
	}
}

// failWork ends all of a work's tasks: what it needs cannot be had.
func (d *desk) failWork(w *work, why error) {
	message := "the agent sent nothing"
	if why != nil {
		message = why.Error()
	}
	fresh := w.fresh
	w.fresh = nil
	for _, r := range fresh {
		d.fail(w.lease, r.Lo, r.Hi, yonder.CodeOf(why), message)
	}
}

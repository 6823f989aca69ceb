package manager

import (
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// fromAgent brings the link's calls to the desk.
type fromAgent struct{ desk *desk }

// Hello says what is here at this moment.
func (a fromAgent) Hello() wire.ManagerHello {
	d := a.desk
	return query(d, func() wire.ManagerHello {
		return wire.ManagerHello{
			Manager: d.name, Block: d.cfg.Block, Hostname: d.hostname, PID: os.Getpid(), Slots: d.cfg.Slots,
			Pythons: d.cfg.Pythons, Kinds: d.cfg.Kinds, Broken: d.cfg.broken, Holds: d.holdings(), Looks: true,
		}
	})
}

// Welcome begins with an agent.
func (a fromAgent) Welcome(welcome wire.ManagerWelcome) {
	d := a.desk
	d.do(func() {
		d.log.Info("connected to the agent", slog.Int64("epoch", welcome.Epoch), slog.Int("drop", len(welcome.Drop)))
		d.alone = time.Time{}
		if welcome.InlineBytes > 0 {
			d.inline = welcome.InlineBytes
		}
		d.stop(welcome.Drop)
		d.blobs.Restart()
		d.needAgain()
	})
}

// Frame takes a message.
func (a fromAgent) Frame(frame wire.Frame) error {
	return query(a.desk, func() error { return a.desk.frame(frame) })
}

// Lost notes since when there is no agent.
func (a fromAgent) Lost(error) {
	a.desk.do(func() { a.desk.alone, a.desk.tails = time.Now(), nil })
}

// Beat is from the desk's last event.
func (a fromAgent) Beat() wire.Beat { return *a.desk.beat.Load() }

func (d *desk) frame(frame wire.Frame) error {
	switch frame.Kind {
	case wire.KindWork:
		return with(frame, func(work wire.Work) error { return d.take(work.Leases, frame.Columns) })
	case wire.KindStop:
		return with(frame, func(stop wire.Spans) error { d.stop(stop.Spans); return nil })
	case wire.KindDoneAck:
		return with(frame, func(ack wire.DoneAck) error {
			d.held.remove(d.outbox.Acknowledge(ack.Seq))
			return nil
		})
	case wire.KindBody:
		return with(frame, func(body wire.Body) error { return d.body(body, frame.Columns) })
	case wire.KindBlobChunk:
		return with(frame, func(chunk wire.BlobChunk) error { return d.blobChunk(chunk, frame.Columns) })
	case wire.KindTail:
		return with(frame, d.tail)
	case wire.KindLookTask:
		return with(frame, d.lookTask)
	case wire.KindDrain:
		return with(frame, func(drain wire.Drain) error {
			d.log.Info("draining", slog.String("reason", drain.Reason))
			d.draining = true
			return nil
		})
	case wire.KindBeat:
		return with(frame, func(beat wire.Beat) error {
			if beat.Reset {
				d.log.Info("whatever failed to start is tried again")
				d.trouble = ""
				d.pool.Reset()
			}
			return nil
		})
	case wire.KindError:
		return with(frame, func(e yonder.Error) error { return &e })
	default:
		return yonder.Errorf(yonder.CodeMalformedFrame, "an agent does not send %v messages", frame.Kind)
	}
}

func with[T any](frame wire.Frame, f func(T) error) error {
	var v T
	if err := frame.Decode(frame.Kind, &v); err != nil {
		return err
	}
	return f(v)
}

// body takes a function that was asked for.
func (d *desk) body(body wire.Body, columns [][]byte) error {
	waiting := d.wanting[body.Function]
	if body.Error != nil {
		if again(body.Error) {
			return nil // asked for again with the next retry
		}
		delete(d.wanting, body.Function)
		d.failWorks(waiting, body.Error)
		return nil
	}
	if len(columns) != 1 {
		return yonder.Errorf(yonder.CodeMalformedFrame, "a function's body came in %d parts", len(columns))
	}
	if err := d.functions.Put(body.Function, columns[0]); err != nil {
		return err
	}
	delete(d.wanting, body.Function)
	for _, w := range waiting {
		w.function = d.functions.Use(body.Function)
		d.got(w)
	}
	return nil
}

// blobChunk takes a piece of a payload, or hears that a result found no room.
func (d *desk) blobChunk(chunk wire.BlobChunk, columns [][]byte) error {
	d.blobs.Settled() // the piece before: this one's place is the next but one's
	if chunk.Span != nil {
		d.log.Warn("the agent has no room for a result, which is sent again later", slog.Any("error", chunk.Error))
		d.outbox.Refused(*chunk.Span)
		return nil
	}
	id := chunk.Blob.ID
	whole, err := d.store(chunk, columns)
	switch {
	case err == nil && !whole:
		return nil
	case yonder.CodeOf(err) == yonder.CodeStorageFull:
		d.lackRoom(id, err)
		return nil
	case err != nil && again(err):
		return nil // asked for again with the next retry
	}
	waiting := d.awaiting[id]
	delete(d.awaiting, id)
	if err != nil {
		d.failWorks(waiting, err)
		return nil
	}
	d.noRoom.ended(id)
	for _, w := range waiting {
		d.got(w)
	}
	return nil
}

// store is true if the piece was the last of a payload.
func (d *desk) store(chunk wire.BlobChunk, columns [][]byte) (bool, error) {
	if chunk.Error != nil {
		d.blobs.Refused(chunk.Blob.ID)
		return false, chunk.Error
	}
	if len(columns) != 1 {
		return false, yonder.Errorf(yonder.CodeMalformedFrame, "a payload's piece came in %d parts", len(columns))
	}
	return d.blobs.Write(chunk, columns[0])
}

// again says whether asking later may help.
func again(err error) bool {
	return slices.Contains([]yonder.Code{yonder.CodeUnavailable, yonder.CodeTimeout}, yonder.CodeOf(err))
}

// needAgain asks for all that works wait for.
func (d *desk) needAgain() {
	for hash := range d.wanting {
		d.outbox.Need(wire.Need{Function: hash})
	}
	for _, blob := range d.blobs.Wanted() {
		if waiting := d.awaiting[blob.ID]; len(waiting) > 0 {
			d.outbox.Need(wire.Need{Blob: &blob, Task: waiting[0].blobTask(blob.ID)})
		}
	}
}

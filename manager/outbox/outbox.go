// Package outbox keeps what a manager has to tell its agent. What ended is
// kept, through any number of connections, until the agent says that it has
// it; everything else is for the connection of the moment.
package outbox

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"sync"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

const (
	// A Done message takes this many ends or bytes at most, so that one never
	// holds up others for long.
	maxEnds  = 2000
	maxBytes = 4 << 20
	// chunkSize is that of a piece of a file.
	chunkSize = 256 << 10
)

// End is how tasks ended: one of its fields is set. A Result's payload is
// Payload or, for a Result with a Blob, in File, which the outbox removes when
// it is not needed any more. The Blob's hash is found out while File is sent.
type End struct {
	Result    *wire.Entry
	Payload   []byte
	File      string
	Lost      *wire.Loss
	Cancelled *wire.Stopped
}

// Span names the tasks.
func (e *End) Span() wire.Span {
	switch {
	case e.Result != nil:
		return wire.Span{Bundle: e.Result.Bundle, Attempt: e.Result.Attempt, Lo: e.Result.Lo, Hi: e.Result.Hi}
	case e.Lost != nil:
		return e.Lost.Span
	}
	return e.Cancelled.Span
}

// size is what it takes in a message, about.
func (e *End) size() int {
	switch {
	case e.Result != nil:
		return len(e.Payload) + len(e.Result.Stdout) + len(e.Result.Stderr)
	case e.Lost != nil:
		return e.Lost.Len()
	}
	return e.Cancelled.Len()
}

// parcel is a Done message that was sent or is being sent.
type parcel struct {
	seq  int64
	ends []End
}

// Outbox is safe for concurrent use.
type Outbox struct {
	ready chan struct{}

	mu       sync.Mutex
	seq      int64
	open     []End // not in a parcel yet
	parcels  []*parcel
	next     int     // parcel to be sent next on this connection
	sending  *upload // of a file of that parcel
	data     []byte  // of its last piece
	uploaded int     // ends of that parcel whose files are sent
	refused  map[wire.Span]bool
	deferred []End
	begun    []wire.Span
	needs    []wire.Need
	answers  []wire.Frame
}

type upload struct {
	file   *os.File
	blob   wire.Blob
	span   wire.Span
	offset int64

	sum     hash.Hash
	hashing sync.WaitGroup // of the last piece, while it is sent
}

// New returns an empty outbox.
func New() *Outbox { return &Outbox{ready: make(chan struct{}, 1), refused: map[wire.Span]bool{}} }

// Ready has a value when Next may have more since it had nothing.
func (o *Outbox) Ready() <-chan struct{} { return o.ready }

func (o *Outbox) nudge() {
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// Add keeps what ended until it is acknowledged.
func (o *Outbox) Add(ends ...End) {
	if len(ends) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open = append(o.open, ends...)
	o.nudge()
}

// Begun tells the agent of the moment that workers have begun the span.
func (o *Outbox) Begun(span wire.Span) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.begun = append(o.begun, span)
	o.nudge()
}

// Need asks the agent of the moment for a body.
func (o *Outbox) Need(need wire.Need) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.needs = append(o.needs, need)
	o.nudge()
}

// maxAnswers bounds answers that wait to be sent: whoever asked does not wait long.
const maxAnswers = 256

// Tell sends the agent of the moment an answer.
func (o *Outbox) Tell(answer wire.Frame) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.answers) < maxAnswers {
		o.answers = append(o.answers, answer)
		o.nudge()
	}
}

// Rewind begins anew with all that is not acknowledged: the connection is new.
func (o *Outbox) Rewind() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopUpload()
	o.next, o.uploaded = 0, 0
	o.begun, o.needs, o.answers = nil, nil, nil
	o.retry()
	o.nudge()
}

// Retry sends again what the agent had no room for.
func (o *Outbox) Retry() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.retry()
}

func (o *Outbox) retry() {
	if len(o.deferred) > 0 {
		o.open, o.deferred = append(o.open, o.deferred...), nil
		o.nudge()
	}
}

// Refused says that the agent had no room for a result's file. It is kept
// beyond the acknowledgement and sent again by Retry.
func (o *Outbox) Refused(span wire.Span) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refused[span] = true
}

// Acknowledge forgets everything up to seq and returns what that was.
func (o *Outbox) Acknowledge(seq int64) []wire.Span {
	o.mu.Lock()
	defer o.mu.Unlock()
	var gone []wire.Span
	for len(o.parcels) > 0 && o.parcels[0].seq <= seq && o.next > 0 {
		for _, end := range o.parcels[0].ends {
			span := end.Span()
			if o.refused[span] {
				delete(o.refused, span)
				o.deferred = append(o.deferred, end)
				continue
			}
			if end.File != "" {
				_ = os.Remove(end.File)
			}
			gone = append(gone, span)
		}
		o.parcels = o.parcels[1:]
		o.next--
	}
	return gone
}

// Spans lists everything that is not acknowledged.
func (o *Outbox) Spans() []wire.Span {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []wire.Span
	add := func(ends []End) {
		for i := range ends {
			all = append(all, ends[i].Span())
		}
	}
	for _, p := range o.parcels {
		add(p.ends)
	}
	add(o.open)
	add(o.deferred)
	return all
}

// Empty says that everything is acknowledged.
func (o *Outbox) Empty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.parcels)+len(o.open)+len(o.deferred) == 0
}

// Next returns the next frame for the connection of the moment, or none; it
// holds until the next call. A
// file goes in pieces before the Done message that refers to it, with other
// messages in between.
func (o *Outbox) Next() (*wire.Frame, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case len(o.needs) > 0:
		need := o.needs[0]
		o.needs = o.needs[1:]
		return frame(wire.KindNeed, need)
	case len(o.begun) > 0:
		spans := o.begun[:min(maxEnds, len(o.begun))]
		o.begun = o.begun[len(spans):]
		return frame(wire.KindBegun, wire.Spans{Spans: spans})
	case len(o.answers) > 0:
		answer := o.answers[0]
		o.answers = o.answers[1:]
		return &answer, nil
	case o.sending != nil:
		return o.piece()
	}
	if o.next == len(o.parcels) && !o.seal() {
		return nil, nil //nolint:nilnil // nothing to send
	}
	return o.deliver(o.parcels[o.next])
}

// seal makes a parcel of what has ended since the last one.
func (o *Outbox) seal() bool {
	n, size := 0, 0
	for n < len(o.open) && n < maxEnds && (n == 0 || size+o.open[n].size() <= maxBytes) {
		size += o.open[n].size()
		n++
	}
	if n == 0 {
		return false
	}
	o.seq++
	o.parcels = append(o.parcels, &parcel{seq: o.seq, ends: append([]End(nil), o.open[:n]...)})
	o.open = o.open[n:]
	return true
}

// deliver sends a parcel's files, then its message.
func (o *Outbox) deliver(p *parcel) (*wire.Frame, error) {
	for ; o.uploaded < len(p.ends); o.uploaded++ {
		end := &p.ends[o.uploaded]
		if end.File == "" {
			continue
		}
		file, err := os.Open(end.File)
		if err != nil {
			end.fail(err) // the message will say so
			continue
		}
		o.sending = &upload{file: file, blob: *end.Result.Blob, span: end.Span(), sum: sha256.New()}
		return o.piece()
	}
	o.next, o.uploaded = o.next+1, 0
	return p.frame()
}

func (o *Outbox) piece() (*wire.Frame, error) {
	up := o.sending
	if o.data == nil {
		o.data = make([]byte, chunkSize)
	}
	up.hashing.Wait()
	data := o.data[:min(chunkSize, up.blob.Size-up.offset)]
	if _, err := io.ReadFull(up.file, data); err != nil {
		o.stopUpload()
		p := o.parcels[o.next]
		p.ends[o.uploaded].fail(err)
		return o.deliver(p)
	}
	chunk := wire.BlobChunk{Blob: up.blob, Span: &up.span, Offset: up.offset}
	up.offset += int64(len(data))
	up.hashing.Go(func() { up.sum.Write(data) })
	if chunk.Last = up.offset >= up.blob.Size; chunk.Last {
		o.stopUpload()
		o.parcels[o.next].ends[o.uploaded].hashed(up)
		o.uploaded++
	}
	return frame(wire.KindBlobChunk, chunk, data)
}

func (o *Outbox) stopUpload() {
	if o.sending != nil {
		o.sending.hashing.Wait()
		o.sending.file.Close()
		o.sending = nil
	}
}

// hashed notes what the file was that has been sent.
func (e *End) hashed(up *upload) {
	whole, blob := *e.Result, up.blob
	blob.SHA256 = hex.EncodeToString(up.sum.Sum(nil))
	whole.Blob = &blob
	e.Result = &whole
}

// fail turns a result whose file cannot be read into a failure.
func (e *End) fail(cause error) {
	failed := *e.Result
	failed.Outcome, failed.Blob = wire.OutcomeFailed, nil
	e.Result, e.File = &failed, ""
	e.Payload = Failure(yonder.CodeInternal, "the result was lost on the node: "+cause.Error())
}

func (p *parcel) frame() (*wire.Frame, error) {
	done := wire.Done{Seq: p.seq}
	var columns [][]byte
	for _, end := range p.ends {
		switch {
		case end.Result != nil:
			done.Results = append(done.Results, *end.Result)
			columns = append(columns, end.Payload)
		case end.Lost != nil:
			done.Lost = append(done.Lost, *end.Lost)
		default:
			done.Cancelled = append(done.Cancelled, *end.Cancelled)
		}
	}
	return frame(wire.KindDone, done, columns...)
}

func frame(kind wire.Kind, header any, columns ...[]byte) (*wire.Frame, error) {
	f, err := wire.NewFrame(kind, header, columns...)
	return &f, err
}

// Close lets go of the file being sent.
func (o *Outbox) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopUpload()
}

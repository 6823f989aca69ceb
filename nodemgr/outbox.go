//go:build unix

package manager

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// finished is what ended at one time. Payload i, or the file with it, belongs
// to results[i].
type finished struct {
	results   []wire.Entry
	payloads  [][]byte
	files     []string
	lost      []wire.Loss
	cancelled []wire.Span
}

func (f *finished) add(e wire.Entry, payload []byte, file string) {
	f.results = append(f.results, e)
	f.payloads = append(f.payloads, payload)
	f.files = append(f.files, file)
}

func (f *finished) empty() bool { return len(f.results)+len(f.lost)+len(f.cancelled) == 0 }

func (f *finished) spans() []wire.Span {
	spans := append([]wire.Span(nil), f.cancelled...)
	for _, e := range f.results {
		spans = append(spans, wire.Span{Bundle: e.Bundle, Attempt: e.Attempt, Lo: e.Lo, Hi: e.Hi})
	}
	for _, l := range f.lost {
		spans = append(spans, l.Span)
	}
	return spans
}

// outbox keeps what ended until the agent has acknowledged it, through any
// number of connections. Bodies that are too large for a message stay in
// files and are sent in chunks before the message that refers to them.
type outbox struct {
	dir    string
	seq    int64
	items  []outboxItem
	to     func(wire.Frame) // nil while there is no agent
	broken func(error)
}

type outboxItem struct {
	seq int64
	finished
}

const chunkSize = 256 << 10

func (o *outbox) empty() bool { return len(o.items) == 0 }

// spans lists all that waits for the agent.
func (o *outbox) spans() []wire.Span {
	var all []wire.Span
	for i := range o.items {
		all = append(all, o.items[i].spans()...)
	}
	return all
}

// add keeps what ended and sends it. Files are taken out of the worker's
// directory, which goes with the worker.
func (o *outbox) add(f finished) error {
	o.seq++
	for i, file := range f.files {
		if file == "" {
			continue
		}
		if err := o.adopt(&f, i, file); err != nil {
			code := yonder.CodeOf(err)
			f.files[i], f.results[i].Blob, f.results[i].Outcome = "", nil, wire.OutcomeFailed
			f.payloads[i] = taskError(code, "the result could not be kept on the node: "+err.Error())
		}
	}
	item := outboxItem{seq: o.seq, finished: f}
	o.items = append(o.items, item)
	return o.transmit(item)
}

func (o *outbox) adopt(f *finished, i int, file string) error {
	kept := filepath.Join(o.dir, "result-"+strconv.FormatInt(o.seq, 10)+"-"+strconv.Itoa(i))
	if err := os.Rename(file, kept); err != nil {
		return fmt.Errorf("keeping a result: %w", err)
	}
	body, err := os.Open(kept) //nolint:gosec // our own file
	if err != nil {
		return fmt.Errorf("reading a result: %w", err)
	}
	defer body.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, body)
	if err != nil {
		return fmt.Errorf("reading a result: %w", err)
	}
	f.files[i] = kept
	f.results[i].Blob = &wire.Blob{Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}
	return nil
}

// acknowledged forgets all up to seq and returns the spans concerned.
func (o *outbox) acknowledged(seq int64) []wire.Span {
	var gone []wire.Span
	for len(o.items) > 0 && o.items[0].seq <= seq {
		for _, file := range o.items[0].files {
			if file != "" {
				_ = os.Remove(file)
			}
		}
		gone = append(gone, o.items[0].spans()...)
		o.items = o.items[1:]
	}
	return gone
}

// connect sends all that was not acknowledged; nil ends the connection.
func (o *outbox) connect(to func(wire.Frame)) error {
	o.to = to
	if to == nil {
		return nil
	}
	for _, item := range o.items {
		if err := o.transmit(item); err != nil {
			return err
		}
	}
	return nil
}

func (o *outbox) transmit(item outboxItem) error {
	if o.to == nil {
		return nil
	}
	for i, file := range item.files {
		if file == "" {
			continue
		}
		e := item.results[i]
		span := wire.Span{Bundle: e.Bundle, Attempt: e.Attempt, Lo: e.Lo, Hi: e.Hi}
		if err := o.upload(file, *e.Blob, span); err != nil {
			return err
		}
	}
	return o.send(wire.KindDone, wire.Done{
		Seq: item.seq, Results: item.results, Lost: item.lost, Cancelled: item.cancelled,
	}, item.payloads...)
}

func (o *outbox) upload(file string, blob wire.Blob, span wire.Span) error {
	body, err := os.Open(file) //nolint:gosec // our own file
	if err != nil {
		return fmt.Errorf("reading a result: %w", err)
	}
	defer body.Close()
	for offset := int64(0); ; {
		data := make([]byte, chunkSize)
		n, err := io.ReadFull(body, data)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("reading a result: %w", err)
		}
		chunk := wire.BlobChunk{Blob: blob, Span: &span, Offset: offset, Last: offset+int64(n) >= blob.Size}
		if err := o.send(wire.KindBlobChunk, chunk, data[:n]); err != nil || chunk.Last {
			return err
		}
		offset += int64(n)
	}
}

// send sends a message if there is an agent to hear it.
func (o *outbox) send(kind wire.Kind, header any, columns ...[]byte) error {
	if o.to == nil {
		return nil
	}
	frame, err := wire.NewFrame(kind, header, columns...)
	if err != nil {
		return fmt.Errorf("making a message: %w", err)
	}
	o.to(frame)
	return nil
}

func taskError(code yonder.Code, message string) []byte {
	data, _ := json.Marshal(wire.TaskError{Code: code, Message: message})
	return data
}

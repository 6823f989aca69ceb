package live

import (
	"fmt"
	"strings"

	"github.com/yonder-run/yonder/wire"
)

// maxSegments bounds how often the latest output may change between stdout
// and stderr: a process that alternates byte by byte must not make us keep
// more about its bytes than bytes.
const maxSegments = 1024

// ring keeps the latest bytes of stdout and stderr in the order in which they
// came. Positions count from the first byte ever.
type ring struct {
	limit    int
	data     []byte    // position p is at p % limit once it is full
	end      int64     // position after the last byte
	segments []segment // of what is kept, in order
}

// segment begins at a position and reaches to the next one.
type segment struct {
	from   int64
	stream wire.Stream
}

// start is the position of the first byte that is kept.
func (r *ring) start() int64 {
	if len(r.segments) == 0 {
		return r.end
	}
	return r.segments[0].from
}

func (r *ring) write(stream wire.Stream, data []byte) {
	if len(data) == 0 {
		return
	}
	if n := len(r.segments); n == 0 || r.segments[n-1].stream != stream {
		r.segments = append(r.segments, segment{r.end, stream})
	}
	r.put(data)
	r.forget(max(r.end-int64(r.limit), 0))
	if n := len(r.segments); n > maxSegments {
		r.forget(r.segments[n-maxSegments].from)
	}
}

// put writes the bytes; of more than fit only the last.
func (r *ring) put(data []byte) {
	if skip := len(data) - r.limit; skip > 0 {
		r.end += int64(skip)
		data = data[skip:]
	}
	for len(data) > 0 {
		at := int(r.end % int64(r.limit))
		if at >= len(r.data) && len(r.data) < r.limit {
			r.data = append(r.data, make([]byte, min(max(len(r.data), 4096, len(data)), r.limit-len(r.data)))...)
		}
		n := copy(r.data[at:], data)
		data = data[n:]
		r.end += int64(n)
	}
}

// forget lets go of what is before the position.
func (r *ring) forget(before int64) {
	for len(r.segments) > 1 && r.segments[1].from <= before {
		r.segments = r.segments[1:]
	}
	if len(r.segments) > 0 {
		r.segments[0].from = max(r.segments[0].from, before)
	}
}

// read returns what was written from the position on, at most so many bytes,
// and where to go on. What is gone is said first.
func (r *ring) read(from int64, most int) (a answer) {
	if from > r.end {
		from = r.end // a mark that never was: nothing is said to be gone
	}
	if start := r.start(); from < start {
		a.add(wire.Piece{Stream: wire.StreamOutput, At: from, Skipped: start - from}, nil)
		from = start
	}
	for i, s := range r.segments {
		to := r.end
		if i+1 < len(r.segments) {
			to = r.segments[i+1].from
		}
		if to <= from || most <= 0 {
			continue
		}
		to = min(to, from+int64(most))
		a.add(wire.Piece{Stream: s.stream, At: from}, r.copy(from, to))
		most -= int(to - from)
		from = to
	}
	a.next = from
	return a
}

// text is all that is kept, by stream. A mark says how much of both is gone.
func (r *ring) text() wire.Output {
	var stdout, stderr []byte
	all := r.read(r.start(), r.limit)
	for i, piece := range all.pieces {
		if piece.Stream == wire.StreamStderr {
			stderr = append(stderr, all.columns[i]...)
		} else {
			stdout = append(stdout, all.columns[i]...)
		}
	}
	out := wire.Output{Stdout: strings.ToValidUTF8(string(stdout), "\uFFFD"), Stderr: strings.ToValidUTF8(string(stderr), "\uFFFD")}
	if gone := r.start(); gone > 0 && len(stdout) > 0 {
		out.Stdout = fmt.Sprintf(leftOut, gone) + out.Stdout
	} else if gone > 0 {
		out.Stderr = fmt.Sprintf(leftOut, gone) + out.Stderr
	}
	return out
}

const leftOut = "… %d bytes left out …\n"

func (r *ring) copy(from, to int64) []byte {
	out := make([]byte, 0, to-from)
	for from < to {
		at := from % int64(r.limit)
		n := min(int64(r.limit)-at, to-from)
		out = append(out, r.data[at:at+n]...)
		from += n
	}
	return out
}

// answer is what a read has found.
type answer struct {
	pieces  []wire.Piece
	columns [][]byte
	next    int64
}

func (a *answer) add(p wire.Piece, data []byte) {
	a.pieces, a.columns = append(a.pieces, p), append(a.columns, data)
}

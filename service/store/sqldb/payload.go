package sqldb

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// pageBytes is the size up to which payloads share a page. An offer of a few
// tasks reads one page, however large the bundle is.
const pageBytes = 256 << 10

// smallPage is the size up to which an only page is kept in its bundle's row,
// which every step of a task reads and the last one writes.
const smallPage = 1 << 10

// page is the payload columns of tasks lo..hi: one for each task, or a single
// one for all tasks of a chunk.
type page struct {
	lo, hi  int
	columns [][]byte
}

// pager finds the page that has the payload of a task.
type pager func(ctx context.Context, task int) (page, error)

// paginate cuts a bundle's columns into pages.
func paginate(form wire.Form, tasks int, columns [][]byte) []page {
	if form == wire.FormChunk {
		return []page{{lo: 0, hi: tasks, columns: columns}}
	}
	var pages []page
	lo, size := 0, 0
	for i, c := range columns {
		if i > lo && size+len(c) > pageBytes {
			pages = append(pages, page{lo: lo, hi: i, columns: columns[lo:i]})
			lo, size = i, 0
		}
		size += len(c)
	}
	return append(pages, page{lo: lo, hi: tasks, columns: columns[lo:]})
}

// encode writes the columns' lengths (u32, little endian) and then their bytes.
func (p page) encode() []byte {
	size := 4 * len(p.columns)
	for _, c := range p.columns {
		size += len(c)
	}
	data := make([]byte, 0, size)
	for _, c := range p.columns {
		data = binary.LittleEndian.AppendUint32(data, uint32(len(c)))
	}
	for _, c := range p.columns {
		data = append(data, c...)
	}
	return data
}

// decode reads n columns, which share data.
func decode(data []byte, n int) ([][]byte, error) {
	if len(data) < 4*n {
		return nil, fmt.Errorf("page of %d bytes is too short for %d payloads", len(data), n)
	}
	lengths, body := data[:4*n], data[4*n:]
	columns := make([][]byte, n)
	for i := range columns {
		size := int(binary.LittleEndian.Uint32(lengths[4*i:]))
		if size > len(body) {
			return nil, fmt.Errorf("payload %d of %d bytes, %d left in its page", i, size, len(body))
		}
		columns[i], body = body[:size:size], body[size:]
	}
	return columns, nil
}

// stored returns a pager of a bundle's pages that keeps the last one read.
func (s *Store) stored(q *gen.Queries, row *gen.Bundle) pager {
	var last page
	if len(row.Page) > 0 {
		return only(row)
	}
	return func(ctx context.Context, task int) (page, error) {
		if task >= last.lo && task < last.hi {
			return last, nil
		}
		got, err := q.GetPage(ctx, row.ID, int64(task))
		if err != nil {
			return page{}, fmt.Errorf("reading payload of task %s: %w", row.ID.Task(task), err)
		}
		data, err := s.fetched(got.Data, Place{Segment: got.Segment, Offset: got.Place, Size: got.Away, Sum: uint32(got.Checksum)})
		if err != nil {
			return page{}, atPage(row.ID, int(got.Hi), err)
		}
		last, err = pageOfRow(row, int(got.Lo), int(got.Hi), data)
		return last, err
	}
}

// only is the pager of a bundle whose page is in its row.
func only(row *gen.Bundle) pager {
	whole, err := pageOfRow(row, 0, int(row.Tasks), row.Page)
	return func(context.Context, int) (page, error) { return whole, err }
}

func pageOfRow(row *gen.Bundle, lo, hi int, data []byte) (page, error) {
	n := hi - lo
	if row.Form == string(wire.FormChunk) {
		n = 1
	}
	columns, err := decode(data, n)
	if err != nil {
		return page{}, fmt.Errorf("bundle %s: %w", row.ID, err)
	}
	return page{lo: lo, hi: hi, columns: columns}, nil
}

// inMemory is the pager of a bundle that is being submitted.
func inMemory(tasks int, columns [][]byte) pager {
	whole := page{lo: 0, hi: tasks, columns: columns}
	return func(context.Context, int) (page, error) { return whole, nil }
}

// payloadBytes is the sum of the columns' sizes.
func payloadBytes(columns [][]byte) int {
	n := 0
	for _, c := range columns {
		n += len(c)
	}
	return n
}

// blobsOf reads a bundle's map of out-of-line payloads.
func blobsOf(row *gen.Bundle) (map[int]wire.Blob, error) {
	var blobs map[int]wire.Blob
	return blobs, parse(row.Blobs, &blobs)
}

// checkBundle refuses what the rows could not hold.
func checkBundle(b *wire.Bundle, columns int) error {
	want := b.Tasks
	if b.Form == wire.FormChunk {
		want = 1
	}
	switch {
	case b.ID.IsZero() || b.ID != b.ID.Bundle():
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "id", "%s is not a bundle's id: its last four digits must be zero", b.ID)
	case b.Tasks < 1 || b.Tasks > yonder.MaxBundleTasks:
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "tasks", "a bundle has 1 to %d tasks, not %d", yonder.MaxBundleTasks, b.Tasks)
	case b.Form != wire.FormEach && b.Form != wire.FormChunk:
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "form", "%q is not a form: use %q or %q", b.Form, wire.FormEach, wire.FormChunk)
	case columns != want:
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "payloads", "%d payloads for %d tasks of form %q: expected %d",
			columns, b.Tasks, b.Form, want)
	}
	for i := range b.Blobs {
		if i < 0 || i >= want {
			return yonder.FieldErrorf(yonder.CodeInvalidRequest, "blobs", "there is no payload %d", i)
		}
	}
	return nil
}

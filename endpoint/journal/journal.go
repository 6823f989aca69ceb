// Package journal keeps what an agent must not forget in an append-only file
// on local disk: records that are live until they are dropped.
//
// What survives what. Once Append has returned, the records survive the end of
// the process, however it ends (kill -9 included): they are with the kernel.
// Once Sync has returned, they survive the loss of power too, as far as the
// disk keeps its word. Records that were appended and not synced when power is
// lost are gone from the first damaged one on, and the header tells the next
// agent that this may be so (Certain).
package journal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/wire"
)

// Options of a journal. The zero value is fit for use but for the logger.
type Options struct {
	FS     osfs.FS // the real one by default
	Logger *slog.Logger
	// CompactAfter is how many bytes of dropped records make a rewrite worth
	// while, if they are also three quarters of the file: what is live is copied
	// then, a third of a byte for each that is given back. 64 MiB by default.
	CompactAfter int64
}

// Journal is an open journal. It is safe for concurrent use by one process;
// a Lock keeps others away.
type Journal struct {
	opts    Options
	dir     string
	header  Header
	certain bool

	syncMu sync.Mutex // before mu; held while the file is synced or replaced
	synced mark

	mu      sync.RWMutex
	file    osfs.File
	name    string
	serial  int // of the file
	size    int64
	last    uint64 // id given last
	live    map[uint64]place
	garbage int64
	broken  error // set once the file cannot be trusted any more
	scratch []byte
}

// keepScratch is the largest buffer that is kept for the next records.
const keepScratch = 4 << 20

// place is where a record's payload lies.
type place struct {
	off int64
	len int
}

// mark is a position up to which all is durable.
type mark struct {
	serial int
	size   int64
}

// ID names the journal for as long as its files exist.
func (j *Journal) ID() yonder.ID { return j.header.ID }

// Certain says that the last writer's records are all here: it ran on this
// host, under this boot. With the lock held it is also dead.
func (j *Journal) Certain() bool { return j.certain }

// Writer names this life of this host's kernel, or is empty where there is no
// such name. Whoever wrote under the same name and held the Lock that is held
// now is dead, and nothing that was written under it is missing.
func (j *Journal) Writer() string {
	if j.header.Boot == "" {
		return ""
	}
	return j.header.Hostname + " " + j.header.Boot
}

// Size returns the bytes on disk and how many of them are of dropped records.
func (j *Journal) Size() (total, garbage int64) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.size, j.garbage
}

// Append writes the frames as one and returns their records' ids: all of them
// are in the journal, or none is. CodeStorageFull says that the disk is full.
func (j *Journal) Append(frames ...wire.Frame) ([]uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	data := j.room(frames)
	ids := make([]uint64, 0, len(frames))
	places := make([]place, 0, len(frames))
	for i := range frames {
		id := j.last + 1 + uint64(i)
		places = append(places, place{j.size + int64(len(data)) + prefixLen, frames[i].Size()})
		data = appendWith(data, opAppend, id, frames[i].Append)
		ids = append(ids, id)
	}
	if err := j.write(data, len(frames)); err != nil {
		return nil, err
	}
	for i, id := range ids {
		j.live[id] = places[i]
	}
	return ids, nil
}

// room is a buffer that takes the frames' records without growing.
func (j *Journal) room(frames []wire.Frame) []byte {
	size := 0
	for i := range frames {
		size += prefixLen + frames[i].Size()
	}
	if size > keepScratch {
		return make([]byte, 0, size)
	}
	if cap(j.scratch) < size {
		j.scratch = make([]byte, 0, size)
	}
	return j.scratch[:0]
}

// Drop forgets records. An id that is not live is ignored.
func (j *Journal) Drop(ids ...uint64) error {
	if err := j.drop(ids); err != nil {
		return err
	}
	return j.compactIfDue()
}

func (j *Journal) drop(ids []uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	ids = slices.DeleteFunc(slices.Clone(ids), func(id uint64) bool { _, live := j.live[id]; return !live })
	if len(ids) == 0 {
		return nil
	}
	data := appendRecord(nil, record{opDrop, j.last + 1, encodeIDs(ids)})
	if err := j.write(data, 1); err != nil {
		return err
	}
	j.garbage += int64(len(data))
	j.forget(ids)
	return nil
}

func (j *Journal) forget(ids []uint64) {
	for _, id := range ids {
		if p, ok := j.live[id]; ok {
			j.garbage += int64(prefixLen + p.len)
			delete(j.live, id)
		}
	}
}

// write puts data at the end of the file. A write that fails is taken back,
// so that the file ends with a whole record; if that fails too, the journal
// takes no more.
func (j *Journal) write(data []byte, records int) error {
	if j.broken != nil {
		return j.broken
	}
	if _, err := j.file.WriteAt(data, j.size); err != nil {
		if cut := j.file.Truncate(j.size); cut != nil {
			j.broken = j.failure("taking back a failed write", errors.Join(err, cut))
		}
		return j.failure("writing", err)
	}
	j.size += int64(len(data))
	j.last += uint64(records)
	return nil
}

func (j *Journal) failure(doing string, err error) error {
	if why, refused := osfs.Refused(err); refused {
		return yonder.Errorf(yonder.CodeStorageFull, "%s journal %s: %s; nothing accepted is lost (%w)", doing, j.name, why, err)
	}
	return fmt.Errorf("%s journal %s: %w", doing, j.name, err)
}

// Sync makes all that was appended before it durable. Calls that come while
// one is under way share the next one.
func (j *Journal) Sync() error {
	j.mu.RLock()
	want := mark{j.serial, j.size}
	j.mu.RUnlock()

	j.syncMu.Lock()
	defer j.syncMu.Unlock()
	if j.synced.covers(want) {
		return nil
	}
	j.mu.RLock()
	file, now, broken := j.file, mark{j.serial, j.size}, j.broken
	j.mu.RUnlock()
	if broken != nil {
		return broken
	}
	if err := file.Sync(); err != nil {
		// The kernel may have thrown away what it could not write, and will
		// not say so again.
		j.mu.Lock()
		defer j.mu.Unlock()
		j.broken = j.failure("syncing", err)
		return j.broken
	}
	j.synced = now
	return nil
}

func (m mark) covers(want mark) bool {
	return m.serial > want.serial || m.serial == want.serial && m.size >= want.size
}

// Read returns a live record.
func (j *Journal) Read(id uint64) (wire.Frame, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	p, ok := j.live[id]
	if !ok {
		return wire.Frame{}, fmt.Errorf("journal %s has no record %d", j.name, id)
	}
	data := make([]byte, p.len)
	if _, err := j.file.ReadAt(data, p.off); err != nil && !errors.Is(err, io.EOF) {
		return wire.Frame{}, j.failure("reading", err)
	}
	frame, err := wire.Parse(data)
	if err != nil {
		return wire.Frame{}, corrupt(j.name, p.off, err)
	}
	return frame, nil
}

// Replay calls f with every live record, oldest first, until it fails.
func (j *Journal) Replay(f func(id uint64, frame wire.Frame) error) error {
	for _, id := range j.ids() {
		frame, err := j.Read(id)
		if err != nil {
			return err
		}
		if err := f(id, frame); err != nil {
			return fmt.Errorf("replaying record %d of %s: %w", id, j.name, err)
		}
	}
	return nil
}

func (j *Journal) ids() []uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	ids := make([]uint64, 0, len(j.live))
	for id := range j.live {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Close syncs and closes the file.
func (j *Journal) Close() error {
	err := j.Sync()
	if closing := j.file.Close(); closing != nil && !errors.Is(closing, os.ErrClosed) {
		err = errors.Join(err, fmt.Errorf("closing journal: %w", closing))
	}
	return err
}

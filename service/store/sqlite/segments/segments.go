// Package segments keeps large payloads in append-only files beside the
// database. A database page has 4 KiB, and is written twice, to the log and
// from there to its place; a segment takes a payload as it is, once, with one
// sync for all that were written meanwhile.
//
// Nothing is ever written over: a place that is given back becomes a hole,
// where the file system can, and a segment in which nothing is left is
// removed. What a crash leaves behind no row refers to.
package segments

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/service/store/sqldb"
)

const (
	// sealAt is the size from which a segment takes no more.
	sealAt = 64 << 20
	// block is what places are aligned to, so that a hole leaves nothing.
	block = 4096
	// scarce is so little space on a disk that it is given back before anybody is
	// refused: what may be written in half a minute, which is upkeep's turn thrice.
	scarce  = 4 << 30
	pattern = "%016x.payloads"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Segments is sqldb.Beside in a directory.
type Segments struct {
	fs    osfs.FS
	dir   string
	limit int64
	stat  func(name string) (fs.FileInfo, error)

	mu     sync.Mutex
	active *segment
	sealed map[int64]int64 // bytes, by number
	users  map[int64]int   // Keeps that are not done, by segment
	size   int64           // bytes of all; what became holes is taken off by Sealed
	short  bool            // a Keep was refused for the limit since Short was asked
}

var _ sqldb.Beside = (*Segments)(nil)

// Open opens the directory, which is made when there is something to keep. More
// than limit bytes are refused; 0: only the disk does.
func Open(dir string, limit int64) (*Segments, error) { return openOn(osfs.OS{}, dir, limit) }

func openOn(on osfs.FS, dir string, limit int64) (*Segments, error) {
	s := &Segments{fs: on, dir: dir, limit: limit, stat: os.Stat, sealed: map[int64]int64{}, users: map[int64]int{}}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing segments: %w", err)
	}
	for _, e := range entries {
		var number int64
		if _, err := fmt.Sscanf(e.Name(), pattern, &number); err != nil || e.Name() != filepath.Base(s.path(number)) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("listing segments: %w", err)
		}
		s.sealed[number] = osfs.Allocated(info)
		s.size += s.sealed[number]
	}
	return s, nil
}

func (s *Segments) path(number int64) string {
	return filepath.Join(s.dir, fmt.Sprintf(pattern, number))
}

// Keep implements sqldb.Beside.
func (s *Segments) Keep(payloads [][]byte) ([]sqldb.Place, func(), error) {
	places, to, err := s.reserve(payloads)
	if err != nil {
		return nil, nil, full(err)
	}
	done := sync.OnceFunc(func() { s.release(to) })
	if err := to.put(payloads, places); err != nil {
		s.seal(to) // whatever it is now, nothing more is written to it
		s.Free(places)
		done()
		return nil, nil, full(err)
	}
	return places, done, nil
}

// reserve finds places for payloads, all in one segment.
func (s *Segments) reserve(payloads [][]byte) ([]sqldb.Place, *segment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var need int64
	for _, p := range payloads {
		need += aligned(int64(len(p)))
	}
	if s.limit > 0 && s.size+need > s.limit {
		s.short = true
		s.sealLocked(s.active) // what becomes holes in it counts again
		return nil, nil, yonder.Errorf(yonder.CodeStorageFull,
			"large payloads of %d bytes lie beside the database: raise sqlite_bytes, or wait until tasks are done; nothing accepted is lost", s.size)
	}
	if s.active == nil {
		if err := s.begin(); err != nil {
			return nil, nil, err
		}
	}
	to := s.active
	places := make([]sqldb.Place, len(payloads))
	for i, p := range payloads {
		places[i] = sqldb.Place{Segment: to.number, Offset: to.size, Size: int64(len(p))}
		to.size += aligned(int64(len(p)))
	}
	s.size += need
	s.users[to.number]++
	if to.size >= sealAt {
		s.sealLocked(to)
	}
	return places, to, nil
}

func aligned(n int64) int64 { return (n + block - 1) / block * block }

// begin makes a new segment. Numbers are never used again: rows about old ones
// may still be there.
func (s *Segments) begin() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("making the directory of payloads: %w", err)
	}
	number := time.Now().UnixMicro()
	for other := range s.sealed {
		number = max(number, other+1)
	}
	file, err := s.fs.OpenFile(s.path(number), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("beginning a segment: %w", err)
	}
	if err := errors.Join(s.fs.SyncDir(s.dir), s.fs.SyncDir(filepath.Dir(s.dir))); err != nil {
		_ = s.fs.Remove(s.path(number)) // or it is found empty, and removed then
		return errors.Join(err, file.Close())
	}
	s.active = &segment{number: number, file: file}
	return nil
}

func (s *Segments) seal(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealLocked(g)
}

func (s *Segments) sealLocked(g *segment) {
	if g == nil || s.active != g {
		return
	}
	s.active = nil
	s.sealed[g.number] = g.size
	if s.users[g.number] == 0 {
		_ = g.file.Close() // as release does
	}
}

// release ends a Keep. The last one of a sealed segment closes its file.
func (s *Segments) release(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[g.number]--; s.users[g.number] > 0 {
		return
	}
	delete(s.users, g.number)
	if s.active != g {
		_ = g.file.Close() // all of it is on disk, or nobody refers to it
	}
}

// Read implements sqldb.Beside.
func (s *Segments) Read(p sqldb.Place) ([]byte, error) {
	data := make([]byte, p.Size)
	file, err := os.Open(s.path(p.Segment))
	if err == nil {
		_, err = file.ReadAt(data, p.Offset)
		_ = file.Close()
	}
	if err != nil && !lost(err) {
		return nil, fmt.Errorf("reading a payload: %w", err)
	}
	if err != nil || crc32.Checksum(data, castagnoli) != p.Sum {
		gone := fmt.Errorf("%w: restore the file from a backup (%w)", sqldb.ErrNoPayload, cmp.Or(err, errSum))
		return nil, yonder.Errorf(yonder.CodeStorageCorrupt, "%s at %d: %w", s.path(p.Segment), p.Offset, gone)
	}
	return data, nil
}

// lost says whether the file is not what it was. Whatever else keeps it from
// being read, as too many open files do, may pass.
func lost(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, io.EOF) || errors.Is(err, syscall.EIO)
}

var errSum = errors.New("it has another checksum")

// Sealed implements sqldb.Beside. It also finds out what all segments take now,
// while others go on: with many of them that takes a while.
func (s *Segments) Sealed() []int64 {
	s.mu.Lock()
	numbers := slices.Collect(maps.Keys(s.sealed))
	s.mu.Unlock()
	takes := map[int64]int64{}
	for _, number := range numbers {
		if info, err := s.stat(s.path(number)); err == nil {
			takes[number] = osfs.Allocated(info)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var free []int64
	for _, number := range numbers {
		before, there := s.sealed[number]
		now, known := takes[number]
		if there && known {
			s.sealed[number] = now
			s.size += now - before
		}
		if there && s.users[number] == 0 {
			free = append(free, number)
		}
	}
	return free
}

// Remove implements sqldb.Beside.
func (s *Segments) Remove(number int64) error {
	if err := s.fs.Remove(s.path(number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a segment of payloads: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size -= s.sealed[number]
	delete(s.sealed, number)
	return nil
}

// Free implements sqldb.Beside. Neighbours become one hole.
func (s *Segments) Free(places []sqldb.Place) {
	for len(places) > 0 {
		first, n := places[0], 0
		end := first.Offset
		for n < len(places) && places[n].Segment == first.Segment && places[n].Offset == end {
			end += aligned(places[n].Size)
			n++
		}
		s.punch(first.Segment, first.Offset, end-first.Offset)
		places = places[n:]
	}
}

func (s *Segments) punch(number, offset, size int64) {
	file, err := os.OpenFile(s.path(number), os.O_RDWR, 0)
	if err != nil {
		return // the whole segment is gone, or will go
	}
	defer file.Close()
	osfs.Punch(file, offset, size)
}

// Short implements sqldb.Beside: little is left of what is allowed, a tenth, or
// of the disk, or there was too little for a Keep.
func (s *Segments) Short() bool {
	s.mu.Lock()
	short := s.short || s.limit > 0 && s.size > s.limit-s.limit/10
	s.short = false
	s.mu.Unlock()
	return short || osfs.Scarce(s.dir, scarce)
}

// Size is how many bytes all segments take, about.
func (s *Segments) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

// Close lets go of the file that is written to.
func (s *Segments) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealLocked(s.active)
	return nil
}

func full(err error) error {
	if why, refused := osfs.Refused(err); refused {
		return yonder.Errorf(yonder.CodeStorageFull, "keeping payloads beside the database: %s; nothing accepted is lost (%w)", why, err)
	}
	return err
}

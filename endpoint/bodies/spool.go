package bodies

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/wire"
)

// Spool holds results that are too large for messages until the service has
// them, so that neither the service's absence nor a restart loses them.
type Spool struct {
	fs    osfs.FS
	dir   string
	limit int64

	coming chan Coming

	mu    sync.Mutex
	grown *sync.Cond // some part is longer now, or over
	size  int64
	open  map[wire.Span]*part
}

// part is a result that comes in pieces.
type part struct {
	file *osfs.Partial
	size int64
	over bool // nothing more comes
	lost bool // what came is no good
}

const unfinished = ".part"

// NewSpool opens the spool in dir, at most limit bytes large. Results that
// had not come whole are removed: their managers send them again.
func NewSpool(dir string, limit int64) (*Spool, error) { return newSpool(osfs.OS{}, dir, limit) }

func newSpool(on osfs.FS, dir string, limit int64) (*Spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the results' directory: %w", err)
	}
	s := &Spool{fs: on, dir: dir, limit: limit, open: map[wire.Span]*part{}, coming: make(chan Coming, maxComing)}
	s.grown = sync.NewCond(&s.mu)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing results: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), unfinished) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		} else if info, err := e.Info(); err == nil {
			s.size += info.Size()
		}
	}
	return s, nil
}

// Keep adds a piece. With the last one the whole must have the size that the
// chunk says; its hash is for who reads it in the end, the service.
// CodeStorageFull means that the result cannot be kept now; after any error it
// must come from its start again.
func (s *Spool) Keep(chunk wire.BlobChunk, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	span := *chunk.Span
	p, err := s.part(span, chunk.Offset)
	if err != nil {
		return err
	}
	defer s.grown.Broadcast()
	if chunk.Offset == 0 {
		s.announce(Coming{Span: span, Size: chunk.Blob.Size})
	}
	if s.size+int64(len(data)) > s.limit {
		s.give(span, p)
		return yonder.Errorf(yonder.CodeStorageFull,
			"results of %d bytes wait for the service: raise limits.spool_bytes, or wait until it is back", s.size)
	}
	if err := p.write(data); err != nil {
		s.give(span, p)
		return err
	}
	s.size += int64(len(data))
	if chunk.Last {
		return s.finish(span, p, chunk.Blob)
	}
	return nil
}

func (s *Spool) part(span wire.Span, offset int64) (*part, error) {
	p := s.open[span]
	if offset == 0 {
		if p != nil {
			s.give(span, p)
		}
		file, err := osfs.Begin(s.fs, s.path(span)+unfinished)
		if err != nil {
			return nil, keeping(err)
		}
		p = &part{file: file}
		s.open[span] = p
	}
	if p == nil || p.size != offset {
		return nil, yonder.Errorf(yonder.CodeMalformedFrame, "a result's piece at %d does not follow the one before", offset)
	}
	return p, nil
}

func (p *part) write(data []byte) error {
	if _, err := p.file.Write(data); err != nil {
		return keeping(err)
	}
	p.size += int64(len(data))
	return nil
}

func keeping(err error) error {
	if why, refused := osfs.Refused(err); refused {
		return yonder.Errorf(yonder.CodeStorageFull, "keeping a result: %s (%w)", why, err)
	}
	return fmt.Errorf("keeping a result: %w", err)
}

// give takes back what has come of a result.
func (s *Spool) give(span wire.Span, p *part) {
	p.over, p.lost = true, true
	s.grown.Broadcast()
	p.file.Discard() // or it is written over by the next try
	delete(s.open, span)
	s.size -= p.size
}

func (s *Spool) finish(span wire.Span, p *part, said wire.Blob) error {
	if p.size != said.Size {
		s.give(span, p)
		return yonder.Errorf(yonder.CodeMalformedFrame, "a result of %d bytes is not the one of %d bytes that was announced",
			p.size, said.Size)
	}
	err := p.file.Close()
	if err == nil {
		err = s.fs.Rename(p.file.Name(), s.path(span))
	}
	if err != nil {
		s.give(span, p)
		return keeping(err)
	}
	p.over = true
	delete(s.open, span)
	return nil
}

// Open returns a whole result and its size.
func (s *Spool) Open(span wire.Span) (io.ReadCloser, int64, error) {
	file, err := os.Open(s.path(span))
	if err != nil {
		return nil, 0, fmt.Errorf("opening a kept result: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, 0, fmt.Errorf("opening a kept result: %w", err)
	}
	return file, info.Size(), nil
}

// Has says whether the whole result of that size is here.
func (s *Spool) Has(span wire.Span, size int64) bool {
	info, err := os.Stat(s.path(span))
	return err == nil && info.Size() == size
}

// Remove forgets a result that the service has.
func (s *Spool) Remove(span wire.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(s.path(span))
}

func (s *Spool) remove(path string) {
	info, err := os.Stat(path)
	if err == nil && os.Remove(path) == nil {
		s.size -= info.Size()
	}
}

// Retain removes every whole result but the given ones.
func (s *Spool) Retain(spans []wire.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keep := map[string]bool{}
	for _, span := range spans {
		keep[s.path(span)] = true
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return // nothing is lost by keeping them
	}
	for _, e := range entries {
		if path := filepath.Join(s.dir, e.Name()); !keep[path] && !strings.HasSuffix(path, unfinished) {
			s.remove(path)
		}
	}
}

func (s *Spool) path(span wire.Span) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s-%d-%d-%d", span.Bundle, span.Attempt, span.Lo, span.Hi))
}

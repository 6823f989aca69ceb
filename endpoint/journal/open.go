package journal

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
)

const defaultCompactAfter = 64 << 20

// Open opens the directory's journal, or begins one. The caller holds the
// directory's Lock. A half-written end is cut off; damage anywhere else is
// CodeStorageCorrupt, and nothing is changed then.
func Open(dir string, opts Options) (*Journal, error) {
	if opts.FS == nil {
		opts.FS = osfs.OS{}
	}
	opts.CompactAfter = cmp.Or(opts.CompactAfter, defaultCompactAfter)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making journal directory: %w", err)
	}
	j := &Journal{opts: opts, dir: dir, live: map[uint64]place{}}
	serials, err := list(dir)
	if err != nil {
		return nil, err
	}
	if len(serials) == 0 {
		if err := j.begin(); err != nil {
			return nil, err
		}
		return j, nil
	}
	if err := j.adopt(serials); err != nil {
		return nil, err
	}
	return j, nil
}

// begin starts a journal with a new id.
func (j *Journal) begin() error {
	header, err := here(yonder.NewID())
	if err != nil {
		return err
	}
	j.header = header
	return j.rewrite()
}

// adopt opens the newest file. Older ones are what a rewrite left behind when
// it was interrupted just before its end.
func (j *Journal) adopt(serials []int) error {
	j.serial = serials[len(serials)-1]
	j.name = fileName(j.dir, j.serial)
	file, err := j.opts.FS.OpenFile(j.name, os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening journal: %w", err)
	}
	j.file = file
	if err := j.load(); err != nil {
		file.Close()
		return err
	}
	for _, old := range serials[:len(serials)-1] {
		if err := j.opts.FS.Remove(fileName(j.dir, old)); err != nil {
			return fmt.Errorf("removing old journal: %w", err)
		}
	}
	return j.sign()
}

// load reads all records and cuts off a half-written end.
func (j *Journal) load() error {
	in := bufio.NewReaderSize(io.NewSectionReader(j.file, 0, math.MaxInt64), 1<<20)
	for {
		rec, err := readRecord(in, j.last)
		switch {
		case errors.Is(err, io.EOF):
			return j.loaded()
		case errors.Is(err, errBad):
			if err := j.cutEnd(); err != nil {
				return err
			}
			return j.loaded()
		case err != nil:
			return j.failure("reading", err)
		}
		if err := j.take(rec); err != nil {
			return err
		}
	}
}

func (j *Journal) take(rec record) error {
	size := int64(prefixLen + len(rec.payload))
	switch rec.op {
	case opHeader:
		if err := json.Unmarshal(rec.payload, &j.header); err != nil {
			return corrupt(j.name, j.size, err)
		}
	case opAppend:
		j.live[rec.id] = place{j.size + prefixLen, len(rec.payload)}
	case opDrop:
		j.garbage += size
		j.forget(decodeIDs(rec.payload))
	}
	j.size += size
	j.last = rec.id
	return nil
}

func (j *Journal) loaded() error {
	if j.header.ID.IsZero() {
		return corrupt(j.name, 0, errors.New("it has no header"))
	}
	return nil
}

// cutEnd truncates at the first record that is not whole, unless whole ones
// follow: then this is damage, not a write that was interrupted.
func (j *Journal) cutEnd() error {
	rest, err := io.ReadAll(io.NewSectionReader(j.file, j.size, math.MaxInt64-j.size))
	if err != nil {
		return j.failure("reading", err)
	}
	if after := findRecord(rest[1:], j.last); after >= 0 {
		return corrupt(j.name, j.size, fmt.Errorf("%w, and others follow at %d", errBad, j.size+1+int64(after)))
	}
	j.opts.Logger.Warn("cut a half-written end off the journal",
		slog.String("file", j.name), slog.Int64("offset", j.size), slog.Int("bytes", len(rest)))
	if err := j.file.Truncate(j.size); err != nil {
		return j.failure("truncating", err)
	}
	return nil
}

// sign puts this process into the header, where the next one looks for it.
func (j *Journal) sign() error {
	header, err := here(j.header.ID)
	if err != nil {
		return err
	}
	j.certain = header.sameBoot(j.header)
	j.header = header
	data := appendRecord(nil, record{opHeader, j.last + 1, header.encode()})
	if err := j.write(data, 1); err != nil {
		return err
	}
	j.garbage += int64(len(data))
	return j.Sync()
}

func corrupt(name string, off int64, err error) error {
	return yonder.Errorf(yonder.CodeStorageCorrupt,
		"journal %s is damaged at offset %d: %w: restore the file, or move it away: "+
			"the tasks it held are then reported as lost and tried again", name, off, err)
}

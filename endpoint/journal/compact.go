package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
)

const pattern = "journal-%08d"

func fileName(dir string, serial int) string {
	return filepath.Join(dir, fmt.Sprintf(pattern, serial))
}

// list returns the serials of the journal files in dir, oldest first.
func list(dir string) ([]int, error) {
	names, err := filepath.Glob(filepath.Join(dir, "journal-????????"))
	if err != nil {
		return nil, fmt.Errorf("listing journal files: %w", err)
	}
	var serials []int
	for _, name := range names {
		var serial int
		if _, err := fmt.Sscanf(filepath.Base(name), pattern, &serial); err == nil {
			serials = append(serials, serial)
		}
	}
	slices.Sort(serials)
	return serials, nil
}

func (j *Journal) compactIfDue() error {
	total, garbage := j.Size()
	if garbage < j.opts.CompactAfter || garbage < total/4*3 {
		return nil
	}
	err := j.rewrite()
	if err != nil {
		// The old file is whole and stays in use; the next try comes after as
		// much garbage again.
		j.opts.Logger.Warn("could not compact the journal", slog.Any("error", err))
		j.mu.Lock()
		j.garbage -= min(j.garbage, j.opts.CompactAfter)
		j.mu.Unlock()
	}
	return nil
}

// rewrite copies the live records to a new file, which takes the old one's
// place once it is durable under its name.
func (j *Journal) rewrite() error {
	j.syncMu.Lock()
	defer j.syncMu.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	next := &Journal{
		opts: j.opts, dir: j.dir, header: j.header, certain: j.certain, serial: j.serial + 1,
		live: make(map[uint64]place, len(j.live)), name: fileName(j.dir, j.serial+1),
	}
	temp := filepath.Join(j.dir, "journal.tmp")
	file, err := j.opts.FS.OpenFile(temp, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return j.failure("beginning a new", err)
	}
	next.file = file
	if err := j.copyTo(next); err != nil {
		return j.abandon(next, temp, err)
	}
	if err := next.settle(temp); err != nil {
		return j.abandon(next, temp, err)
	}
	j.replaceBy(next)
	return nil
}

// abandon removes an unfinished file. One that has its name already, and that
// cannot be removed, would be taken for the newest: nothing may be written to
// the present one then.
func (j *Journal) abandon(next *Journal, temp string, err error) error {
	next.file.Close()
	_ = j.opts.FS.Remove(temp) // overwritten by the next try
	if left := ignoreMissing(j.opts.FS.Remove(next.name)); left != nil {
		j.broken = j.failure("removing an unfinished copy of", errors.Join(err, left))
	}
	return err
}

// copyTo writes header and live records under their ids.
func (j *Journal) copyTo(next *Journal) error {
	if err := next.write(appendRecord(nil, record{opHeader, 1, j.header.encode()}), 0); err != nil {
		return err
	}
	ids := make([]uint64, 0, len(j.live))
	for id := range j.live {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		p := j.live[id]
		payload := make([]byte, p.len)
		if _, err := j.file.ReadAt(payload, p.off); err != nil {
			return j.failure("reading", err)
		}
		place := place{next.size + prefixLen, p.len}
		if err := next.write(appendRecord(nil, record{opAppend, id, payload}), 0); err != nil {
			return err
		}
		next.live[id] = place
	}
	return nil
}

// settle makes the new file durable and gives it its name.
func (j *Journal) settle(temp string) error {
	if err := j.file.Sync(); err != nil {
		return j.failure("syncing", err)
	}
	if err := j.opts.FS.Rename(temp, j.name); err != nil {
		return j.failure("naming", err)
	}
	if err := j.opts.FS.SyncDir(j.dir); err != nil {
		return j.failure("syncing the directory of", err)
	}
	return nil
}

func (j *Journal) replaceBy(next *Journal) {
	if j.file != nil {
		j.file.Close()
		if err := j.opts.FS.Remove(j.name); err != nil {
			j.opts.Logger.Warn("could not remove the old journal", slog.Any("error", err))
		}
	}
	j.file, j.name, j.serial, j.size = next.file, next.name, next.serial, next.size
	j.live, j.garbage = next.live, 0
	j.last = max(j.last, 1)
	j.synced = mark{next.serial, next.size}
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Package dir keeps blobs in a directory, by content: a folder per hash with a
// file per upload, which are links to the same bytes where the file system can
// link. Replicas of the service share the directory.
package dir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/service/blob"
	"github.com/yonder-run/yonder/wire"
)

const dirMode = 0o700

// Dir implements blob.Bodies.
type Dir struct {
	fs   osfs.FS
	root string
}

var _ blob.Bodies = (*Dir)(nil)

// Open makes the directory if need be, and removes what uploads that were cut
// off by a crash have left in it.
func Open(root string) (*Dir, error) { return openOn(osfs.OS{}, root) }

func openOn(on osfs.FS, root string) (*Dir, error) {
	d := &Dir{fs: on, root: root}
	if err := os.MkdirAll(d.partial(), dirMode); err != nil {
		return nil, fmt.Errorf("making the blob directory: %w", err)
	}
	return d, d.clean(time.Now().Add(-abandonedAfter))
}

// abandonedAfter is the age at which an unfinished upload is not another
// replica's any more, but what a crash has left.
const abandonedAfter = 24 * time.Hour

func (d *Dir) clean(before time.Time) error {
	entries, err := os.ReadDir(d.partial())
	if err != nil {
		return fmt.Errorf("reading the blob directory: %w", err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.ModTime().Before(before) {
			continue // gone meanwhile, or in use
		}
		if err := os.Remove(filepath.Join(d.partial(), entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing an unfinished upload: %w", err)
		}
	}
	return nil
}

func (d *Dir) partial() string { return filepath.Join(d.root, "partial") }

// folder holds all uploads of one content.
func (d *Dir) folder(hash string) string { return filepath.Join(d.root, hash[:2], hash) }

func (d *Dir) path(b wire.Blob) (string, error) {
	if raw, err := hex.DecodeString(b.SHA256); err != nil || len(raw) != sha256.Size {
		return "", fmt.Errorf("blob %s has the hash %q", b.ID, b.SHA256)
	}
	return filepath.Join(d.folder(b.SHA256), b.ID.String()), nil
}

// Put implements blob.Bodies.
func (d *Dir) Put(ctx context.Context, id yonder.ID, r io.Reader, limit int64) (wire.Blob, error) {
	file, err := osfs.Temp(d.fs, d.partial(), id.String())
	if err != nil {
		return wire.Blob{}, full(fmt.Errorf("making a blob's file: %w", err))
	}
	defer file.Discard() // it has another name by then, or it is rubbish
	b, err := write(ctx, file, r, limit)
	if err := errors.Join(err, file.Close()); err != nil {
		return wire.Blob{}, full(err)
	}
	b.ID = id
	if err := d.settle(file.Name(), b); err != nil {
		return wire.Blob{}, full(err)
	}
	return b, nil
}

// durable is what write needs of a file.
type durable interface {
	io.Writer
	Sync() error
}

// eager is a file that the disk can be given bit by bit, before its Sync.
type eager interface {
	Writeback(offset, size int64)
}

// write copies, hashes and syncs.
func write(ctx context.Context, file durable, r io.Reader, limit int64) (wire.Blob, error) {
	b, err := store(file, io.LimitReader(contextReader{ctx, r}, limit+1))
	switch {
	case err != nil:
		return wire.Blob{}, err
	case b.Size > limit:
		return wire.Blob{}, yonder.Errorf(yonder.CodeTooLarge,
			"the payload is over the service's limit of %d bytes (payload_bytes): pass a path or URL instead of the data", limit)
	}
	if err := file.Sync(); err != nil {
		return wire.Blob{}, fmt.Errorf("syncing a blob: %w", err)
	}
	return b, nil
}

// settleTries bounds how often a folder may vanish, because its last file was
// deleted, between its making and its use.
const settleTries = 20

// settle moves the file to its place, or links the place to equal bytes.
func (d *Dir) settle(temp string, b wire.Blob) error {
	folder := d.folder(b.SHA256)
	target := filepath.Join(folder, b.ID.String())
	var err error
	for range settleTries {
		if err = os.MkdirAll(folder, dirMode); errors.Is(err, fs.ErrExist) {
			continue // it was there, and is gone
		}
		if err != nil {
			return fmt.Errorf("making a blob's folder: %w", err)
		}
		if d.linkEqual(folder, target) {
			return d.syncDirs(folder)
		}
		if err = d.fs.Rename(temp, target); err == nil {
			return d.syncDirs(folder)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return fmt.Errorf("placing a blob: %w", err)
}

// linkEqual links target to a file of the same content, if there is one and
// the file system can link.
func (d *Dir) linkEqual(folder, target string) bool {
	dir, err := os.Open(folder)
	if err != nil {
		return false
	}
	defer dir.Close()
	names, err := dir.Readdirnames(1)
	return err == nil && d.fs.Link(filepath.Join(folder, names[0]), target) == nil
}

// syncDirs makes a file's name durable, and its folder's, which whoever made
// that may not have come to.
func (d *Dir) syncDirs(folder string) error {
	if err := errors.Join(d.fs.SyncDir(folder), d.fs.SyncDir(filepath.Dir(folder)), d.fs.SyncDir(d.root)); err != nil {
		return fmt.Errorf("syncing a blob's folder: %w", err)
	}
	return nil
}

// Open implements blob.Bodies.
func (d *Dir) Open(_ context.Context, b wire.Blob) (io.ReadSeekCloser, error) {
	path, err := d.path(b)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, yonder.Errorf(yonder.CodeNotFound, "the body of blob %s is gone", b.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("opening a blob: %w", err)
	}
	return file, nil
}

// Delete implements blob.Bodies.
func (d *Dir) Delete(_ context.Context, b wire.Blob) error {
	path, err := d.path(b)
	if err != nil {
		return err
	}
	if err := d.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting a blob: %w", err)
	}
	_ = os.Remove(filepath.Dir(path)) // fails while other uploads have the same content
	return nil
}

// full gives the code to what a full disk causes.
func full(err error) error {
	if why, refused := osfs.Refused(err); refused {
		return yonder.Errorf(yonder.CodeStorageFull, "at the service %s; nothing of this body was kept (%w)", why, err)
	}
	return err
}

// contextReader ends a copy with its context.
type contextReader struct {
	ctx context.Context //nolint:containedctx // lives as long as one copy
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p) //nolint:wrapcheck // an io.Reader must return io.EOF as it is
}

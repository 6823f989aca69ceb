// Package osfs is the seam between durable state and the file system, narrow
// enough that a test can fail one exact write.
package osfs

import (
	"fmt"
	"io"
	"os"
)

// File is what durable state needs of an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
}

// FS opens and moves files. Implementations are safe for concurrent use.
type FS interface {
	OpenFile(name string, flag int, perm os.FileMode) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// Link gives a file a second name.
	Link(from, to string) error
	// SyncDir makes renames and removals in the directory durable.
	SyncDir(name string) error
}

// OS is the real file system.
type OS struct{}

// OpenFile opens a file as os.OpenFile does.
func (OS) OpenFile(name string, flag int, perm os.FileMode) (File, error) {
	return os.OpenFile(name, flag, perm) //nolint:wrapcheck // the real one, with its own words
}

// Rename moves a file as os.Rename does.
func (OS) Rename(from, to string) error {
	return os.Rename(from, to) //nolint:wrapcheck // the real one, with its own words
}

// Remove deletes a file as os.Remove does.
func (OS) Remove(name string) error {
	return os.Remove(name) //nolint:wrapcheck // the real one, with its own words
}

// Link makes a hard link as os.Link does.
func (OS) Link(from, to string) error {
	return os.Link(from, to) //nolint:wrapcheck // the real one, with its own words
}

// SyncDir syncs a directory.
func (OS) SyncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("opening directory: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !unsyncable(err) {
		return fmt.Errorf("syncing directory: %w", err)
	}
	return nil
}

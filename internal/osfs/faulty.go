package osfs

import (
	"errors"
	"os"
	"sync"
)

// Op is a kind of call that Faulty may fail.
type Op string

// Calls that can be failed.
const (
	OpOpen     Op = "open"
	OpWrite    Op = "write"
	OpSync     Op = "sync"
	OpTruncate Op = "truncate"
	OpRename   Op = "rename"
	OpRemove   Op = "remove"
	OpLink     Op = "link"
	OpClose    Op = "close"
	OpSyncDir  Op = "sync directory"
)

// Faulty is a file system whose calls fail when Fail says so. Fail gets the
// call and the name of the file and returns nil to let it through, or the
// error it ends with; a failed write may have written Torn of its bytes.
type Faulty struct {
	FS

	Fail func(op Op, name string) error
	Torn int
}

// Nth makes a file system whose n-th call, counted from 1, fails, and so do the
// ones after it up to length in all: those are what tidies up. Struck says how
// many have failed.
func Nth(on FS, n, length, torn int, err error) (fs *Faulty, struck func() int) {
	var mu sync.Mutex
	var seen, failed int
	fail := func(Op, string) error {
		mu.Lock()
		defer mu.Unlock()
		if seen++; seen < n || seen >= n+length {
			return nil
		}
		failed++
		return err
	}
	return &Faulty{FS: on, Fail: fail, Torn: torn}, func() int {
		mu.Lock()
		defer mu.Unlock()
		return failed
	}
}

// EachCall tries something again and again, with another one of its calls
// failing each time, until none is left to fail: with every fault, alone and
// with the one and the two calls after it.
func EachCall(on FS, torn int, faults []error, try func(fs FS, fault error)) {
	for _, fault := range faults {
		for length := 1; length <= 3; length++ {
			for n, failed := 1, 1; failed > 0; n++ {
				fs, struck := Nth(on, n, length, torn, fault)
				try(fs, fault)
				failed = struck()
			}
		}
	}
}

// OpenFile opens a file whose calls can fail.
func (f *Faulty) OpenFile(name string, flag int, perm os.FileMode) (File, error) {
	if err := f.Fail(OpOpen, name); err != nil {
		return nil, err
	}
	file, err := f.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, fs: f, name: name}, nil
}

// Rename fails or renames.
func (f *Faulty) Rename(from, to string) error {
	if err := f.Fail(OpRename, to); err != nil {
		return err
	}
	return f.FS.Rename(from, to)
}

// Remove fails or removes.
func (f *Faulty) Remove(name string) error {
	if err := f.Fail(OpRemove, name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// Link fails or links.
func (f *Faulty) Link(from, to string) error {
	if err := f.Fail(OpLink, to); err != nil {
		return err
	}
	return f.FS.Link(from, to)
}

// SyncDir fails or syncs.
func (f *Faulty) SyncDir(name string) error {
	if err := f.Fail(OpSyncDir, name); err != nil {
		return err
	}
	return f.FS.SyncDir(name)
}

type faultyFile struct {
	File

	fs   *Faulty
	name string
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.Fail(OpWrite, f.name); err != nil {
		n, _ := f.File.WriteAt(p[:min(f.fs.Torn, len(p))], off)
		return n, err
	}
	return f.File.WriteAt(p, off) //nolint:wrapcheck // passed through
}

// Close closes in any case; what was written may be gone then.
func (f *faultyFile) Close() error {
	return errors.Join(f.File.Close(), f.fs.Fail(OpClose, f.name))
}

func (f *faultyFile) Sync() error {
	if err := f.fs.Fail(OpSync, f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.fs.Fail(OpTruncate, f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

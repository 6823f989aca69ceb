package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// disk is a small file system of its own that can be filled to the last byte.
type disk struct {
	dir string

	mu   sync.Mutex
	uses int
}

// newDisk mounts one at dir, which is made.
func newDisk(dir string, mebibytes int) (*disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &disk{dir: dir}, mountTemporary(dir, fmt.Sprintf("size=%dm,mode=0700", mebibytes))
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no room. Faults may overlap: as many calls of empty end it.
func (d *disk) fill() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.uses++
	file, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil // there is not even room for a name
	}
	defer file.Close()
	for size := 1 << 20; size > 0; size /= 16 {
		for data := make([]byte, size); err == nil; {
			_, err = file.Write(data)
		}
		if !errors.Is(err, errNoSpace) {
			return err
		}
		err = nil
	}
	return nil
}

func (d *disk) empty() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.uses--; d.uses > 0 {
		return nil
	}
	err := os.Remove(d.ballast())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

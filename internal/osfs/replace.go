package osfs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace puts data under the name, readable by its owner only: after a crash
// at any moment, and after any error, there is either what was there before or
// all of data. Once it has returned nil, data survives the loss of power.
func Replace(on FS, name string, data []byte) error {
	err := put(on, name, data, (*Partial).Sync)
	if err == nil {
		err = on.SyncDir(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// Place is Replace for what can be had again, and is checked when it is read:
// the loss of power may leave anything.
func Place(on FS, name string, data []byte) error {
	if err := put(on, name, data, func(*Partial) error { return nil }); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

func put(on FS, name string, data []byte, sync func(*Partial) error) error {
	temp, err := Temp(on, filepath.Dir(name), "."+filepath.Base(name))
	if err != nil {
		return err
	}
	defer temp.Discard() // it has its name by then, or it is rubbish
	if _, err := temp.Write(data); err != nil {
		return err //nolint:wrapcheck // the caller says what was written
	}
	if err := sync(temp); err != nil {
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return on.Rename(temp.name, name)
}

// Partial is a file that is being written from its start to its end.
type Partial struct {
	io.Writer

	name string
	on   FS
	file File
}

// Temp makes a file of its own in dir, readable by its owner only. Whoever
// does not give it another name discards it.
func Temp(on FS, dir, prefix string) (*Partial, error) {
	for {
		p, err := begin(on, filepath.Join(dir, prefix+"."+rand.Text()), os.O_EXCL)
		if !errors.Is(err, fs.ErrExist) {
			return p, err
		}
	}
}

// Begin is Temp with a name that the caller has chosen. What was there before is
// written over.
func Begin(on FS, name string) (*Partial, error) { return begin(on, name, os.O_TRUNC) }

func begin(on FS, name string, how int) (*Partial, error) {
	file, err := on.OpenFile(name, os.O_CREATE|os.O_WRONLY|how, 0o600)
	if err != nil {
		return nil, err
	}
	return &Partial{Writer: io.NewOffsetWriter(file, 0), name: name, on: on, file: file}, nil
}

// Name is where the file is until it is settled.
func (p *Partial) Name() string { return p.name }

// Writeback has the system begin to write a part of the file, so that a sync
// that comes later has less to wait for. It makes nothing durable, and where it
// cannot be done nothing is lost by that.
func (p *Partial) Writeback(offset, size int64) { writeback(p.file, offset, size) }

// Sync makes what was written durable.
func (p *Partial) Sync() error { return p.file.Sync() }

// Close ends the writing and leaves the file where it is.
func (p *Partial) Close() error { return p.file.Close() } //nolint:wrapcheck // as a File does

// Discard closes and removes the file, if it still has its first name.
func (p *Partial) Discard() {
	_ = p.file.Close()
	_ = p.on.Remove(p.name)
}

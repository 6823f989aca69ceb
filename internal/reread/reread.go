// Package reread keeps what was made of files, such as a certificate and its
// key, as these are now: others replace them while a daemon runs.
package reread

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// pause is between two looks at the files: who asks at every connection is not
// to ask the file system as often.
const pause = time.Second

// Value is made of files. It is safe for concurrent use.
type Value[T any] struct {
	names  []string
	read   func() (T, error)
	failed func(error)
	now    func() time.Time

	mu     sync.Mutex
	value  T
	of     []fs.FileInfo // what the last try was made of
	again  bool          // that failed
	looked time.Time
}

// New makes the value, which must succeed. Later what cannot be read leaves
// the last value as it is; failed is told once for each change of the files.
func New[T any](read func() (T, error), failed func(error), now func() time.Time, names ...string) (*Value[T], error) {
	v := &Value[T]{names: names, read: read, failed: failed, now: now, looked: now()}
	var err error
	if v.of, err = look(names); err != nil {
		return nil, err
	}
	v.value, err = read()
	return v, err
}

// Get returns the value; of files that have changed, a second later at most.
func (v *Value[T]) Get() T {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.now().Sub(v.looked) < pause {
		return v.value
	}
	v.looked = v.now()
	// The look comes first: files that change while they are read are read again.
	of, err := look(v.names)
	changed := !same(of, v.of)
	if !changed && !v.again {
		return v.value
	}
	v.of = of
	var value T
	if err == nil {
		value, err = v.read()
	}
	v.again = err != nil
	switch {
	case err == nil:
		v.value = value
	case changed:
		v.failed(err)
	}
	return v.value
}

// look returns nothing for a file that is not to be had.
func look(names []string) ([]fs.FileInfo, error) {
	infos, failures := make([]fs.FileInfo, len(names)), make([]error, len(names))
	for i, name := range names {
		infos[i], failures[i] = os.Stat(name)
	}
	if err := errors.Join(failures...); err != nil {
		return infos, fmt.Errorf("looking for files: %w", err)
	}
	return infos, nil
}

func same(a, b []fs.FileInfo) bool {
	for i := range a {
		if (a[i] == nil) != (b[i] == nil) {
			return false
		}
		if a[i] != nil && (!os.SameFile(a[i], b[i]) || !a[i].ModTime().Equal(b[i].ModTime()) || a[i].Size() != b[i].Size()) {
			return false
		}
	}
	return true
}

// Package bodies keeps on local disk what is too large for messages: bodies of
// functions on their way to managers, and large results on their way to the
// service.
package bodies

import (
	"cmp"
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
)

// Fetch gets a function's body from the service.
type Fetch func(ctx context.Context, hash string) ([]byte, error)

// Functions is a cache of functions' bodies by their hash. The least recently
// used ones make room when it is full.
type Functions struct {
	fs    osfs.FS
	dir   string
	limit int64
	fetch Fetch
	once  singleflight.Group

	mu    sync.Mutex
	size  int64
	order *list.List // of *cached, most recently used first
	known map[string]*list.Element
}

type cached struct {
	hash string
	size int64
}

// NewFunctions opens the cache in dir, at most limit bytes large.
func NewFunctions(dir string, limit int64, fetch Fetch) (*Functions, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the functions' directory: %w", err)
	}
	f := &Functions{fs: osfs.OS{}, dir: dir, limit: limit, fetch: fetch, order: list.New(), known: map[string]*list.Element{}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing functions: %w", err)
	}
	var found []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && checkHash(e.Name()) == nil {
			found = append(found, info)
		}
	}
	slices.SortFunc(found, func(a, b fs.FileInfo) int { return cmp.Compare(a.ModTime().UnixNano(), b.ModTime().UnixNano()) })
	for _, info := range found {
		f.note(info.Name(), info.Size())
	}
	return f, nil
}

// Get returns the body, from the disk if it is there and undamaged.
func (f *Functions) Get(ctx context.Context, hash string) ([]byte, error) {
	if err := checkHash(hash); err != nil {
		return nil, err
	}
	if body, err := os.ReadFile(f.path(hash)); err == nil && hashOf(body) == hash {
		f.note(hash, int64(len(body)))
		return body, nil
	}
	for {
		body, err, _ := f.once.Do(hash, func() (any, error) { return f.load(ctx, hash) })
		if errors.Is(err, errGaveUp) && ctx.Err() == nil {
			continue // another one's context ended, not this one's
		}
		if err != nil {
			return nil, err //nolint:wrapcheck // of load
		}
		return body.([]byte), nil //nolint:forcetypeassert,errcheck // of load
	}
}

// errGaveUp is that the context of the one who loads for all has ended.
var errGaveUp = errors.New("nobody waits for the function any more")

func (f *Functions) load(ctx context.Context, hash string) ([]byte, error) {
	body, err := f.fetch(ctx, hash)
	if err != nil && ctx.Err() != nil {
		return nil, errors.Join(errGaveUp, err)
	}
	if err != nil {
		return nil, err
	}
	// A cache that cannot be written only costs time.
	if osfs.Place(f.fs, f.path(hash), body) == nil {
		f.note(hash, int64(len(body)))
	}
	return body, nil
}

// note puts the function first in the order and makes room for it.
func (f *Functions) note(hash string, size int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at, ok := f.known[hash]; ok {
		f.order.MoveToFront(at)
		return
	}
	f.known[hash] = f.order.PushFront(&cached{hash, size})
	f.size += size
	for f.size > f.limit && f.order.Len() > 1 {
		last := f.order.Back()
		oldest, _ := last.Value.(*cached)
		if err := os.Remove(f.path(oldest.hash)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return
		}
		f.order.Remove(last)
		delete(f.known, oldest.hash)
		f.size -= oldest.size
	}
}

func (f *Functions) path(hash string) string { return filepath.Join(f.dir, hash) }

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// checkHash keeps names that come from outside from being paths.
func checkHash(hash string) error {
	if raw, err := hex.DecodeString(hash); err != nil || len(raw) != sha256.Size {
		return yonder.Errorf(yonder.CodeInvalidRequest, "%q is not the hash of a function", hash)
	}
	return nil
}

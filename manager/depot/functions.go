// Package depot keeps what tasks need on a node: functions' bodies in memory,
// large payloads in files, both up to a limit and least recently used first
// to go.
package depot

import (
	"container/list"
	"crypto/sha256"
	"encoding/hex"

	"github.com/yonder-run/yonder"
)

// Functions keeps bodies by their content hash. It is not safe for concurrent
// use.
type Functions struct {
	limit int64
	size  int64
	order *list.List // of hash, the one used last in front
	known map[string]*function
}

type function struct {
	body  []byte
	users int
	place *list.Element
}

// NewFunctions keeps about limit bytes of bodies beyond those in use.
func NewFunctions(limit int64) *Functions {
	return &Functions{limit: limit, order: list.New(), known: map[string]*function{}}
}

// Use returns a body that stays until Release, or false if it is not here.
func (f *Functions) Use(hash string) bool {
	found := f.known[hash]
	if found == nil {
		return false
	}
	found.users++
	f.order.MoveToFront(found.place)
	return true
}

// Body is that of a function in use.
func (f *Functions) Body(hash string) []byte {
	if found := f.known[hash]; found != nil {
		return found.body
	}
	return nil
}

// Release ends a Use.
func (f *Functions) Release(hash string) {
	if found := f.known[hash]; found != nil {
		found.users--
		f.trim()
	}
}

// Put keeps a body if it is what its hash says.
func (f *Functions) Put(hash string, body []byte) error {
	sum := sha256.Sum256(body)
	if hex.EncodeToString(sum[:]) != hash {
		return yonder.Errorf(yonder.CodeMalformedFrame, "the body of function %s is another one", hash)
	}
	if f.known[hash] == nil {
		f.known[hash] = &function{body: body, place: f.order.PushFront(hash)}
		f.size += int64(len(body))
		f.trim()
	}
	return nil
}

func (f *Functions) trim() {
	for at := f.order.Back(); at != nil && f.size > f.limit; {
		hash, _ := at.Value.(string) // nothing else is put there
		before := at.Prev()
		if found := f.known[hash]; found.users == 0 && before != nil {
			f.size -= int64(len(found.body))
			delete(f.known, hash)
			f.order.Remove(at)
		}
		at = before
	}
}

//go:build unix

package manager

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"path/filepath"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// bodies keeps functions' bodies by their hash, the recently used ones up to
// a number of bytes.
type bodies struct {
	limit   int64
	size    int64
	known   map[string][]byte
	recent  []string
	waiters map[string][]*work
}

func newBodies(limit int64) *bodies {
	return &bodies{limit: limit, known: map[string][]byte{}, waiters: map[string][]*work{}}
}

func (b *bodies) get(hash string) []byte { return b.known[hash] }

func (b *bodies) waiting() int { return len(b.waiters) }

// wait adds a work that needs the body; true if it has to be asked for.
func (b *bodies) wait(hash string, w *work) bool {
	b.waiters[hash] = append(b.waiters[hash], w)
	return len(b.waiters[hash]) == 1
}

func (b *bodies) wanted() []string {
	hashes := make([]string, 0, len(b.waiters))
	for hash := range b.waiters {
		hashes = append(hashes, hash)
	}
	return hashes
}

// put keeps a body and returns the works that waited for it. needed says
// which bodies are in use and must stay.
func (b *bodies) put(hash string, body []byte, needed func(string) bool) []*work {
	if b.known[hash] == nil {
		b.known[hash] = body
		b.size += int64(len(body))
		b.recent = append(b.recent, hash)
	}
	for i := 0; b.size > b.limit && i < len(b.recent); {
		old := b.recent[i]
		if old == hash || needed(old) {
			i++
			continue
		}
		b.size -= int64(len(b.known[old]))
		delete(b.known, old)
		b.recent = append(b.recent[:i], b.recent[i+1:]...)
	}
	return b.refuse(hash)
}

// refuse returns the works that waited for a body that will not come.
func (b *bodies) refuse(hash string) []*work {
	waiting := b.waiters[hash]
	delete(b.waiters, hash)
	return waiting
}

// blobs are payloads in files, each as long as a work uses it.
type blobs struct {
	dir   string
	files map[yonder.ID]*blobFile
}

type blobFile struct {
	blob    wire.Blob
	task    yonder.ID
	path    string
	file    *os.File // while it is being received
	sum     hash.Hash
	size    int64
	ready   bool
	asked   bool
	uses    int
	waiters []blobWaiter
}

type blobWaiter struct {
	work   *work
	column int
}

func newBlobs(dir string) *blobs { return &blobs{dir: dir, files: map[yonder.ID]*blobFile{}} }

func (b *blobs) waiting() int {
	n := 0
	for _, f := range b.files {
		n += len(f.waiters)
	}
	return n
}

// use counts a user of a blob and returns its path, if it is here.
func (b *blobs) use(blob wire.Blob, task yonder.ID, w *work, column int) string {
	f := b.files[blob.ID]
	if f == nil {
		f = &blobFile{blob: blob, task: task, path: filepath.Join(b.dir, "blob-"+blob.ID.String())}
		b.files[blob.ID] = f
	}
	f.uses++
	if f.ready {
		return f.path
	}
	f.waiters = append(f.waiters, blobWaiter{w, column})
	return ""
}

// need returns the request for a blob, and whether it has not been made.
func (b *blobs) need(id yonder.ID) (wire.Need, bool) {
	f := b.files[id]
	first := !f.asked
	f.asked = true
	return wire.Need{Blob: &f.blob, Task: &f.task}, first
}

// unanswered lists the requests to be made again on a new connection; what
// had come so far comes again.
func (b *blobs) unanswered() []wire.Need {
	var needs []wire.Need
	for _, f := range b.files {
		if f.ready {
			continue
		}
		f.abandon()
		needs = append(needs, wire.Need{Blob: &f.blob, Task: &f.task})
	}
	return needs
}

func (f *blobFile) abandon() {
	if f.file != nil {
		_ = f.file.Close()
		f.file = nil
	}
	f.size = 0
}

// chunk writes a piece; with the last one it returns who waited.
func (b *blobs) chunk(c wire.BlobChunk, data []byte) (ready []blobWaiter, path string, err error) {
	f := b.files[c.Blob.ID]
	if f == nil || f.ready {
		return nil, "", nil // nobody needs it any more
	}
	if c.Error != nil {
		return b.refuse(f), "", c.Error
	}
	if err := f.write(c.Offset, data); err != nil {
		return b.refuse(f), "", err
	}
	if !c.Last {
		return nil, "", nil
	}
	if sum := hex.EncodeToString(f.sum.Sum(nil)); f.size != f.blob.Size || sum != f.blob.SHA256 {
		err := yonder.Errorf(yonder.CodeStorageCorrupt, "a payload of %d bytes arrived damaged on the node", f.blob.Size)
		return b.refuse(f), "", err
	}
	if err := f.file.Close(); err != nil {
		return b.refuse(f), "", fmt.Errorf("writing a payload: %w", err)
	}
	f.file, f.ready = nil, true
	waiting := f.waiters
	f.waiters = nil
	return waiting, f.path, nil
}

func (f *blobFile) write(offset int64, data []byte) error {
	if offset == 0 {
		f.abandon()
		file, err := os.OpenFile(f.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("writing a payload: %w", err)
		}
		f.file, f.sum = file, sha256.New()
	}
	if f.file == nil || offset != f.size {
		return yonder.Errorf(yonder.CodeMalformedFrame, "a payload's piece at %d, expected %d", offset, f.size)
	}
	if _, err := f.file.Write(data); err != nil {
		return fmt.Errorf("writing a payload: %w", err)
	}
	f.sum.Write(data)
	f.size += int64(len(data))
	return nil
}

// refuse gives up on a blob and returns who waited for it.
func (b *blobs) refuse(f *blobFile) []blobWaiter {
	waiting := f.waiters
	f.abandon()
	f.waiters, f.asked = nil, false
	_ = os.Remove(f.path)
	delete(b.files, f.blob.ID)
	return waiting
}

// release takes a work off the blobs it used.
func (b *blobs) release(w *work) {
	for _, blob := range w.lease.Blobs {
		f := b.files[blob.ID]
		if f == nil {
			continue
		}
		if f.uses--; f.uses <= 0 {
			b.refuse(f)
		}
	}
}

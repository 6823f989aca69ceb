package depot

import (
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"sync"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/wire"
)

// Blobs keeps payloads in files, by the service's name for the upload: the
// agent was given that name for a task of its own, while content that happens
// to be known proves nothing. It is not safe for concurrent use.
type Blobs struct {
	fs     osfs.FS
	dir    string
	limit  int64
	size   int64
	order  *list.List // of yonder.ID, the one used last in front
	known  map[yonder.ID]*blob
	coming map[yonder.ID]*transfer
	// hashing is of the last piece, until the next one of whatever blob is here.
	hashing sync.WaitGroup
}

// transfer is a blob that was asked for, until its last piece has come: before
// that it is not asked for again, because the pieces of two would mix.
type transfer struct {
	useless bool // its pieces cannot be made a whole any more
}

type blob struct {
	wire.Blob
	path  string
	users int
	whole bool
	place *list.Element
	part  *part
}

// part is a blob that is coming in.
type part struct {
	file *osfs.Partial
	sum  hash.Hash
	size int64
}

// NewBlobs keeps files in dir, about limit bytes beyond those in use.
func NewBlobs(dir string, limit int64) *Blobs {
	return &Blobs{fs: osfs.OS{}, dir: dir, limit: limit, order: list.New(), known: map[yonder.ID]*blob{}, coming: map[yonder.ID]*transfer{}}
}

// Use notes that a task needs a blob, until Release. It is true if the blob is
// here already; if it is to be asked for now, that counts as done.
func (b *Blobs) Use(want wire.Blob) (here, ask bool) {
	found := b.known[want.ID]
	if found == nil {
		found = &blob{Blob: want, path: filepath.Join(b.dir, want.ID.String()), place: b.order.PushFront(want.ID)}
		b.known[want.ID] = found
	}
	found.users++
	b.order.MoveToFront(found.place)
	return found.whole, b.ask(found)
}

// ask says whether to ask for a blob: it is not here, and not on its way.
func (b *Blobs) ask(found *blob) bool {
	if found.whole || b.coming[found.ID] != nil {
		return false
	}
	b.coming[found.ID] = &transfer{}
	return true
}

// Path is the file of a blob that is here.
func (b *Blobs) Path(id yonder.ID) string {
	if found := b.known[id]; found != nil && found.whole {
		return found.path
	}
	return ""
}

// Release ends a Use.
func (b *Blobs) Release(id yonder.ID) {
	found := b.known[id]
	if found == nil {
		return
	}
	if found.users--; found.users <= 0 && !found.whole {
		b.remove(found) // nobody wants the rest of it
	}
	b.trim()
}

// Write adds a piece; pieces come in order, and a first one begins anew. It is
// true when the blob is here as a whole. After an error the rest of the
// transfer is ignored, and the blob is as if nothing had come. The piece is read
// until the next call, or Settled.
func (b *Blobs) Write(chunk wire.BlobChunk, data []byte) (bool, error) {
	b.Settled()
	useless := b.heed(chunk)
	found := b.known[chunk.Blob.ID]
	if found == nil || found.whole || useless {
		return false, nil // not wanted any more
	}
	whole, err := b.write(found, chunk, data)
	if err != nil {
		b.spoil(found)
	}
	return whole, err
}

func (b *Blobs) write(found *blob, chunk wire.BlobChunk, data []byte) (bool, error) {
	if err := found.write(b.fs, &b.hashing, chunk, data); err != nil || !chunk.Last {
		return false, err
	}
	b.hashing.Wait()
	if err := found.finish(); err != nil {
		return false, err
	}
	b.size += found.Size
	b.trim()
	return true, nil
}

// Settled returns when no piece is read any more.
func (b *Blobs) Settled() { b.hashing.Wait() }

// heed notes how far a transfer is, and says whether the piece is useless.
func (b *Blobs) heed(chunk wire.BlobChunk) bool {
	on := b.coming[chunk.Blob.ID]
	if chunk.Last {
		delete(b.coming, chunk.Blob.ID)
	}
	if on != nil && chunk.Offset == 0 {
		on.useless = false
	}
	return on != nil && on.useless
}

// Refused notes that the agent cannot send a blob now.
func (b *Blobs) Refused(id yonder.ID) {
	delete(b.coming, id)
	if found := b.known[id]; found != nil && !found.whole {
		found.drop()
	}
}

// spoil forgets what has come of a blob, and what is still to come of it.
func (b *Blobs) spoil(found *blob) {
	found.drop()
	if on := b.coming[found.ID]; on != nil {
		on.useless = true
	}
}

func (f *blob) write(on osfs.FS, hashing *sync.WaitGroup, chunk wire.BlobChunk, data []byte) error {
	if chunk.Offset == 0 {
		f.drop()
		file, err := osfs.Begin(on, f.path)
		if err != nil {
			return storing(err)
		}
		f.part = &part{file: file, sum: sha256.New()}
	}
	if f.part == nil || f.part.size != chunk.Offset {
		return yonder.Errorf(yonder.CodeMalformedFrame, "a payload's piece at %d does not follow the one before", chunk.Offset)
	}
	if f.part.size += int64(len(data)); f.part.size > f.Size {
		return yonder.Errorf(yonder.CodeMalformedFrame, "a payload is larger than the %d bytes that were announced", f.Size)
	}
	sum := f.part.sum
	hashing.Go(func() { sum.Write(data) })
	if _, err := f.part.file.Write(data); err != nil {
		return storing(err)
	}
	return nil
}

// finish checks that the whole is what was announced.
func (f *blob) finish() error {
	p := f.part
	sum := hex.EncodeToString(p.sum.Sum(nil))
	if p.size != f.Size || f.SHA256 != "" && sum != f.SHA256 {
		return yonder.Errorf(yonder.CodeMalformedFrame, "a payload of %d bytes is not the one that was announced", p.size)
	}
	if err := p.file.Close(); err != nil {
		return storing(err)
	}
	f.part = nil
	f.whole = true
	return nil
}

// drop forgets what has come.
func (f *blob) drop() {
	if f.part != nil {
		f.part.file.Discard()
		f.part = nil
	}
}

// Wanted lists blobs that are in use, not here and not on their way: they are
// to be asked for, which counts as done.
func (b *Blobs) Wanted() []wire.Blob {
	var all []wire.Blob
	for _, found := range b.known {
		if found.users > 0 && b.ask(found) {
			all = append(all, found.Blob)
		}
	}
	return all
}

// Restart is for a new connection: nothing is on its way any more.
func (b *Blobs) Restart() {
	clear(b.coming)
	b.Close()
}

// Close lets go of files that are being written.
func (b *Blobs) Close() {
	for _, found := range b.known {
		found.drop()
	}
}

func (b *Blobs) remove(found *blob) {
	b.spoil(found)
	if found.whole {
		_ = os.Remove(found.path)
		b.size -= found.Size
	}
	b.order.Remove(found.place)
	delete(b.known, found.ID)
}

func (b *Blobs) trim() {
	for at := b.order.Back(); at != nil && b.size > b.limit; {
		id, _ := at.Value.(yonder.ID) // nothing else is put there
		before := at.Prev()
		if found := b.known[id]; found.users <= 0 {
			b.remove(found)
		}
		at = before
	}
}

func storing(err error) error {
	if why, refused := osfs.Refused(err); refused {
		return yonder.Errorf(yonder.CodeStorageFull, "the node cannot keep a payload: %s (%w)", why, err)
	}
	return fmt.Errorf("keeping a payload: %w", err)
}

// Package blob keeps bodies that are too large to travel in a message. A body
// is known by the ID of its upload; who may read it follows from the record in
// the store, never from knowing its hash.
package blob

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// Bodies is the seam to where bytes are kept. Methods are safe for concurrent
// use, by several replicas too.
type Bodies interface {
	// Put stores what r holds under the ID, durably, and returns its size and
	// hash. More than limit bytes fail with CodeTooLarge, a full disk with
	// CodeStorageFull; on failure nothing is left behind.
	Put(ctx context.Context, id yonder.ID, r io.Reader, limit int64) (wire.Blob, error)
	// Open returns the body; CodeNotFound if it is gone.
	Open(ctx context.Context, b wire.Blob) (io.ReadSeekCloser, error)
	// Delete removes the body; one that is gone already is no error. Equal
	// bodies under other IDs stay.
	Delete(ctx context.Context, b wire.Blob) error
}

// Records is where the store knows of blobs.
type Records interface {
	CreateBlob(ctx context.Context, blob store.BlobRecord) error
	Blob(ctx context.Context, id yonder.ID) (store.BlobRecord, error)
	BundleOwner(ctx context.Context, bundle yonder.ID) (yonder.ID, error)
	Orphans(ctx context.Context, before time.Time, limit int) ([]store.BlobRecord, error)
	DeleteBlob(ctx context.Context, id yonder.ID) error
}

// Library is bodies with their records.
type Library struct {
	Bodies  Bodies
	Records Records
	Limit   int64 // bytes of one body
	Now     func() time.Time
	Log     *slog.Logger
}

// Upload stores a body for its owner. It becomes part of a bundle or a result
// that refers to it, or is swept away.
// Most is how many bytes the owner may have in all, 0 for any number.
func (l *Library) Upload(ctx context.Context, owner yonder.ID, most int64, r io.Reader) (wire.Blob, error) {
	b, err := l.Bodies.Put(ctx, yonder.NewID(), r, l.Limit)
	if err != nil {
		return wire.Blob{}, err
	}
	if err := l.Records.CreateBlob(ctx, store.BlobRecord{Blob: b, Owner: owner, Created: l.Now(), Most: most}); err != nil {
		l.discard(ctx, b)
		return wire.Blob{}, err
	}
	return b, nil
}

// discard removes bytes that got no record, which nothing would ever sweep.
func (l *Library) discard(ctx context.Context, b wire.Blob) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := l.Bodies.Delete(last, b); err != nil {
		l.Log.WarnContext(ctx, "blob without a record left behind", "blob", b.ID, "error", err)
	}
}

// ReadableBy returns the record of a blob that the identity uploaded, or that
// belongs to a bundle of its own.
func (l *Library) ReadableBy(ctx context.Context, v store.Viewer, id yonder.ID) (store.BlobRecord, error) {
	hidden := yonder.Errorf(yonder.CodeNotFound, "there is no blob %s, or you may not read it", id)
	record, err := l.Records.Blob(ctx, id)
	if yonder.CodeOf(err) == yonder.CodeNotFound {
		return record, hidden
	}
	if err != nil {
		return record, err
	}
	if v.Admin || record.Owner == v.Identity {
		return record, nil
	}
	if !record.Bundle.IsZero() {
		owner, err := l.Records.BundleOwner(ctx, record.Bundle)
		if err == nil && owner == v.Identity {
			return record, nil
		}
		if err != nil && yonder.CodeOf(err) != yonder.CodeNotFound {
			return record, err
		}
	}
	return store.BlobRecord{}, hidden
}

// Open returns the bytes of a record whose reader has been checked.
func (l *Library) Open(ctx context.Context, record store.BlobRecord) (io.ReadSeekCloser, error) {
	return l.Bodies.Open(ctx, record.Blob)
}

// Sweep deletes at most limit blobs that were uploaded before the time and
// that nothing refers to, and returns how many. The record goes first: bytes
// without a record are only waste, a record without bytes would be a loss.
func (l *Library) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	orphans, err := l.Records.Orphans(ctx, before, limit)
	if err != nil {
		return 0, err
	}
	swept := 0
	for _, orphan := range orphans {
		err := l.Records.DeleteBlob(ctx, orphan.ID)
		switch yonder.CodeOf(err) {
		case "", yonder.CodeNotFound: // another replica was faster, and may have stopped here
		case yonder.CodeConflict:
			continue // something refers to it by now
		default:
			return swept, err
		}
		if err := l.Bodies.Delete(ctx, orphan.Blob); err != nil {
			return swept, err
		}
		swept++
	}
	return swept, nil
}

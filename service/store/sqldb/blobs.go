package sqldb

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// CreateBlob records an uploaded body.
func (s *Store) CreateBlob(ctx context.Context, blob store.BlobRecord) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		n, err := q.InsertBlob(ctx, gen.InsertBlobParams{
			ID: blob.ID, Owner: blob.Owner, Size: blob.Size, Sha256: blob.SHA256, Created: micros(blob.Created), Bundle: blob.Bundle,
		})
		if err := changed(n, err, yonder.CodeConflict, "upload %s is there already", blob.ID); err != nil {
			return err
		}
		now, err := q.TakeDisk(ctx, blob.Owner, blob.Size)
		if err != nil || blob.Most <= 0 || now <= blob.Most {
			return err
		}
		return yonder.LimitError(yonder.LimitBlobBytes, now-blob.Size, blob.Most, blob.Size, "of large payloads and results are kept for you")
	})
}

// Blob returns the record of a body.
func (s *Store) Blob(ctx context.Context, id yonder.ID) (blob store.BlobRecord, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		blob, err = getBlob(ctx, q, id)
		return err
	})
	return blob, err
}

func getBlob(ctx context.Context, q *gen.Queries, id yonder.ID) (store.BlobRecord, error) {
	row, err := q.GetBlob(ctx, id)
	return blobOf(row), found(err, "there is no upload %s", id)
}

func blobOf(row gen.Blob) store.BlobRecord {
	return store.BlobRecord{
		Blob:  wire.Blob{ID: row.ID, Size: row.Size, SHA256: row.Sha256},
		Owner: row.Owner, Created: moment(row.Created), Bundle: row.Bundle,
	}
}

// TaskBlob returns the blob if the task's payload is it.
func (s *Store) TaskBlob(ctx context.Context, task, blob yonder.ID) (record store.BlobRecord, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		row, err := q.GetBundle(ctx, task.Bundle())
		if err != nil {
			return found(err, "there is no task %s", task)
		}
		blobs, err := blobsOf(&row)
		if err != nil {
			return err
		}
		column := task.Index()
		if row.Form == string(wire.FormChunk) {
			column = 0
		}
		if got, ok := blobs[column]; !ok || got.ID != blob || task.Index() >= int(row.Tasks) {
			return yonder.Errorf(yonder.CodeNotFound, "upload %s is not the payload of task %s", blob, task)
		}
		record, err = getBlob(ctx, q, blob)
		return err
	})
	return record, err
}

// BundleOwner returns who submitted the bundle.
func (s *Store) BundleOwner(ctx context.Context, bundle yonder.ID) (owner yonder.ID, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		owner, err = q.BundleOwner(ctx, bundle)
		return found(err, "there is no bundle %s", bundle)
	})
	return owner, err
}

// Orphans lists blobs made before the time that nothing refers to.
func (s *Store) Orphans(ctx context.Context, before time.Time, limit int) (list []store.BlobRecord, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		rows, err := q.OrphanedBlobs(ctx, micros(before), int32(limit))
		list = make([]store.BlobRecord, len(rows))
		for i, row := range rows {
			list[i] = blobOf(row)
		}
		return err
	})
	return list, err
}

// DeleteBlob deletes the record of an orphan. One that a bundle has come to
// refer to meanwhile stays, and is in conflict.
func (s *Store) DeleteBlob(ctx context.Context, id yonder.ID) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		deleted, err := q.DeleteOrphanedBlob(ctx, id)
		if err != nil {
			return err
		}
		for _, row := range deleted {
			_, err := q.TakeDisk(ctx, row.Owner, -row.Size)
			return err
		}
		if _, err := getBlob(ctx, q, id); err != nil {
			return err
		}
		return yonder.Errorf(yonder.CodeConflict, "a bundle refers to upload %s", id)
	})
}

package blob_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/blob"
	"github.com/yonder-run/yonder/service/blob/dir"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

var errBroken = errors.New("broken")

// records are kept in memory and fail as told.
type records struct {
	all    map[yonder.ID]store.BlobRecord
	owners map[yonder.ID]yonder.ID // of bundles
	fail   map[yonder.ID]error     // of deletions
	create error
}

func (r *records) CreateBlob(_ context.Context, b store.BlobRecord) error {
	if r.create == nil {
		r.all[b.ID] = b
	}
	return r.create
}

func (r *records) Blob(_ context.Context, id yonder.ID) (store.BlobRecord, error) {
	b, ok := r.all[id]
	if !ok {
		return b, yonder.Errorf(yonder.CodeNotFound, "no record")
	}
	return b, nil
}

func (r *records) BundleOwner(_ context.Context, id yonder.ID) (yonder.ID, error) {
	owner, ok := r.owners[id]
	if !ok {
		return owner, yonder.Errorf(yonder.CodeNotFound, "no bundle")
	}
	return owner, nil
}

func (r *records) Orphans(context.Context, time.Time, int) ([]store.BlobRecord, error) {
	var list []store.BlobRecord
	for _, b := range r.all {
		list = append(list, b)
	}
	return list, nil
}

func (r *records) DeleteBlob(_ context.Context, id yonder.ID) error {
	if err := r.fail[id]; err != nil {
		return err
	}
	delete(r.all, id)
	return nil
}

func setup(t *testing.T) (*blob.Library, *records) {
	t.Helper()
	bodies, err := dir.Open(t.TempDir())
	require.NoError(t, err)
	r := &records{all: map[yonder.ID]store.BlobRecord{}, owners: map[yonder.ID]yonder.ID{}, fail: map[yonder.ID]error{}}
	return &blob.Library{Bodies: bodies, Records: r, Limit: 100, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, r
}

func upload(t *testing.T, l *blob.Library, owner yonder.ID) wire.Blob {
	t.Helper()
	b, err := l.Upload(t.Context(), owner, 0, strings.NewReader("body"))
	require.NoError(t, err)
	return b
}

func TestWhoMayRead(t *testing.T) {
	t.Parallel()
	l, r := setup(t)
	uploader, submitter, stranger, bundle := yonder.NewID(), yonder.NewID(), yonder.NewID(), yonder.NewBundleID()
	b := upload(t, l, uploader)
	may := func(v store.Viewer) bool {
		_, err := l.ReadableBy(t.Context(), v, b.ID)
		require.True(t, err == nil || yonder.CodeOf(err) == yonder.CodeNotFound)
		return err == nil
	}
	require.True(t, may(store.Viewer{Identity: uploader}))
	require.False(t, may(store.Viewer{Identity: submitter}))
	require.True(t, may(store.Viewer{Identity: stranger, Admin: true}))
	record := r.all[b.ID]
	record.Bundle = bundle
	r.all[b.ID] = record
	require.False(t, may(store.Viewer{Identity: submitter}), "the bundle is gone")
	r.owners[bundle] = submitter
	require.True(t, may(store.Viewer{Identity: submitter}))
	require.False(t, may(store.Viewer{Identity: stranger}))
}

func TestAnUploadWithoutARecordIsDiscarded(t *testing.T) {
	t.Parallel()
	l, r := setup(t)
	kept := upload(t, l, yonder.NewID())
	r.create = errBroken
	_, err := l.Upload(t.Context(), yonder.NewID(), 0, strings.NewReader("other"))
	require.ErrorIs(t, err, errBroken)
	r.create = nil
	body, err := l.Open(t.Context(), r.all[kept.ID])
	require.NoError(t, err)
	defer body.Close()
	data, err := io.ReadAll(body)
	require.NoError(t, err)
	require.Equal(t, "body", string(data))
}

func TestSweep(t *testing.T) {
	t.Parallel()
	l, r := setup(t)
	taken, gone, plain := upload(t, l, yonder.NewID()), upload(t, l, yonder.NewID()), upload(t, l, yonder.NewID())
	r.fail[taken.ID] = yonder.Errorf(yonder.CodeConflict, "a bundle refers to it")
	r.fail[gone.ID] = yonder.Errorf(yonder.CodeNotFound, "another replica was faster")
	n, err := l.Sweep(t.Context(), time.Now(), 10)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	for _, b := range []wire.Blob{gone, plain} {
		_, err := l.Bodies.Open(t.Context(), b)
		require.Equal(t, yonder.CodeNotFound, yonder.CodeOf(err))
	}
	body, err := l.Bodies.Open(t.Context(), taken)
	require.NoError(t, err, "what is referred to stays")
	require.NoError(t, body.Close())

	r.fail[taken.ID] = errBroken
	_, err = l.Sweep(t.Context(), time.Now(), 10)
	require.ErrorIs(t, err, errBroken)
}

package endpoint_test

import (
	"bytes"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	argument = 1 << 10
	whole    = 17 << 20
)

func TestALargeResultIsUploadedWhileItComesIn(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 2)
	b.payload = func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, argument) }
	begun := make(chan struct{}, 2)
	var uploads atomic.Int64
	b.HandleBody("/result-blob", func(w http.ResponseWriter, r *http.Request) {
		uploads.Add(1)
		first := make([]byte, 1)
		if _, err := io.ReadFull(r.Body, first); err == nil {
			begun <- struct{}{}
		}
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(first), r.Body))
		b.putBlob(w, r)
	})
	s := newSite(t, b)
	s.provider.setup = func(m *fakeManager) {
		m.large, m.times = true, whole/argument
		m.last = func() { <-begun } // the service has something of it by then
	}
	a := s.start(t)
	b.pump(t, 1)
	for range 2 {
		entry := b.results.Wait(t)
		require.NotNil(t, entry.Blob)
		require.EqualValues(t, whole, entry.Blob.Size)
	}
	require.EqualValues(t, 2, uploads.Load())
	require.NoError(t, a.Detach(t.Context()))
	s.empty(t)
}

func TestAnUploadAheadThatFailsIsMadeAgain(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 1)
	b.payload = func(int) []byte { return bytes.Repeat([]byte("x"), argument) }
	begun := make(chan struct{}, 2)
	var uploads atomic.Int64
	b.HandleBody("/result-blob", func(w http.ResponseWriter, r *http.Request) {
		if uploads.Add(1) == 1 {
			begun <- struct{}{}
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		b.putBlob(w, r)
	})
	s := newSite(t, b)
	s.provider.setup = func(m *fakeManager) {
		m.large, m.times = true, whole/argument
		m.last = func() { <-begun }
	}
	a := s.start(t)
	b.pump(t, 1)
	entry := b.results.Wait(t)
	require.NotNil(t, entry.Blob)
	require.EqualValues(t, whole, entry.Blob.Size)
	require.EqualValues(t, 2, uploads.Load())
	require.NoError(t, a.Detach(t.Context()))
	s.empty(t)
}

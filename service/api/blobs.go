package api

import (
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

func (a *API) blobs() {
	a.raw(op{
		id: "upload-blob", method: http.MethodPost, path: "/v1/blobs", scope: yonder.ScopeSubmit, tag: "blobs",
		summary: "Upload a payload that is too large to be sent with its bundle",
	}, func(o *huma.Operation) {
		takes(o, map[string]*huma.MediaType{wire.TypeBytes: binaryMedia()})
		gives(o, http.StatusCreated, "Stored", map[string]*huma.MediaType{"application/json": jsonMedia(a.schema(wire.Blob{}))})
	}, a.uploadBlob)
	a.raw(op{
		id: "get-blob", method: http.MethodGet, path: "/v1/blobs/{id}", scope: yonder.ScopeRead, tag: "blobs",
		summary: "The bytes of a blob you uploaded, or that is a result of yours",
	}, func(o *huma.Operation) {
		inPath(o, "id")
		gives(o, http.StatusOK, "Bytes", map[string]*huma.MediaType{wire.TypeBytes: binaryMedia()})
	}, a.getBlob)
}

func (a *API) uploadBlob(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	most, err := a.Quota.Disk(r.Context(), p.ID())
	if err != nil {
		return err
	}
	return a.receiveBlob(w, r, p.ID(), most)
}

// receiveBlob stores a request's body for the owner, who may have so many
// bytes in all.
func (a *API) receiveBlob(w http.ResponseWriter, r *http.Request, owner yonder.ID, most int64) error {
	if r.ContentLength > a.Limits.PayloadBytes {
		return yonder.Errorf(yonder.CodeTooLarge,
			"the payload has %d bytes, over the service's limit of %d (payload_bytes): pass a path or URL instead of the data",
			r.ContentLength, a.Limits.PayloadBytes)
	}
	stored, err := a.Blobs.Upload(r.Context(), owner, most, &patientReader{r.Body, http.NewResponseController(w)})
	if err != nil {
		if yonder.CodeOf(err) != yonder.CodeInternal {
			return err
		}
		return bodyError(err, a.Limits.PayloadBytes)
	}
	a.answer(w, http.StatusCreated, stored)
	return nil
}

// stallTimeout is how long a sender of a large body may pause, answerTimeout
// how long the answer may take after the body.
const (
	stallTimeout  = 30 * time.Second
	answerTimeout = time.Minute
)

// patientReader lets a body take any time as long as something comes.
type patientReader struct {
	io.Reader

	control *http.ResponseController
}

func (p *patientReader) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(stallTimeout))
	_ = p.control.SetWriteDeadline(time.Now().Add(stallTimeout + answerTimeout))
	return p.Reader.Read(b) //nolint:wrapcheck // an io.Reader must return io.EOF as it is
}

func (a *API) getBlob(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	record, err := a.Blobs.ReadableBy(r.Context(), p.Viewer, id)
	if err != nil {
		return err
	}
	return a.sendBlob(w, r, record)
}

// slowest is the rate in bytes a second below which a reader is given up.
const slowest = 64 << 10

// sendBlob streams a blob whose reader has been checked.
func (a *API) sendBlob(w http.ResponseWriter, r *http.Request, record store.BlobRecord) error {
	content, err := a.Blobs.Open(r.Context(), record)
	if err != nil {
		return err
	}
	defer content.Close()
	allowed := time.Minute + time.Duration(record.Size/slowest)*time.Second
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(allowed))
	w.Header().Set("Content-Type", wire.TypeBytes)
	w.Header().Set("Content-Disposition", "attachment")
	w.Header().Set("Etag", `"`+record.SHA256+`"`)
	http.ServeContent(w, r, "", time.Time{}, content)
	return nil
}

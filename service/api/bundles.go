package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/wire"
)

func (a *API) bundles() {
	a.raw(op{
		id: "submit", method: http.MethodPost, path: "/v1/bundles", scope: yonder.ScopeSubmit, tag: "tasks",
		summary: "Submit tasks: all bundles of the request are accepted or none. The answer comes after they are durable. " +
			"A bundle's id is the idempotency key",
	}, func(o *huma.Operation) {
		takes(o, map[string]*huma.MediaType{
			"application/json": jsonMedia(a.schema(wire.Submit{})),
			wire.TypeFrames:    binaryMedia(),
		})
		gives(o, http.StatusAccepted, "Durable", map[string]*huma.MediaType{"application/json": jsonMedia(a.schema(wire.Submitted{}))})
	}, a.submit)
}

// submission is one bundle as it came in.
type submission struct {
	wire.Bundle

	payloads [][]byte
}

func (a *API) submit(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	data, release, err := a.readBody(w, r, p)
	if err != nil {
		return err
	}
	defer release()
	submissions, err := parseSubmit(r.Header.Get("Content-Type"), data)
	if err != nil {
		return err
	}
	bundles, err := a.admit(r.Context(), p, submissions)
	if err != nil {
		return err
	}
	submitted, err := a.Dispatcher.Submit(r.Context(), bundles)
	if err != nil {
		return err
	}
	a.answer(w, http.StatusAccepted, wire.Submitted{Bundles: submitted})
	return nil
}

// Times of a bulk request: how long one may wait for memory, and how long its
// body may take to arrive.
const (
	memoryWait  = 10 * time.Second
	bulkTimeout = 2 * time.Minute
)

// What is decoded takes many times its bytes: JSON arguments, and the headers
// of frames. Bulk goes in the columns of frames, which are taken as they are.
const (
	maxDecoded  = 2 << 20
	decodedCost = 30
)

// readBody reads a bulk body within the request's and the service's limits;
// release gives its memory back.
func (a *API) readBody(w http.ResponseWriter, r *http.Request, p auth.Principal) (data []byte, release func(), err error) {
	limit := a.Limits.RequestBytes
	if r.ContentLength > limit {
		return nil, nil, errRequestTooLarge(limit)
	}
	need := r.ContentLength
	if need < 0 {
		need = limit
	}
	if release, err = a.memory(r.Context(), p, need+decodedCost*min(need, maxDecoded)); err != nil {
		return nil, nil, err
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bulkTimeout))
	data, err = readAll(http.MaxBytesReader(w, r.Body, limit), r.ContentLength)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	_ = control.SetWriteDeadline(time.Now().Add(answerTimeout))
	if err != nil {
		release()
		return nil, nil, bodyError(err, limit)
	}
	return data, release, nil
}

// memory waits a while for memory; release gives it back.
func (a *API) memory(ctx context.Context, p auth.Principal, need int64) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, memoryWait)
	defer cancel()
	return a.Memory.Acquire(ctx, p.ID(), need)
}

// readAll reads a body of a known length without growing a buffer.
func readAll(r io.Reader, length int64) ([]byte, error) {
	buffer := bytes.NewBuffer(make([]byte, 0, max(length, 0)+bytes.MinRead))
	_, err := buffer.ReadFrom(r)
	return buffer.Bytes(), err
}

func parseSubmit(contentType string, data []byte) ([]submission, error) {
	kind, _, err := mime.ParseMediaType(contentType)
	switch {
	case kind == wire.TypeFrames:
		return parseFrames(data)
	case kind == "application/json" || err != nil && contentType == "":
		if len(data) > maxDecoded {
			return nil, yonder.Errorf(yonder.CodeTooLarge,
				"a bundle in JSON has at most %d bytes: send a larger one as %s", maxDecoded, wire.TypeFrames)
		}
		one, err := parseJSON(data)
		return []submission{one}, err
	}
	return nil, yonder.FieldErrorf(yonder.CodeInvalidRequest, "Content-Type",
		"bundles come as application/json or %s, not as %q", wire.TypeFrames, contentType)
}

func parseFrames(data []byte) ([]submission, error) {
	frames, err := wire.ParseAll(data)
	if err != nil {
		return nil, err
	}
	if len(frames) == 0 {
		return nil, yonder.Errorf(yonder.CodeInvalidRequest, "the request holds no bundle")
	}
	submissions := make([]submission, len(frames))
	headers := 0
	for i := range frames {
		if headers += len(frames[i].Header); headers > maxDecoded {
			return nil, yonder.Errorf(yonder.CodeTooLarge,
				"the headers of a request's bundles have at most %d bytes in all: send fewer bundles at once", maxDecoded)
		}
		if err := frames[i].Decode(wire.KindBundle, &submissions[i].Bundle); err != nil {
			return nil, err
		}
		submissions[i].payloads = frames[i].Columns
	}
	return submissions, nil
}

func parseJSON(data []byte) (submission, error) {
	var submit wire.Submit
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	decoder.UseNumber() // a call's numbers go on as they were written
	if err := decoder.Decode(&submit); err != nil {
		return submission{}, yonder.Errorf(yonder.CodeInvalidRequest, "the bundle is not what was expected: %w", err)
	}
	if decoder.More() {
		return submission{}, yonder.Errorf(yonder.CodeInvalidRequest, "a JSON request holds one bundle; several go as frames")
	}
	one := submission{Bundle: submit.Bundle, payloads: submit.Payloads}
	if len(submit.Calls) > 0 {
		return packCalls(one, submit)
	}
	return one, nil
}

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/yonder-run/yonder"
)

// failure is how every error leaves the service: {"code", "message", "field"}
// with the status of its code.
type failure struct {
	Code    yonder.Code `json:"code" doc:"for programs; docs/errors.md lists them"`
	Message string      `json:"message" doc:"for people"`
	Field   string      `json:"field,omitempty" doc:"the part of the request that is at fault"`
	// Reached says more of limit_reached.
	Reached *yonder.Reached `json:"reached,omitempty"`
	retry   time.Duration
}

// Error implements error.
func (f *failure) Error() string { return f.Message }

// GetStatus implements huma.StatusError.
func (f *failure) GetStatus() int {
	if f.Code == "" {
		return http.StatusInternalServerError
	}
	return f.Code.Info().HTTP
}

// GetHeaders implements huma.HeadersError.
func (f *failure) GetHeaders() http.Header {
	switch f.GetStatus() {
	case http.StatusUnauthorized:
		return http.Header{"Www-Authenticate": {"Bearer"}}
	case http.StatusTooManyRequests:
		return f.later(http.Header{})
	case http.StatusServiceUnavailable:
		// The next try makes a connection, which may lead to another replica.
		return f.later(http.Header{"Connection": {"close"}})
	}
	return nil
}

func (f *failure) later(h http.Header) http.Header {
	h.Set("Retry-After", strconv.Itoa(max(int(f.retry/time.Second), 1)))
	return h
}

// failureOf is what the client learns of err, which is logged if it is a
// fault of the service.
func (a *API) failureOf(ctx context.Context, err error) *failure {
	public := yonder.Public(err)
	if public.Code.Info().HTTP >= http.StatusInternalServerError && ctx.Err() == nil {
		a.Log.ErrorContext(ctx, "request failed", "request_id", requestID(ctx), "code", public.Code, "error", err)
	}
	if public.Reached != nil {
		a.Metrics.Refused(public.Reached.Limit)
	}
	return &failure{Code: public.Code, Message: public.Message, Field: public.Field, Reached: public.Reached, retry: public.Retry()}
}

// fail answers a raw request with an error.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := a.failureOf(r.Context(), err)
	maps.Copy(w.Header(), f.GetHeaders())
	a.answer(w, f.GetStatus(), f)
}

// answer writes JSON. That the client may be gone is no concern.
func (a *API) answer(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		a.Log.Error("answer cannot be encoded", "error", err)
		status, data = http.StatusInternalServerError, []byte(`{"code":"internal","message":"the answer could not be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

// shapeErrors makes the framework's own errors look like all others. The
// framework keeps this in variables of its package.
var shapeErrors = sync.OnceFunc(func() {
	huma.NewError = newError
	huma.NewErrorWithContext = func(_ huma.Context, status int, message string, errs ...error) huma.StatusError {
		return newError(status, message, errs...)
	}
})

// newError translates what the framework found wrong with a request.
func newError(status int, message string, errs ...error) huma.StatusError {
	for _, err := range errs {
		var f *failure
		if errors.As(err, &f) {
			return f
		}
	}
	f := &failure{Code: codeOf(status), Message: message}
	if f.Code == yonder.CodeInternal {
		f.Message = "something failed inside: the service's log says what"
		return f
	}
	if len(errs) == 0 || errs[0] == nil {
		return f
	}
	// One at a time is enough to act on.
	if detail := new(huma.ErrorDetail); errors.As(errs[0], &detail) {
		f.blame(detail)
	} else {
		f.Message = fmt.Sprintf("%s: %s", message, errs[0])
	}
	return f
}

func (f *failure) blame(detail *huma.ErrorDetail) {
	f.Field = strings.TrimPrefix(detail.Location, "body.")
	f.Message = detail.Message
	if _, err := yonder.ParseID(fmt.Sprint(detail.Value)); err != nil && strings.HasSuffix(detail.Message, err.Error()) {
		f.Code, f.Message = yonder.CodeInvalidID, err.Error()
	}
}

func codeOf(status int) yonder.Code {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return yonder.CodeTooLarge
	case http.StatusRequestTimeout:
		return yonder.CodeTimeout
	case http.StatusNotFound:
		return yonder.CodeNotFound
	}
	if status >= http.StatusInternalServerError {
		return yonder.CodeInternal
	}
	return yonder.CodeInvalidRequest
}

package api

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/service/metrics"
)

// A bug in a handler costs one request, tells the client nothing of the
// inside, and leaves its stack in the log under the request's id.
func TestAPanicIsAnswered(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	a := &API{Config: Config{Metrics: metrics.New(), Log: slog.New(slog.NewJSONHandler(&logged, nil))}}
	handler := a.outer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			_, _ = w.Write([]byte("begun"))
		}
		panic("the inside")
	}))
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	require.Equal(t, http.StatusInternalServerError, answer.Code)
	require.Contains(t, answer.Body.String(), `"code":"internal"`)
	require.NotContains(t, answer.Body.String(), "panic")
	require.Contains(t, logged.String(), "the inside")
	require.Contains(t, logged.String(), "outer_test.go")
	require.Contains(t, logged.String(), answer.Header().Get("X-Request-Id"))

	answer = httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/late", http.NoBody))
	require.Equal(t, "begun", answer.Body.String(), "what has begun cannot be taken back")
}

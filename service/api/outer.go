package api

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/yonder-run/yonder"
)

type requestIDKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// outer is around every request: it names it, counts it, logs it and turns a
// panic into an answer. Headers are never logged: they hold the token.
func (a *API) outer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := yonder.NewID().String()
		r = r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id))
		w.Header().Set("X-Request-Id", id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		seen := &watched{ResponseWriter: w}
		if r.ContentLength != 0 {
			// Also a request that is refused has its body read away, and a client
			// that never sends it must not hold the connection for ever. Routes
			// that take long bodies move the deadline on.
			_ = http.NewResponseController(w).SetReadDeadline(start.Add(bodyTimeout))
		}
		defer a.done(seen, r, start)
		defer func() {
			if p := recover(); p != nil {
				a.panicked(seen, r, p)
			}
		}()
		next.ServeHTTP(seen, r)
	})
}

func (a *API) panicked(w *watched, r *http.Request, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint,err113 // the documented way to compare
		panic(p)
	}
	a.Log.ErrorContext(r.Context(), "request panicked",
		"request_id", requestID(r.Context()), "panic", p, "stack", string(debug.Stack()))
	if w.status == 0 {
		a.fail(w, r, fmt.Errorf("panic: %v", p))
	}
}

func (a *API) done(w *watched, r *http.Request, start time.Time) {
	route := r.Pattern
	if route == "" || route == "/" {
		route = "unknown"
	}
	took := time.Since(start)
	a.Metrics.Request(route, w.status, took)
	level := slog.LevelDebug
	if w.status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	a.Log.LogAttrs(r.Context(), level, "request", slog.String("request_id", requestID(r.Context())),
		slog.String("route", route), slog.Int("status", w.status), slog.Duration("took", took))
}

// watched remembers the status.
type watched struct {
	http.ResponseWriter

	status int
}

func (w *watched) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p) //nolint:wrapcheck // stands in for the writer
}

// Unwrap lets http.ResponseController reach the writer.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack lets a WebSocket take over the connection.
func (w *watched) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.status = http.StatusSwitchingProtocols
	return http.NewResponseController(w.ResponseWriter).Hijack() //nolint:wrapcheck // stands in for the writer
}

// Package link is an agent's connection to the service: requests that are
// retried until they are answered, hints that come unasked, and large bodies.
//
// Messages travel as NATS inside a WebSocket that the agent dials, through a
// proxy where the environment names one; large bodies travel over HTTPS to the
// same address.
package link

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/internal/testsignal"
	"github.com/yonder-run/yonder/wire"
)

// idleConns is how many connections for bodies are kept for the next: those of
// the results and payloads that travel at once.
const idleConns = 8

// bodyBuffer is for heads and for bodies that do not go past it.
const bodyBuffer = 64 << 10

// Config says where the service is and who connects.
type Config struct {
	URL        string // "https://host:port"
	Endpoint   yonder.ID
	Credential string
	CAFile     string // PEM of certificates to trust instead of the system's
	Logger     *slog.Logger
	// Answer is how long one try of a request waits; 10 s by default.
	Answer time.Duration
	// Retry is the longest pause between tries; 5 s by default.
	Retry time.Duration
}

// Hints are what the service sends unasked. They may be late or repeated.
// Calls come one at a time and must not block for long.
type Hints interface {
	Offer(offer wire.Offer, columns [][]byte)
	Cancel(spans wire.Spans)
	Fence(fence wire.Fence)
	// Tail is a question: answer is called once, at any time, or never.
	Tail(tail wire.Tail, answer func(told wire.Tailed, columns [][]byte))
	Turn(turn wire.Turn)
	// Look is a question, which reply answers, now or later, at most once.
	Look(look wire.Look, reply func(wire.View))
}

// Link connects for ever while it runs.
type Link struct {
	startstop.Base

	cfg     Config
	hints   Hints
	http    *http.Client
	conn    atomic.Pointer[nats.Conn]
	base    *url.URL
	trouble atomic.Pointer[yonder.Error]

	// Connects fires at every connection, the first included.
	Connects testsignal.Signal[struct{}]
}

// New checks the configuration; nothing is dialled before Start.
func New(cfg Config, hints Hints) (*Link, error) {
	if cfg.Answer == 0 {
		cfg.Answer = 10 * time.Second
	}
	if cfg.Retry == 0 {
		cfg.Retry = 5 * time.Second
	}
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	base, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, yonder.FieldErrorf(yonder.CodeInvalidConfig, "service", "%q is not a URL: %w", cfg.URL, err)
	}
	secure, err := trusting(base.Hostname(), cfg.CAFile, cfg.Logger)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       secure,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: time.Minute,
		IdleConnTimeout:       time.Minute,
		MaxIdleConnsPerHost:   idleConns,
		ReadBufferSize:        bodyBuffer,
		WriteBufferSize:       bodyBuffer,
	}
	return &Link{cfg: cfg, base: base, hints: hints, http: &http.Client{Transport: transport}}, nil
}

// Start begins to connect. It does not wait until that succeeds: an agent
// serves its managers while the service is away.
func (l *Link) Start(ctx context.Context) error { return l.Base.Start(ctx, l.run) }

func (l *Link) run(ctx context.Context, ready func()) error {
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	l.conn.Store(conn)
	ready()
	<-ctx.Done()
	conn.Close()
	l.http.CloseIdleConnections()
	return context.Cause(ctx)
}

// Connected says whether the service can be reached now.
func (l *Link) Connected() bool {
	conn := l.conn.Load()
	return conn != nil && conn.IsConnected()
}

// Trouble says why the service cannot be reached, or nothing.
func (l *Link) Trouble() string {
	if why := l.trouble.Load(); why != nil && !l.Connected() {
		return why.Message
	}
	return ""
}

// passing are the codes of what may be over at the next try.
var passing = []yonder.Code{
	yonder.CodeUnavailable, yonder.CodeTimeout, yonder.CodeInternal, yonder.CodeLimitReached, yonder.CodeStorageFull,
}

// Refused is the code of the service's refusal of this agent, if that is why
// it is not connected. Trying again helps only once somebody has acted.
func (l *Link) Refused() yonder.Code {
	why := l.trouble.Load()
	if why == nil || l.Connected() {
		return ""
	}
	if slices.Contains(passing, why.Code) {
		return ""
	}
	return why.Code
}

func (l *Link) setTrouble(why *yonder.Error) {
	if old := l.trouble.Swap(why); old == nil || old.Message != why.Message {
		l.cfg.Logger.Warn("service cannot be reached", slog.String("trouble", why.Message))
	}
}

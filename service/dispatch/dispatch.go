// Package dispatch stands between the store and the agents: it answers their
// requests, offers them what is queued, and passes on cancels and fences. It
// remembers nothing that the store does not: every handler is idempotent, and
// whatever a lost hint left behind is found again by Resend.
package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/service/fabric"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// Store is the part of the store that agents' requests need.
type Store interface {
	store.Sessions
	submitter
	reader
}

type submitter interface {
	SubmitAhead(ctx context.Context, bundles []store.NewBundle, ahead func([]store.Offered)) (store.Submitted, error)
}

type reader interface {
	Endpoint(ctx context.Context, id yonder.ID) (yonder.Endpoint, error)
	LeasedFunctionBody(ctx context.Context, endpoint yonder.ID, hash string) ([]byte, error)
	Blob(ctx context.Context, id yonder.ID) (store.BlobRecord, error)
	BundleOwner(ctx context.Context, bundle yonder.ID) (yonder.ID, error)
}

// Config is what a Dispatcher needs.
type Config struct {
	Store  Store
	Fabric fabric.Fabric
	// Wake tells readers of results, here and at other replicas, to look.
	Wake func(groups store.Woken)
	// News is Wake for results that readers here need not look for.
	News func(news []store.News)
	// Observe counts an answered request of an agent; code is empty for success.
	Observe   func(verb string, code yonder.Code, took time.Duration)
	Heartbeat time.Duration // asked of agents
	Now       func() time.Time
	Log       *slog.Logger
}

// Dispatcher is a service.
type Dispatcher struct {
	startstop.Base

	Config
	claims claims
}

// New returns a dispatcher that does not run yet.
func New(config Config) *Dispatcher {
	return &Dispatcher{Config: config, claims: claims{state: map[yonder.ID]claimState{}}}
}

// Start begins to answer agents.
func (d *Dispatcher) Start(ctx context.Context) error { return d.Base.Start(ctx, d.run) }

func (d *Dispatcher) run(ctx context.Context, ready func()) error {
	stop, err := d.Fabric.Serve(d.serve)
	if err != nil {
		return err
	}
	ready()
	<-ctx.Done()
	stop()
	return context.Cause(ctx)
}

// serve answers one request. A bug in a handler must not end the process,
// nor leave the agent without an answer.
func (d *Dispatcher) serve(ctx context.Context, r fabric.Request, reply func(wire.Frame)) {
	defer func() {
		if p := recover(); p != nil {
			d.Log.ErrorContext(ctx, "agent request panicked", "endpoint", r.Endpoint, "verb", r.Verb, "panic", p)
			reply(fabric.ErrorFrame(fmt.Errorf("panic: %v", p)))
		}
	}()
	handle, known := verbs[r.Verb]
	if !known {
		d.Observe("unknown", yonder.CodeInvalidRequest, 0)
		reply(fabric.ErrorFrame(yonder.Errorf(yonder.CodeInvalidRequest,
			"the service knows no request %q: the agent may be newer than the service", r.Verb)))
		return
	}
	begin := time.Now()
	answer, err := handle(d, ctx, r)
	d.Observe(r.Verb, yonder.CodeOf(err), time.Since(begin))
	if err != nil {
		d.refuse(ctx, r, err, reply)
		return
	}
	reply(answer.frame)
	if answer.claim {
		d.Claim(ctx, r.Endpoint)
	}
}

func (d *Dispatcher) refuse(ctx context.Context, r fabric.Request, err error, reply func(wire.Frame)) {
	level := slog.LevelDebug
	if yonder.CodeOf(err) == yonder.CodeInternal && ctx.Err() == nil {
		level = slog.LevelError
	}
	d.Log.Log(ctx, level, "agent request refused", "endpoint", r.Endpoint, "verb", r.Verb, "error", err)
	if ctx.Err() != nil && yonder.CodeOf(err) == yonder.CodeInternal {
		err = context.Cause(ctx)
	}
	reply(fabric.ErrorFrame(err))
}

// Submit makes bundles durable and offers what agents have room for. The offer
// goes while the store commits: on its way and in the agent's journal it takes
// longer than that.
func (d *Dispatcher) Submit(ctx context.Context, bundles []store.NewBundle) ([]wire.SubmittedBundle, error) {
	submitted, err := d.Store.SubmitAhead(ctx, bundles, func(offered []store.Offered) { d.offer(ctx, offered) })
	if err != nil {
		return nil, err
	}
	d.Wake(submitted.Woken)
	d.offer(ctx, submitted.Offered)
	return submitted.Bundles, nil
}

package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// noToken marks routes that answer anybody.
const noToken = "-"

// op describes a route. Scope is what the token needs: empty for a token of
// any kind, noToken for none.
type op struct {
	method, path string
	scope        string
	tag, summary string
	id           string
	status       int   // of success; 0: 200
	bodyBytes    int64 // most bytes of a JSON body; 0: 1 MiB
	bulk         bool  // its body counts as memory of the service
	lasting      bool  // it goes on for long, and is bounded by itself
}

// bodyTimeout bounds the reading of a JSON body.
const bodyTimeout = time.Minute

func (o op) operation() huma.Operation {
	h := huma.Operation{
		Method: o.method, Path: o.path, OperationID: o.id, Summary: o.summary, Tags: []string{o.tag},
		DefaultStatus: o.status, MaxBodyBytes: o.bodyBytes, BodyReadTimeout: bodyTimeout,
	}
	if o.scope != noToken {
		h.Security = []map[string][]string{{bearerScheme: {}}}
		h.Description = "Needs a token of any scope."
		if o.scope != "" {
			h.Description = "Needs a token with the scope `" + o.scope + "`."
		}
	}
	return h
}

type principalKey struct{}

// body is the answer of a JSON route.
type body[T any] struct{ Body T }

// route registers a JSON route. The handler's errors reach the client as the
// code and message that they carry.
func route[I, O any](a *API, o op, handle func(ctx context.Context, p auth.Principal, in *I) (O, error)) {
	operation := o.operation()
	operation.Middlewares = huma.Middlewares{a.guard(o)}
	huma.Register(a.huma, operation, func(ctx context.Context, in *I) (*body[O], error) {
		p, _ := ctx.Value(principalKey{}).(auth.Principal)
		out, err := handle(ctx, p, in)
		if err != nil {
			return nil, a.failureOf(ctx, err)
		}
		return &body[O]{out}, nil
	})
}

// routeEmpty registers a JSON route that answers with 204.
func routeEmpty[I any](a *API, o op, handle func(ctx context.Context, p auth.Principal, in *I) error) {
	operation := o.operation()
	operation.DefaultStatus = http.StatusNoContent
	operation.Middlewares = huma.Middlewares{a.guard(o)}
	huma.Register(a.huma, operation, func(ctx context.Context, in *I) (*struct{}, error) {
		p, _ := ctx.Value(principalKey{}).(auth.Principal)
		if err := handle(ctx, p, in); err != nil {
			return nil, a.failureOf(ctx, err)
		}
		return &struct{}{}, nil
	})
}

func (a *API) guard(o op) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		p, err := a.principal(ctx.Context(), ctx.Header("Authorization"), o.scope)
		leave := func() {}
		if err == nil {
			leave, err = a.enter(r, o, p)
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		defer leave()
		next(huma.WithValue(ctx, principalKey{}, p))
	}
}

// bodyCost is about how many times its bytes a JSON body with base64 takes.
const bodyCost = 3

// enter counts a request against its identity's share until leave is called.
// Agents are bounded by endpoint, and what lasts by itself.
func (a *API) enter(r *http.Request, o op, p auth.Principal) (leave func(), err error) {
	if o.scope == noToken || o.scope == yonder.ScopeAgent || o.lasting {
		return func() {}, nil
	}
	done, err := a.requests.Take(p.ID(), a.Requests, yonder.LimitRequests, "of yours are under way")
	if err != nil || !o.bulk {
		return done, err
	}
	need := r.ContentLength
	if need < 0 {
		need = o.bodyBytes
	}
	release, err := a.memory(r.Context(), p, bodyCost*min(need, o.bodyBytes))
	if err != nil {
		done()
		return nil, err
	}
	return func() { release(); done() }, nil
}

// principal authenticates the header and checks the scope.
func (a *API) principal(ctx context.Context, header, scope string) (auth.Principal, error) {
	if scope == noToken {
		return auth.Principal{}, nil
	}
	kind, secret, _ := strings.Cut(header, " ")
	if !strings.EqualFold(kind, "Bearer") {
		return auth.Principal{}, yonder.Errorf(yonder.CodeUnauthenticated,
			`this request needs a token: send it as "Authorization: Bearer yt_…"`)
	}
	p, err := a.Auth.Authenticate(ctx, strings.TrimSpace(secret))
	if err != nil {
		return p, err
	}
	return p, p.Require(scope)
}

// rawHandler handles a request by hand; it answers itself unless it fails.
type rawHandler func(w http.ResponseWriter, r *http.Request, p auth.Principal) error

// raw registers a route that the framework only describes.
func (a *API) raw(o op, describe func(*huma.Operation), handle rawHandler) {
	operation := o.operation()
	if describe != nil {
		describe(&operation)
	}
	a.describeErrors(&operation)
	a.huma.OpenAPI().AddOperation(&operation)
	a.mux.HandleFunc(o.method+" "+o.path, func(w http.ResponseWriter, r *http.Request) {
		p, err := a.principal(r.Context(), r.Header.Get("Authorization"), o.scope)
		if err == nil {
			err = a.handle(w, r, o, p, handle)
		}
		if err != nil {
			a.fail(w, r, err)
		}
	})
}

func (a *API) handle(w http.ResponseWriter, r *http.Request, o op, p auth.Principal, handle rawHandler) error {
	leave, err := a.enter(r, o, p)
	if err != nil {
		return err
	}
	defer leave()
	return handle(w, r, p)
}

// socket lets only WebSocket handshakes through to the handler, which would
// answer others in a form of its own.
func socket(handle rawHandler) rawHandler {
	return func(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
		if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || r.Header.Get("Sec-Websocket-Version") != "13" {
			return yonder.Errorf(yonder.CodeInvalidRequest, "%s is a WebSocket of version 13: connect with a WebSocket client", r.URL.Path)
		}
		return handle(w, r, p)
	}
}

// maxListing is the most items of a page.
const maxListing = 1000

// Paging is how listings are paged.
type Paging struct {
	Limit int       `query:"limit" default:"100" minimum:"1" maximum:"1000" doc:"most items to return"`
	After yonder.ID `query:"after" doc:"the next of the page before"`
}

func (p Paging) store() store.Page { return store.Page{Limit: p.Limit, After: p.After} }

// pageOf makes a listing's answer; a full page may have a next one.
func pageOf[T any](items []T, limit int, id func(T) yonder.ID) wire.Page[T] {
	if items == nil {
		items = []T{}
	}
	answer := wire.Page[T]{Items: items}
	if len(items) == limit && limit > 0 {
		answer.Next = id(items[len(items)-1]).String()
	}
	return answer
}

// ByID is the input of routes about one thing.
type ByID struct {
	ID yonder.ID `path:"id"`
}

// pathID reads an id from the path of a raw route.
func pathID(r *http.Request, name string) (yonder.ID, error) {
	id, err := yonder.ParseID(r.PathValue(name))
	if err != nil {
		return id, yonder.FieldErrorf(yonder.CodeInvalidID, name, "%w", err)
	}
	return id, nil
}

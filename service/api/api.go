// Package api is the service's HTTP interface: one file per resource. Control
// requests are JSON and checked against the OpenAPI document that the same
// registrations make; bulk requests are handled by hand and only described
// there, because checking a thousand tasks field by field costs more than
// queueing them.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/version"
	"github.com/yonder-run/yonder/service/admit"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/blob"
	"github.com/yonder-run/yonder/service/live"
	"github.com/yonder-run/yonder/service/metrics"
	"github.com/yonder-run/yonder/service/quota"
	"github.com/yonder-run/yonder/service/results"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// Store is the part of the store that requests need.
type Store interface {
	store.Identities
	store.Tokens
	store.Functions
	store.Endpoints
	store.Tasks
	store.Sessions
	store.Blobs
	store.Limited
	Size(ctx context.Context) (store.Size, error)
}

// Authenticator says who asks.
type Authenticator interface {
	Authenticate(ctx context.Context, secret string) (auth.Principal, error)
	Recheck(ctx context.Context, token yonder.ID) error
}

// Dispatcher takes submissions and passes on what agents must know.
type Dispatcher interface {
	Submit(ctx context.Context, bundles []store.NewBundle) ([]wire.SubmittedBundle, error)
	StopTasks(ctx context.Context, stops []store.Stop)
	// Turn tells an endpoint's agent whether to work.
	Turn(ctx context.Context, endpoint yonder.ID, turn wire.Turn)
	// Look asks an endpoint's agent how things are, and waits briefly.
	Look(ctx context.Context, endpoint yonder.ID, look wire.Look) (wire.View, error)
	Fence(ctx context.Context, endpoint yonder.ID, epoch int64)
}

// Config is what the API needs.
type Config struct {
	Store      Store
	Auth       Authenticator
	Dispatcher Dispatcher
	Streams    *results.Streams
	Live       *live.Live
	Blobs      *blob.Library
	Metrics    *metrics.Metrics
	// Agent serves the WebSocket of an endpoint's agent until it ends.
	Agent func(w http.ResponseWriter, r *http.Request, endpoint, token yonder.ID) error
	// Wake tells readers of results to look, here and at other replicas.
	Wake func(groups store.Woken)
	// Revoked ends connections of a token, or of any agent of an endpoint.
	Revoked func(token, endpoint yonder.ID)
	// Ready says whether the service can do its work now.
	Ready func(ctx context.Context) error

	Limits        admit.Limits
	FunctionBytes int64 // of a function's body
	MaxAttempts   int   // of a task that does not say
	// Memory is for bodies of bundles and functions, Requests counts what each
	// identity asks for at one time, Quota knows what they may.
	Memory    *quota.Memory
	Requests  int64 // of one identity at one time
	Quota     *quota.Limits
	Retention time.Duration // of results, where nobody says
	Now       func() time.Time
	Log       *slog.Logger
}

// API holds the routes.
type API struct {
	Config

	mux      *http.ServeMux
	huma     huma.API
	requests quota.Counter
}

// New returns the handler of everything the service answers.
func New(config Config) http.Handler {
	shapeErrors()
	a := &API{Config: config, mux: http.NewServeMux()}
	a.huma = humago.New(a.mux, document())
	for _, register := range []func(){
		a.service, a.functions, a.endpoints, a.groups, a.bundles, a.tasks, a.results, a.logs, a.cancels, a.pauses, a.explains,
		a.blobs, a.tokens, a.identities, a.limits, a.agents, a.docs,
	} {
		register()
	}
	a.mux.HandleFunc("/", a.unknown)
	return a.outer(a.mux)
}

// document is the head of the OpenAPI document, which is served as
// /openapi.json; nothing is added to answers for its sake.
func document() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Yonder", Version: version.Version,
				Description: "Register a function once, run it at any endpoint, read the result anywhere.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					bearerScheme: {Type: "http", Scheme: "bearer", Description: "a token, yt_…, or an agent's credential, ya_…"},
				},
			},
		},
		OpenAPIPath:                  "/openapi",
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

const bearerScheme = "token"

// unknown answers what no route matches.
func (a *API) unknown(w http.ResponseWriter, r *http.Request) {
	a.fail(w, r, yonder.Errorf(yonder.CodeNotFound, "there is no %s %s: see /docs for what there is", r.Method, r.URL.Path))
}

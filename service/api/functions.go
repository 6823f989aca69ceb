package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/admit"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

func (a *API) functions() {
	base64Overhead := a.FunctionBytes/2 + 1<<20
	route(a, op{
		id: "register-function", method: http.MethodPost, path: "/v1/functions", scope: yonder.ScopeFunctions, tag: "functions",
		summary:   "Register a function, or its next version; the same body under the same name is the same version",
		bodyBytes: a.FunctionBytes + base64Overhead, bulk: true,
	}, a.registerFunction)
	route(a, op{
		id: "list-functions", method: http.MethodGet, path: "/v1/functions", scope: yonder.ScopeRead, tag: "functions",
		summary: "List functions, or search in name, description and docstring",
	}, a.listFunctions)
	route(a, op{
		id: "get-function", method: http.MethodGet, path: "/v1/functions/{id}", scope: yonder.ScopeRead, tag: "functions",
		summary: "A function, in its newest version by default",
	}, a.getFunction)
	route(a, op{
		id: "list-function-versions", method: http.MethodGet, path: "/v1/functions/{id}/versions", scope: yonder.ScopeRead, tag: "functions",
		summary: "All versions of a function",
	}, a.functionVersions)
	a.raw(op{
		id: "get-function-body", method: http.MethodGet, path: "/v1/functions/{id}/body", scope: yonder.ScopeRead, tag: "functions",
		summary: "The body of a function",
	}, func(o *huma.Operation) {
		inPath(o, "id")
		inQuery(o, "version", huma.TypeInteger, "0: the newest")
		gives(o, http.StatusOK, "Body", map[string]*huma.MediaType{wire.TypeBytes: binaryMedia()})
	}, a.functionBody)
	route(a, op{
		id: "share-function", method: http.MethodPut, path: "/v1/functions/{id}/sharing", scope: yonder.ScopeFunctions, tag: "functions",
		summary: "Say who may use a function",
	}, a.shareFunction)
	a.memos()
	routeEmpty(a, op{
		id: "delete-function", method: http.MethodDelete, path: "/v1/functions/{id}", scope: yonder.ScopeFunctions, tag: "functions",
		summary: "Delete a function; tasks accepted before still run",
	}, a.deleteFunction)
}

var minorVersion = regexp.MustCompile(`^3\.\d{1,2}$`)

func (a *API) registerFunction(ctx context.Context, p auth.Principal, in *struct{ Body wire.RegisterFunction }) (yonder.Function, error) {
	body := in.Body.Body
	switch {
	case len(body) == 0:
		return yonder.Function{}, yonder.FieldErrorf(yonder.CodeInvalidRequest, "body", "a function needs a body")
	case int64(len(body)) > a.FunctionBytes:
		return yonder.Function{}, yonder.FieldErrorf(yonder.CodeTooLarge, "body",
			"the body has %d bytes, over the limit of %d: load data inside the function instead", len(body), a.FunctionBytes)
	case in.Body.Requirements.Python != "" && !minorVersion.MatchString(in.Body.Requirements.Python):
		return yonder.Function{}, yonder.FieldErrorf(yonder.CodeInvalidRequest, "requirements.python",
			"%q is no minor version of Python: write it like 3.11", in.Body.Requirements.Python)
	}
	if in.Body.Anonymous && (in.Body.Sharing.Everyone || len(in.Body.Sharing.Identities) > 0) {
		return yonder.Function{}, yonder.FieldErrorf(yonder.CodeInvalidRequest, "sharing",
			"an anonymous function is its owner's alone: register it to share it")
	}
	if err := checkSizes(&in.Body); err != nil {
		return yonder.Function{}, err
	}
	if err := complete(&in.Body); err != nil {
		return yonder.Function{}, err
	}
	if err := in.Body.Retry.Check(a.Limits.MaxAttempts); err != nil {
		return yonder.Function{}, err
	}
	hash := sha256.Sum256(body)
	f := yonder.Function{
		ID: yonder.NewID(), Name: in.Body.Name, Kind: in.Body.Kind, Hash: hex.EncodeToString(hash[:]),
		Owner: p.ID(), OwnerName: p.Name, Description: in.Body.Description, Docstring: in.Body.Docstring,
		Signature: in.Body.Signature, Requirements: in.Body.Requirements, Sharing: in.Body.Sharing, Retry: in.Body.Retry,
		Created: a.Now(), Anonymous: in.Body.Anonymous, Memo: yonder.Memo{Scope: in.Body.Memo},
	}
	return a.Store.PutFunction(ctx, f, body)
}

// complete fills in what the body of a function that is no Python says itself.
func complete(f *wire.RegisterFunction) error {
	if f.Kind != yonder.KindShell {
		f.Kind = yonder.KindPython
		return nil
	}
	if f.Signature != nil || f.Requirements.Python != "" || len(f.Requirements.Packages) > 0 || f.Requirements.Walltime != 0 {
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "kind",
			"the signature and the requirements of a shell function are those of its body: leave them out")
	}
	program, err := admit.Shell(f.Body)
	if err != nil {
		return err
	}
	f.Signature, f.Requirements.Walltime = program.Signature(), program.Walltime
	return nil
}

// What travels with every lease, or is looked at with every call, is bounded.
const (
	maxPackages = 200
	maxName     = 200
	maxParams   = 1000
)

func checkSizes(f *wire.RegisterFunction) error {
	if len(f.Requirements.Packages) > maxPackages {
		return yonder.FieldErrorf(yonder.CodeTooLarge, "requirements.packages", "a function may name %d packages", maxPackages)
	}
	for _, name := range f.Requirements.Packages {
		if len(name) > maxName {
			return yonder.FieldErrorf(yonder.CodeTooLarge, "requirements.packages", "a package's name has at most %d bytes", maxName)
		}
	}
	if f.Signature != nil && len(f.Signature.Params) > maxParams {
		return yonder.FieldErrorf(yonder.CodeTooLarge, "signature", "a function may have %d parameters", maxParams)
	}
	return nil
}

func (a *API) listFunctions(ctx context.Context, p auth.Principal, in *struct {
	Paging

	Query string    `query:"q" doc:"words that must all occur"`
	Owner yonder.ID `query:"owner"`
	Name  string    `query:"name"`
	All   bool      `query:"all" doc:"anonymous functions too: those that were submitted and not registered"`
},
) (wire.Page[yonder.Function], error) {
	items, err := a.Store.ListFunctions(ctx, store.FunctionFilter{
		Viewer: p.Viewer, Query: in.Query, Owner: in.Owner, Name: in.Name, Anonymous: in.All, Page: in.store(),
	})
	return pageOf(items, in.Limit, func(f yonder.Function) yonder.ID { return f.ID }), err
}

// ByIDAndVersion is the input of routes about one version of a thing.
type ByIDAndVersion struct {
	ByID

	Version int `query:"version" minimum:"0" doc:"0: the newest"`
}

func (a *API) getFunction(ctx context.Context, p auth.Principal, in *ByIDAndVersion) (yonder.Function, error) {
	return a.visibleFunction(ctx, p, in.ID, in.Version)
}

// visibleFunction returns a function that the viewer may see.
func (a *API) visibleFunction(ctx context.Context, p auth.Principal, id yonder.ID, version int) (yonder.Function, error) {
	f, err := a.Store.Function(ctx, id, version)
	if err == nil && !auth.MaySee(p.Viewer, f.Owner, f.Sharing) || yonder.CodeOf(err) == yonder.CodeNotFound && version == 0 {
		return yonder.Function{}, auth.NotFound("function", id)
	}
	return f, err
}

func (a *API) functionVersions(ctx context.Context, p auth.Principal, in *ByID) (wire.Page[yonder.Function], error) {
	if _, err := a.visibleFunction(ctx, p, in.ID, 0); err != nil {
		return wire.Page[yonder.Function]{}, err
	}
	items, err := a.Store.FunctionVersions(ctx, in.ID)
	return pageOf(items, 0, func(f yonder.Function) yonder.ID { return f.ID }), err
}

func (a *API) functionBody(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	version := 0
	if text := r.URL.Query().Get("version"); text != "" {
		if version, err = strconv.Atoi(text); err != nil || version < 0 {
			return yonder.FieldErrorf(yonder.CodeInvalidRequest, "version", "%q is no version: they count from 1", text)
		}
	}
	if _, err := a.visibleFunction(r.Context(), p, id, version); err != nil {
		return err
	}
	body, err := a.Store.FunctionBody(r.Context(), id, version)
	if err != nil {
		return err
	}
	writeBytes(w, body)
	return nil
}

func writeBytes(w http.ResponseWriter, data []byte) {
	w.Header().Set("Content-Type", wire.TypeBytes)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data) //nolint:gosec // bytes that no browser shows: see the type, and nosniff
}

func (a *API) shareFunction(ctx context.Context, p auth.Principal, in *struct {
	ByID

	Body yonder.Sharing
},
) (yonder.Function, error) {
	f, err := a.managedFunction(ctx, p, in.ID)
	if err != nil {
		return yonder.Function{}, err
	}
	if f.Anonymous {
		return yonder.Function{}, yonder.Errorf(yonder.CodeInvalidRequest,
			"function %q was submitted, not registered: register it, and share what is registered", f.Name)
	}
	if err := a.Store.SetFunctionSharing(ctx, in.ID, in.Body); err != nil {
		return yonder.Function{}, err
	}
	return a.Store.Function(ctx, in.ID, 0)
}

func (a *API) deleteFunction(ctx context.Context, p auth.Principal, in *ByID) error {
	if _, err := a.managedFunction(ctx, p, in.ID); err != nil {
		return err
	}
	return a.Store.DeleteFunction(ctx, in.ID)
}

func (a *API) managedFunction(ctx context.Context, p auth.Principal, id yonder.ID) (yonder.Function, error) {
	f, err := a.visibleFunction(ctx, p, id, 0)
	if err == nil && !auth.MayManage(p.Viewer, f.Owner) {
		err = yonder.Errorf(yonder.CodeForbidden, "only the owner of function %q, %s, may do this", f.Name, f.OwnerName)
	}
	return f, err
}

package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

// open are the routes that need no token.
var open = map[string]bool{"/v1/version": true, "/healthz": true, "/readyz": true, "/metrics": true}

// document is the part of the OpenAPI document that is looked at.
type document struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]struct {
		ID        string                     `json:"operationId"` //nolint:tagliatelle // as OpenAPI has it
		Summary   string                     `json:"summary"`
		Tags      []string                   `json:"tags"`
		Responses map[string]json.RawMessage `json:"responses"`
	} `json:"paths"`
}

func readDocument(t *testing.T, s *servicetest.Service) document {
	t.Helper()
	status, data := s.Do(t, "", "GET", "/openapi.json", nil)
	require.Equal(t, http.StatusOK, status)
	var d document
	require.NoError(t, json.Unmarshal(data, &d))
	return d
}

// routes calls do for every route of the document, with ids filled in.
func routes(t *testing.T, s *servicetest.Service, ids map[string]string, do func(method, route, path string)) {
	t.Helper()
	n := 0
	for route, methods := range readDocument(t, s).Paths {
		path := regexp.MustCompile(`\{(\w+)\}`).ReplaceAllStringFunc(route, func(part string) string {
			return ids[strings.Trim(part, "{}")]
		})
		for method := range methods {
			do(strings.ToUpper(method), route, path)
			n++
		}
	}
	require.Greater(t, n, 40)
}

// Every route refuses those whose token is none, has ended, or is an agent's.
func TestEveryRouteIsGuarded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.submit(t, 1)
	other := w.Endpoint(t, w.Admin, "other")
	ended := servicetest.Call[yonder.Token](t, w.Service, w.Admin, "POST", "/v1/tokens", wire.CreateToken{})
	servicetest.Call[struct{}](t, w.Service, w.Admin, "DELETE", "/v1/tokens/"+ended.ID.String(), nil)
	ids := map[string]string{
		"id": b.ID.String(), "task": b.ID.String(), "blob": yonder.NewID().String(), "hash": w.function.Hash, "member": yonder.NewID().String(),
	}
	routes(t, w.Service, ids, func(method, route, path string) {
		if open[route] {
			return
		}
		w.Refused(t, "", method, path, nil, yonder.CodeUnauthenticated)
		w.Refused(t, "yt_nonsense", method, path, nil, yonder.CodeUnauthenticated)
		w.Refused(t, ended.Secret, method, path, nil, yonder.CodeTokenRevoked)
		switch {
		case route == "/v1/fabric":
		case strings.HasPrefix(route, "/v1/agent/functions/"), strings.HasPrefix(route, "/v1/agent/tasks/"):
			w.Refused(t, other.Credential, method, path, nil, yonder.CodeNotFound)
			w.Refused(t, w.Admin, method, path, nil, yonder.CodeForbidden)
		case route == "/v1/whoami":
		default:
			w.Refused(t, w.endpoint.Credential, method, path, nil, yonder.CodeForbidden)
		}
	})
}

// To a stranger, what may not be seen does not exist.
func TestStrangersFindNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.submit(t, 1)
	blob := servicetest.Call[wire.Blob](t, w.Service, w.Admin, "POST", "/v1/blobs", []byte("secret"))
	admin := servicetest.Call[struct {
		Token yonder.Token `json:"token"`
	}](t, w.Service, w.Admin, "GET", "/v1/whoami", nil)
	for route, id := range map[string]yonder.ID{
		"functions": w.function.ID, "endpoints": w.endpoint.ID, "groups": b.Group, "tasks": b.ID, "blobs": blob.ID, "tokens": admin.Token.ID,
	} {
		routes(t, w.Service, map[string]string{"id": id.String()}, func(method, template, path string) {
			if !strings.HasPrefix(template, "/v1/"+route+"/{id}") {
				return
			}
			var body any
			switch {
			case method == http.MethodPut || method == http.MethodPatch:
				body = map[string]any{}
			case method == http.MethodPost && !strings.HasSuffix(path, "/cancel"):
				body = nil
			}
			e := w.Refused(t, w.stranger, method, path, body, yonder.CodeNotFound)
			unknown := yonder.NewID()
			same := w.Refused(t, w.stranger, method, strings.ReplaceAll(path, id.String(), unknown.String()), body, yonder.CodeNotFound)
			require.Equal(t, same.Message, strings.ReplaceAll(e.Message, id.String(), unknown.String()),
				"%s %s tells what is there from what is not", method, template)
		})
	}
	for _, route := range []string{"functions", "endpoints", "groups", "tasks"} {
		page := servicetest.Call[wire.Page[map[string]any]](t, w.Service, w.stranger, "GET", "/v1/"+route, nil)
		require.Empty(t, page.Items, route)
	}
	w.Refused(t, w.stranger, "GET", "/v1/identities", nil, yonder.CodeForbidden)
	w.Refused(t, w.stranger, "POST", "/v1/identities", wire.CreateIdentity{Name: "x", Kind: "person"}, yonder.CodeForbidden)
}

func TestScopesAreKept(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, reader := w.Person(t, "reader", yonder.ScopeRead)
	w.Refused(t, reader, "POST", "/v1/functions", wire.RegisterFunction{Name: "f", Body: []byte("x")}, yonder.CodeForbidden)
	w.Refused(t, reader, "POST", "/v1/endpoints", wire.RegisterEndpoint{Name: "e"}, yonder.CodeForbidden)
	w.Refused(t, reader, "POST", "/v1/groups", wire.CreateGroup{}, yonder.CodeForbidden)
	w.Refused(t, reader, "POST", "/v1/tokens", wire.CreateToken{}, yonder.CodeForbidden)
	servicetest.Call[wire.Page[yonder.Function]](t, w.Service, reader, "GET", "/v1/functions", nil)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	w := setup(t)
	made := servicetest.Call[yonder.Token](t, w.Service, w.stranger, "POST", "/v1/tokens",
		wire.CreateToken{Label: "laptop", Scopes: []string{yonder.ScopeRead}, Seconds: 3600})
	require.NotEmpty(t, made.Secret)
	require.WithinDuration(t, time.Now().Add(time.Hour), *made.Expires, time.Minute)
	list := servicetest.Call[wire.Page[yonder.Token]](t, w.Service, w.stranger, "GET", "/v1/tokens", nil)
	require.Len(t, list.Items, 2)
	for _, token := range list.Items {
		require.Empty(t, token.Secret)
	}
	w.Refused(t, made.Secret, "POST", "/v1/tokens", wire.CreateToken{}, yonder.CodeForbidden)
	admin := servicetest.Call[yonder.Identity](t, w.Service, w.Admin, "POST", "/v1/identities",
		wire.CreateIdentity{Name: "root2", Kind: "person", Admin: true})
	w.Refused(t, w.stranger, "POST", "/v1/tokens", wire.CreateToken{Identity: &admin.ID}, yonder.CodeForbidden)
	w.Refused(t, w.stranger, "GET", "/v1/tokens?identity="+admin.ID.String(), nil, yonder.CodeForbidden)
	w.Refused(t, w.stranger, "POST", "/v1/tokens", wire.CreateToken{Scopes: []string{yonder.ScopeAdmin}}, yonder.CodeForbidden)

	servicetest.Call[struct{}](t, w.Service, w.stranger, "DELETE", "/v1/tokens/"+made.ID.String(), nil)
	w.Refused(t, made.Secret, "GET", "/v1/whoami", nil, yonder.CodeTokenRevoked)
}

func TestIdentitiesAndGroups(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ada, adas := w.Person(t, "ada")
	group := servicetest.Call[yonder.Identity](t, w.Service, w.Admin, "POST", "/v1/identities", wire.CreateIdentity{Name: "lab", Kind: "group"})
	w.Refused(t, w.Admin, "POST", "/v1/identities", wire.CreateIdentity{Name: "lab", Kind: "person"}, yonder.CodeConflict)
	w.Refused(t, w.Admin, "POST", "/v1/identities", wire.CreateIdentity{Name: "x", Kind: "group", Admin: true}, yonder.CodeInvalidRequest)
	w.Refused(t, w.Admin, "POST", "/v1/identities",
		wire.CreateIdentity{Name: "x", Kind: "person", Members: []yonder.ID{ada.ID}}, yonder.CodeInvalidRequest)
	w.Refused(t, w.Admin, "POST", "/v1/tokens", wire.CreateToken{Identity: &group.ID}, yonder.CodeInvalidRequest)

	share := func(path string) {
		servicetest.Call[map[string]any](t, w.Service, w.Admin, "PUT", path, yonder.Sharing{Identities: []yonder.ID{group.ID}})
	}
	path := "/v1/functions/" + w.function.ID.String()
	share(path + "/sharing")
	w.Refused(t, adas, "GET", path, nil, yonder.CodeNotFound)
	servicetest.Call[struct{}](t, w.Service, w.Admin, "PUT", "/v1/identities/"+group.ID.String()+"/members/"+ada.ID.String(), nil)
	servicetest.Call[yonder.Function](t, w.Service, adas, "GET", path, nil)
	w.Refused(t, adas, "PUT", path+"/sharing", yonder.Sharing{Everyone: true}, yonder.CodeForbidden)
	w.Refused(t, adas, "DELETE", path, nil, yonder.CodeForbidden)
	got := servicetest.Call[yonder.Identity](t, w.Service, w.Admin, "GET", "/v1/identities/"+group.ID.String(), nil)
	require.Equal(t, []yonder.ID{ada.ID}, got.Members)
	servicetest.Call[struct{}](t, w.Service, w.Admin, "DELETE", "/v1/identities/"+group.ID.String()+"/members/"+ada.ID.String(), nil)
	w.Refused(t, adas, "GET", path, nil, yonder.CodeNotFound)

	found := servicetest.Call[wire.Page[yonder.Identity]](t, w.Service, w.Admin, "GET", "/v1/identities?name=ada", nil)
	require.Len(t, found.Items, 1)
	servicetest.Call[struct{}](t, w.Service, w.Admin, "DELETE", "/v1/identities/"+ada.ID.String(), nil)
	status, _ := w.Do(t, adas, "GET", "/v1/whoami", nil)
	require.Equal(t, http.StatusUnauthorized, status)
}

// What the service logs, at any level, holds no secret.
func TestSecretsAreNeverLogged(t *testing.T) {
	t.Parallel()
	w := setup(t)
	secrets := []string{w.Admin, w.stranger, w.endpoint.Credential}
	made := servicetest.Call[yonder.Token](t, w.Service, w.Admin, "POST", "/v1/tokens", wire.CreateToken{})
	replaced := servicetest.Call[map[string]string](t, w.Service, w.Admin, "POST", "/v1/endpoints/"+w.endpoint.ID.String()+"/credential", nil)
	secrets = append(secrets, made.Secret, replaced["credential"])
	w.Do(t, made.Secret+"x", "GET", "/v1/whoami", nil)
	_, err := w.Dial(w.endpoint.Credential, w.endpoint.Credential, w.endpoint.ID)
	require.Error(t, err)
	_, err = w.Dial(replaced["credential"], w.endpoint.Credential, w.endpoint.ID)
	require.Error(t, err)
	_, _ = w.Do(t, "", "GET", "/v1/whoami?token="+made.Secret, nil)
	w.Stop()
	logged := w.Logs.String()
	require.Contains(t, logged, "agent refused by the fabric")
	for _, secret := range secrets {
		require.NotContains(t, logged, secret)
		require.NotContains(t, logged, secret[36:])
	}
}

// The page for browsing needs no other server, and shows what the service has.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	var all bytes.Buffer
	for _, path := range []string{"/docs", "/docs/", "/docs/docs.js", "/docs/docs.css"} {
		status, data := s.Do(t, "", "GET", path, nil)
		require.Equal(t, http.StatusOK, status, path)
		all.Write(data)
	}
	require.NotRegexp(t, `(?i)(src|href)="?(https?:)?//|https?://`, all.String())
	d := readDocument(t, s)
	require.Equal(t, "3.1.0", d.OpenAPI)
	seen := map[string]bool{}
	for path, methods := range d.Paths {
		for method, o := range methods {
			require.NotEmpty(t, o.Summary, "%s %s", method, path)
			require.NotEmpty(t, o.Tags, "%s %s", method, path)
			require.False(t, seen[o.ID], o.ID)
			seen[o.ID] = true
			require.Contains(t, o.Responses, "default", "%s %s", method, path)
		}
	}
	for _, id := range []string{"submit", "stream", "fabric", "get-result", "upload-blob", "metrics"} {
		require.True(t, seen[id], id)
	}
}

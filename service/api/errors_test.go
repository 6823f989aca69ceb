package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

// Whatever is wrong with a request, the answer has one form.
func TestErrorsHaveOneForm(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	long := strings.Repeat("x", 1000)
	task, group, function := "/v1/tasks/"+yonder.NewID().String(), "/v1/groups/"+yonder.NewID().String(), "/v1/functions/"+yonder.NewID().String()
	for name, c := range map[string]struct {
		method, path, body, kind string
		code                     yonder.Code
		field, says              string
	}{
		"no route":             {"GET", "/v1/nothing", "", "", yonder.CodeNotFound, "", "see /docs"},
		"no method":            {"PUT", "/v1/functions", "", "", yonder.CodeNotFound, "", "no PUT /v1/functions"},
		"root":                 {"GET", "/", "", "", yonder.CodeNotFound, "", "see /docs"},
		"path id":              {"GET", "/v1/tasks/zz", "", "", yonder.CodeInvalidID, "path.id", `"zz" is not an id`},
		"path id of raw route": {"GET", "/v1/tasks/zz/result", "", "", yonder.CodeInvalidID, "id", `"zz" is not an id`},
		"query id":             {"GET", "/v1/tasks?group=zz", "", "", yonder.CodeInvalidID, "query.group", `"zz" is not an id`},
		"query number":         {"GET", "/v1/tasks?limit=many", "", "", yonder.CodeInvalidRequest, "query.limit", "invalid integer"},
		"query range":          {"GET", "/v1/tasks?limit=9999", "", "", yonder.CodeInvalidRequest, "query.limit", "1000"},
		"query choice":         {"GET", "/v1/tasks?state=odd", "", "", yonder.CodeInvalidRequest, "query.state", "queued"},
		"query unknown":        {"GET", "/v1/tasks?color=red", "", "", yonder.CodeInvalidRequest, "query.color", "unknown"},
		"cursor":               {"GET", group + "/results?cursor=-1", "", "", yonder.CodeInvalidRequest, "cursor", "-1"},
		"no JSON":              {"POST", "/v1/groups", "{", "", yonder.CodeInvalidRequest, "body", ""},
		"no body":              {"POST", "/v1/functions", "", "", yonder.CodeInvalidRequest, "", "body is required"},
		"missing field":        {"POST", "/v1/endpoints", "{}", "", yonder.CodeInvalidRequest, "body", "name"},
		"unknown field":        {"POST", "/v1/endpoints", `{"name":"a","colour":1}`, "", yonder.CodeInvalidRequest, "colour", "unexpected"},
		"wrong type":           {"POST", "/v1/endpoints", `{"name":7}`, "", yonder.CodeInvalidRequest, "name", "string"},
		"too long":             {"POST", "/v1/endpoints", `{"name":"` + long + `"}`, "", yonder.CodeInvalidRequest, "name", "200"},
		"id in body":           {"POST", "/v1/groups", `{"id":"zz"}`, "", yonder.CodeInvalidRequest, "", `"zz" is not an id`},
		"content type":         {"POST", "/v1/endpoints", "name=a", "text/plain", yonder.CodeInvalidRequest, "", "content type"},
		"too large":            {"POST", "/v1/groups", `{"label":"` + strings.Repeat("x", 2<<20) + `"}`, "", yonder.CodeTooLarge, "", "large"},
		"bundle type":          {"POST", "/v1/bundles", "x", "text/plain", yonder.CodeInvalidRequest, "Content-Type", "text/plain"},
		"bundle JSON":          {"POST", "/v1/bundles", "{", "", yonder.CodeInvalidRequest, "", "not what was expected"},
		"bundle unknown field": {"POST", "/v1/bundles", `{"wall_time":1}`, "", yonder.CodeInvalidRequest, "", "wall_time"},
		"two bundles":          {"POST", "/v1/bundles", `{} {}`, "", yonder.CodeInvalidRequest, "", "one bundle"},
		"no bundle":            {"POST", "/v1/bundles", "", wire.TypeFrames, yonder.CodeInvalidRequest, "", "no bundle"},
		"bundle frame":         {"POST", "/v1/bundles", "\x01\x02\x03", wire.TypeFrames, yonder.CodeMalformedFrame, "", "too few"},
		"not a WebSocket":      {"GET", "/v1/stream", "", "", yonder.CodeInvalidRequest, "", "WebSocket"},
		"wait":                 {"GET", task + "/result?wait=soon", "", "", yonder.CodeInvalidRequest, "wait", "10s"},
		"version":              {"GET", function + "/body?version=x", "", "", yonder.CodeInvalidRequest, "version", "count from 1"},
		"empty function":       {"POST", "/v1/functions", `{"name":"f","body":""}`, "", yonder.CodeInvalidRequest, "body", "base64"},
		"function's Python": {
			"POST", "/v1/functions", `{"name":"f","body":"eA==","requirements":{"python":">=3"}}`, "",
			yonder.CodeInvalidRequest, "requirements.python", "3.11",
		},
	} {
		kind := "application/json"
		if c.kind != "" {
			kind = c.kind
		}
		status, data := s.Do(t, s.Admin, c.method, c.path, []byte(c.body), kind)
		var e map[string]any
		require.NoError(t, json.Unmarshal(data, &e), "%s: %s", name, data)
		for key := range e {
			require.Contains(t, []string{"code", "message", "field"}, key, "%s: %s", name, data)
		}
		require.Equal(t, string(c.code), e["code"], "%s: %s", name, data)
		require.Equal(t, c.code.Info().HTTP, status, name)
		if c.field != "" {
			require.Equal(t, c.field, e["field"], "%s: %s", name, data)
		}
		require.Contains(t, e["message"], c.says, name)
	}
}

func TestAnswersHaveTheHeadersThatMatter(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/v1/whoami", http.NoBody)
	require.NoError(t, err)
	answer, err := s.HTTP().Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusUnauthorized, answer.StatusCode)
	require.Equal(t, "Bearer", answer.Header.Get("WWW-Authenticate"))
	require.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"))
	require.Equal(t, "application/json", answer.Header.Get("Content-Type"))
	require.NotEmpty(t, answer.Header.Get("X-Request-Id"))
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		status, data := s.Do(t, "", "GET", path, nil)
		require.Equal(t, http.StatusOK, status)
		require.JSONEq(t, `{"status":"ok"}`, string(data))
	}
	v := servicetest.Call[wire.VersionInfo](t, s, "", "GET", "/v1/version", nil)
	require.Equal(t, wire.Version, v.WireNewest)
	require.EqualValues(t, 128<<10, v.Limits.InlineBytes)
	require.Equal(t, 65536, v.Limits.BundleTasks)
	who := servicetest.Call[struct {
		Identity yonder.Identity `json:"identity"`
		Token    yonder.Token    `json:"token"`
	}](t, s, s.Admin, "GET", "/v1/whoami", nil)
	require.Equal(t, "admin", who.Identity.Name)
	require.True(t, who.Identity.Admin)
	require.Empty(t, who.Token.Secret)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.submit(t, 3)
	status, data := w.Do(t, "", "GET", "/metrics", nil)
	require.Equal(t, http.StatusOK, status)
	for _, line := range []string{
		`yonder_requests_total{route="POST /v1/bundles",status="202"} 1`, "yonder_agents 1", "yonder_streams 0", `yonder_tasks{state="offered"} 3`,
		`yonder_sessions{state="live"} 1`, `yonder_agent_request_seconds_count{code="",verb="open"} 1`,
		`yonder_request_seconds_count{route="POST /v1/functions"} 1`,
	} {
		require.Contains(t, string(data), line)
	}
	w.Do(t, "", "GET", "/v1/made/up", nil)
	_, data = w.Do(t, "", "GET", "/metrics", nil)
	require.Contains(t, string(data), `route="unknown"`)
	require.NotContains(t, string(data), "made")
}

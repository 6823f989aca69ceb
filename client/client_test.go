package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// serve answers requests with the handler, behind a client with a token.
func serve(t *testing.T, handle http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, "secret", client.WithHTTPClient(server.Client()))
	require.NoError(t, err)
	return c
}

func answer(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, fine := range map[string]bool{
		"http://127.0.0.1:8470": true, "https://yonder.example/": true, "127.0.0.1:8470": false, "": false, "ftp://x": false, "http://": false,
	} {
		_, err := client.New(address, "")
		require.Equal(t, fine, err == nil, address)
	}
}

func TestErrorsAreTheServices(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		code   yonder.Code
		field  string
	}{
		"ours":           {404, `{"code":"not_found","message":"there is none","field":"id"}`, yonder.CodeNotFound, "id"},
		"a newer code":   {409, `{"code":"brand_new","message":"m"}`, "brand_new", ""},
		"a proxy's":      {502, "<html>bad gateway</html>", yonder.CodeUnavailable, ""},
		"somebody else":  {404, "<html>not here</html>", yonder.CodeInvalidConfig, ""},
		"broken success": {200, `{"id":`, yonder.CodeUnavailable, ""},
	} {
		_, err := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, c.status, c.body) }).Task(t.Context(), yonder.NewID())
		var e *yonder.Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, c.code, e.Code, name)
		require.Equal(t, c.field, e.Field, name)
	}
}

// What may have happened already is repeated only where that is harmless.
func TestOnlyIdempotentRequestsAreRepeated(t *testing.T) {
	t.Parallel()
	b := wire.Bundle{ID: yonder.NewBundleID(), Tasks: 1, Form: wire.FormEach}
	for name, c := range map[string]struct {
		call  func(context.Context, *client.Client) error
		tries int64
	}{
		"get":    {func(ctx context.Context, c *client.Client) error { _, err := c.Task(ctx, b.ID); return err }, 3},
		"delete": {func(ctx context.Context, c *client.Client) error { return c.Delete(ctx, "functions", b.ID) }, 3},
		"submit": {func(ctx context.Context, c *client.Client) error {
			_, err := c.Submit(ctx, client.BundlePayloads{Bundle: b, Payloads: [][]byte{{1}}})
			return err
		}, 3},
		"create": {func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateIdentity(ctx, wire.CreateIdentity{})
			return err
		}, 1},
		"create with an id": {func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateToken(ctx, wire.CreateToken{})
			return err
		}, 3},
		"upload": {func(ctx context.Context, c *client.Client) error {
			_, err := c.UploadBlob(ctx, strings.NewReader("x"))
			return err
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int64
			err := c.call(t.Context(), serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if tries.Add(1) < 3 {
					answer(w, http.StatusServiceUnavailable, `{"code":"unavailable","message":"starting"}`)
					return
				}
				answer(w, http.StatusOK, `{}`)
			}))
			require.Equal(t, c.tries, tries.Load())
			require.Equal(t, c.tries == 1, yonder.CodeOf(err) == yonder.CodeUnavailable, "%v", err)
		})
	}
}

func TestTheTokenAndTheFramesAreSent(t *testing.T) {
	t.Parallel()
	b := wire.Bundle{ID: yonder.NewBundleID(), Tasks: 2, Form: wire.FormEach, Codec: "raw"}
	payloads := [][]byte{[]byte("one"), []byte("two")}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		frames, err := wire.ParseAll(body.Bytes())
		if err != nil || r.Header.Get("Authorization") != "Bearer secret" || r.Header.Get("Content-Type") != wire.TypeFrames {
			answer(w, http.StatusBadRequest, `{"code":"invalid_request","message":"not what was expected"}`)
			return
		}
		var got wire.Bundle
		_ = frames[0].Decode(wire.KindBundle, &got)
		data, _ := json.Marshal(wire.Submitted{Bundles: []wire.SubmittedBundle{{ID: got.ID, Tasks: len(frames[0].Columns)}}})
		answer(w, http.StatusAccepted, string(data))
	})
	submitted, err := c.Submit(t.Context(), client.BundlePayloads{Bundle: b, Payloads: payloads})
	require.NoError(t, err)
	require.Equal(t, []wire.SubmittedBundle{{ID: b.ID, Tasks: 2}}, submitted.Bundles)
}

func TestAllReadsEveryPage(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("after") {
		case "":
			answer(w, http.StatusOK, `{"items":[{"name":"a"},{"name":"b"}],"next":"two"}`)
		case "two":
			answer(w, http.StatusOK, `{"items":[{"name":"c"}]}`)
		}
	})
	all, err := client.All[yonder.Function](t.Context(), c, "functions", nil)
	require.NoError(t, err)
	require.Len(t, all, 3)
}

func TestAServiceThatIsNotThere(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	server.Close()
	c, err := client.New(server.URL, "")
	require.NoError(t, err)
	_, err = c.CreateToken(t.Context(), wire.CreateToken{})
	require.Equal(t, yonder.CodeUnavailable, yonder.CodeOf(err))
	require.ErrorContains(t, err, server.URL)
}

// stream serves a group of so many results, and breaks the connection after
// each page, which holds one result more than was asked for.
func stream(t *testing.T, group yonder.ID, results int64) *client.Client {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = ws.CloseNow() }()
		_, data, err := ws.Read(r.Context())
		var ask wire.Subscribe
		if err != nil || json.Unmarshal(data, &ask) != nil || ask.Group != group {
			return
		}
		page := wire.ResultPage{Group: group, Cursor: min(ask.Cursor+2, results)}
		var columns [][]byte
		for cursor := max(ask.Cursor, 1); cursor <= page.Cursor; cursor++ {
			page.Entries = append(page.Entries, wire.ResultEntry{Cursor: cursor})
			columns = append(columns, []byte{byte(cursor)})
		}
		frame, _ := wire.NewFrame(wire.KindResult, page, columns...)
		_ = ws.Write(r.Context(), websocket.MessageBinary, frame.Bytes())
		_ = ws.Close(websocket.StatusServiceRestart, "")
	})
}

func TestAStreamThatBreaksMissesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	group := yonder.NewID()
	s := stream(t, group, 7).Stream()
	t.Cleanup(s.Close)
	require.NoError(t, s.Follow(t.Context(), group, 0))
	for next := int64(1); next <= 7; {
		page, err := s.Next(t.Context())
		require.NoError(t, err)
		for i, e := range page.Entries {
			require.Equal(t, next, e.Cursor)
			require.Equal(t, []byte{byte(next)}, page.Payloads[i])
			next++
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Next(ctx)
	require.Error(t, err, "there is no more")
}

func TestARefusalEndsTheWait(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusUnauthorized, `{"code":"token_expired","message":"get a new one"}`)
	})
	_, err := c.Stream().Next(t.Context())
	require.Equal(t, yonder.CodeTokenExpired, yonder.CodeOf(err))
}

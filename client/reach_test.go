package client_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
)

// What is in the way is said without the words of Go, and with what to do.
func TestWhyAServiceCannotBeReached(t *testing.T) {
	t.Parallel()
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/moved") {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = w.Write([]byte("<html>Welcome!</html>"))
	})
	plain, secure := httptest.NewServer(page), httptest.NewTLSServer(page)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	for name, test := range map[string]struct {
		url  string
		code yonder.Code
		says string
	}{
		"nothing":     {"http://" + free(t), yonder.CodeUnavailable, `nothing listens there: check address and port, or start it with "yonder up"`},
		"no name":     {"http://yonder.invalid", yonder.CodeUnavailable, "there is no machine named yonder.invalid: check the address for a typo"},
		"http only":   {"https" + strings.TrimPrefix(plain.URL, "http"), yonder.CodeUnavailable, "it speaks http, not https: use http://"},
		"https only":  {"http" + strings.TrimPrefix(secure.URL, "https"), yonder.CodeInvalidConfig, "speaks https, not http: use https://"},
		"unknown":     {secure.URL, yonder.CodeUnavailable, "--ca-file or YONDER_CA_FILE"},
		"not Yonder":  {plain.URL, yonder.CodeInvalidConfig, "did not come from a Yonder service"},
		"not found":   {plain.URL + "/moved", yonder.CodeInvalidConfig, `the answer "418 I'm a teapot" of ` + plain.URL},
		"not at hand": {"http://127.0.0.1:0", yonder.CodeUnavailable, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := client.New(test.url, "")
			require.NoError(t, err)
			_, err = c.Version(t.Context())
			require.Equal(t, test.code, yonder.CodeOf(err))
			require.ErrorContains(t, err, test.says)
			for _, word := range []string{"dial tcp", "x509", "tls:", "lookup"} {
				require.NotContains(t, err.Error(), word)
			}
		})
	}
}

func TestNoAnswerInTime(t *testing.T) {
	t.Parallel()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(silent.Close)
	c, err := client.New(silent.URL, "")
	require.NoError(t, err)
	late, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	_, err = c.Version(late)
	require.ErrorContains(t, err, "there was no answer in time")
}

func TestTryStreamNeedsAWebSocket(t *testing.T) {
	t.Parallel()
	deaf := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(deaf.Close)
	c, err := client.New(deaf.URL, "")
	require.NoError(t, err)
	require.ErrorContains(t, c.TryStream(t.Context()), "has to let WebSockets through")
}

// free is an address where nothing listens.
func free(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

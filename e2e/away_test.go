package e2e_test

import (
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/e2e/chaos/route"
	"github.com/yonder-run/yonder/e2e/system"
	"github.com/yonder-run/yonder/internal/pgtest"
)

func openRoute(t *testing.T, targets ...string) *route.Route {
	t.Helper()
	r, err := route.Listen(t.Context(), targets...)
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return r
}

// agentsAt is how many agents are connected to a replica.
func agentsAt(t *testing.T, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/metrics", http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(text), "\nyonder_agents ")
	count, _, _ := strings.Cut(after, "\n")
	return count
}

// A replica that has lost its database sends its agents to one that has not.
func TestAgentsLeaveAReplicaThatLostItsDatabase(t *testing.T) {
	t.Parallel()
	s := system.New(t)
	database := pgtest.DurableURL(t)
	direct, err := url.Parse(database)
	require.NoError(t, err)
	toDatabase := openRoute(t, filepath.Join(direct.Query().Get("host"), ".s.PGSQL.5432"))
	routed := *direct
	query := routed.Query()
	query.Del("host")
	query.Set("sslmode", "disable")
	routed.Host, routed.RawQuery = toDatabase.Addr(), query.Encode()

	blobs := filepath.Join(s.Home, "blobs")
	s.StartService("--database", routed.String(), "--blob-dir", blobs, "--cluster-listen", "127.0.0.1:0")
	second := system.FreeAddress(t)
	s.StartServiceAt(second, filepath.Join(s.Home, "second"), "--database", database, "--blob-dir", blobs, "--cluster-listen", "127.0.0.1:0")
	s.Login()
	s.ConfigureEndpoint("local")
	toSecond := openRoute(t, second)
	toSecond.Set(route.Way{Cut: true})
	pointTo(t, s, "http://"+openRoute(t, strings.TrimPrefix(s.URL(), "http://"), toSecond.Addr()).Addr())
	s.StartAgent("local") // at the first replica, for it finds no other
	t.Cleanup(func() { s.StopManagers("local") })
	registerDouble(t, s)
	require.Equal(t, "42\n", s.Run("", "run", "double", "21"))

	require.Equal(t, "1", agentsAt(t, s.URL()))
	toSecond.Set(route.Way{})
	toDatabase.Set(route.Way{Hole: true})
	other, err := client.New("http://"+second, s.Token())
	require.NoError(t, err)
	s.LoginTo("http://" + second)
	s.Until("the agent has come to the other replica", func() bool { return agentsAt(t, "http://"+second) == "1" })
	// A request that was under way with the first one is sent again when its answer is overdue.
	s.Until("the endpoint is online there", func() bool {
		e, err := other.Endpoint(t.Context(), endpointIDs(t, other)[0])
		return err == nil && e.Online
	})
	require.Equal(t, "42\n", s.Run("", "run", "double", "21"))
	e, err := other.Endpoint(t.Context(), endpointIDs(t, other)[0])
	require.NoError(t, err)
	require.True(t, e.Online)
}

package doctor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

func TestWhatAFindingAllows(t *testing.T) {
	t.Parallel()
	all := []Finding{{Check: "a", Mark: Fine}, {Check: "b", Mark: Warning}}
	all = append(all, Finding{Check: "c", Mark: Failed, Code: yonder.CodeForbidden}, Finding{Check: "d", Mark: Skipped})
	for on, want := range map[string]bool{"": true, "a": true, "b": true, "c": false, "d": false, "e": true} {
		require.Equal(t, want, holds(all, on), on)
	}
	require.NoError(t, Verdict(all[:2]))
	err := Verdict(append(all, Finding{Check: "e", Mark: Failed, Code: yonder.CodeTimeout}))
	require.Equal(t, yonder.CodeForbidden, yonder.CodeOf(err), "the first failure counts")
	require.ErrorContains(t, err, "2 of 5 checks failed: c, e")
}

func TestEveryCheckRestsOnAnEarlierOne(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"": true}
	for _, c := range checks {
		require.True(t, known[c.on], "%s rests on %s", c.name, c.on)
		known[c.name] = true
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	now := time.Now()
	x := &examination{now: func() time.Time { return now }, minor: "3.11"}
	x.login = home.Login{URL: "http://lab.example.org"}
	require.Equal(t, Warning, certificate(t.Context(), x).Mark, "in the clear")
	for skew, want := range map[time.Duration]string{
		0: "agree", 9 * time.Second: "9s ahead of the service's", -time.Hour: "1h0m0s behind the service's",
	} {
		x.probe = client.Probe{Skew: skew}
		require.Contains(t, clock(t.Context(), x).Found, want)
	}
	x.probe.Version = wire.VersionInfo{Version: "v9", WireOldest: wire.Version + 1, WireNewest: wire.Version + 2}
	require.Equal(t, yonder.CodeUnsupportedWire, service(t.Context(), x).Code)

	x.endpoint = yonder.Endpoint{Capabilities: map[string]any{"pythons": []any{map[string]any{"version": "3.1.2"}}}}
	require.Contains(t, interpreter(t.Context(), x).Found, "has Python 3.1.2, and here is 3.11")
	x.endpoint.Capabilities["pythons"] = nil
	require.Equal(t, yonder.CodeNoInterpreter, interpreter(t.Context(), x).Code)
	x.endpoint.Capabilities["pythons"] = []any{map[string]any{"version": "3.11.7"}}
	require.Equal(t, Fine, interpreter(t.Context(), x).Mark)
	x.endpoint.Status = &yonder.EndpointStatus{Slots: 2, Busy: 2, Trouble: "no room"}
	require.Equal(t, Warning, room(t.Context(), x).Mark)
	require.Contains(t, agent(t.Context(), x).Found, "no room")
}

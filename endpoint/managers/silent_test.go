package managers_test

import (
	"encoding/json"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/wire"
)

// Strangers who say nothing do not keep managers out, and do not pile up.
func TestSilentConnectionsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	b := setup(t).start(t)
	data, err := os.ReadFile(b.file)
	require.NoError(t, err)
	var rendezvous wire.Rendezvous
	require.NoError(t, json.Unmarshal(data, &rendezvous))
	const strangers = 3000
	for range strangers {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", rendezvous.Addresses[0])
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
	}
	c := b.dial(t, hello)
	require.NoError(t, c.Send(wire.KindBeat, wire.Beat{Busy: 1}))
	require.Equal(t, 1, b.desk.beats.Wait(t).Busy)
}

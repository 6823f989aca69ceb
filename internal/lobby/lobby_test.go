package lobby_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/internal/lobby"
)

func TestTheOldestMakesRoom(t *testing.T) {
	t.Parallel()
	l := lobby.Lobby{Limit: 2}
	var far [4]net.Conn
	enter := func(i int) net.Conn {
		near, other := net.Pipe()
		far[i] = other
		t.Cleanup(func() { near.Close() })
		l.Enter(near)
		return near
	}
	first := enter(0)
	spoke := enter(1)
	l.Leave(spoke)
	enter(2)
	enter(3)
	require.Equal(t, 2, l.Waiting())
	_, err := far[0].Read(make([]byte, 1))
	require.Error(t, err, "it was there for longest")
	l.Leave(first)
	l.Enter(first)
	require.Equal(t, 2, l.Waiting())
	go func() { _, _ = spoke.Write([]byte("x")) }()
	_, err = far[1].Read(make([]byte, 1))
	require.NoError(t, err, "who has spoken is left alone")
}

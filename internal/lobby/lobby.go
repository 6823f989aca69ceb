// Package lobby bounds connections that have not said yet who they are. When
// there are too many the one that has said nothing for longest has to go, so
// that a newcomer who speaks at once is served however many strangers wait.
package lobby

import (
	"container/list"
	"net"
	"sync"
)

// Lobby holds at most Limit connections. The zero value but for Limit is ready.
type Lobby struct {
	Limit int

	mu      sync.Mutex
	waiting list.List // of net.Conn, the one waiting for longest in front
	places  map[net.Conn]*list.Element
}

// Enter takes a connection in, and closes the oldest one if there is no room.
func (l *Lobby) Enter(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.places == nil {
		l.places = map[net.Conn]*list.Element{}
	}
	if l.places[conn] != nil {
		return
	}
	if l.waiting.Len() >= l.Limit {
		oldest, _ := l.waiting.Remove(l.waiting.Front()).(net.Conn) // nothing else is put there
		delete(l.places, oldest)
		hangUp(oldest)
	}
	l.places[conn] = l.waiting.PushBack(conn)
}

// Leave lets a connection go, because it has spoken or ended. One that is not
// there is ignored.
func (l *Lobby) Leave(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if place := l.places[conn]; place != nil {
		l.waiting.Remove(place)
		delete(l.places, conn)
	}
}

// Waiting is how many connections there are.
func (l *Lobby) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting.Len()
}

// hangUp closes what is below TLS: a farewell would wait for a stranger.
func hangUp(conn net.Conn) {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	conn.Close()
}

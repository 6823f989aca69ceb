package natsfabric

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
)

// maxPerEndpoint bounds an endpoint's connections to one replica: an agent
// has one, and a second one while it replaces it. The oldest gives way.
const maxPerEndpoint = 4

// recheckEvery is how soon a credential that was revoked stops working when
// the hint that says so is lost.
const recheckEvery = 30 * time.Second

// agentConn is one agent's WebSocket.
type agentConn struct {
	agent Agent
	nonce string
	ctx   context.Context //nolint:containedctx // the life of the connection
	end   context.CancelCauseFunc
}

// agents are the WebSockets of this replica.
type agents struct {
	log *slog.Logger

	mu     sync.Mutex
	nonces map[string]*agentConn
	conns  map[yonder.ID][]*agentConn // by endpoint, oldest first
	open   sync.WaitGroup
}

func (a *agents) init(log *slog.Logger) {
	a.log = log
	a.nonces = map[string]*agentConn{}
	a.conns = map[yonder.ID][]*agentConn{}
}

// errReplaced ends the oldest of too many connections of one endpoint.
var errReplaced = errors.New("replaced by a newer connection of this endpoint")

func (a *agents) add(c *agentConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open.Add(1)
	a.nonces[c.nonce] = c
	a.conns[c.agent.Endpoint] = append(a.conns[c.agent.Endpoint], c)
	conns := a.conns[c.agent.Endpoint]
	for _, old := range conns[:max(0, len(conns)-maxPerEndpoint)] {
		old.end(errReplaced)
	}
}

func (a *agents) remove(c *agentConn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.open.Done()
	delete(a.nonces, c.nonce)
	rest := slices.DeleteFunc(a.conns[c.agent.Endpoint], func(other *agentConn) bool { return other == c })
	if a.conns[c.agent.Endpoint] = rest; len(rest) == 0 {
		delete(a.conns, c.agent.Endpoint)
	}
}

func (a *agents) byNonce(nonce string) *agentConn {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.nonces[nonce]
}

// of returns the endpoint's connections, or all for the zero endpoint.
func (a *agents) of(endpoint yonder.ID) []*agentConn {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !endpoint.IsZero() {
		return slices.Clone(a.conns[endpoint])
	}
	all := make([]*agentConn, 0, len(a.nonces))
	for _, c := range a.nonces {
		all = append(all, c)
	}
	return all
}

func (a *agents) closeAll() {
	for _, c := range a.of(yonder.ID{}) {
		c.end(errNotRunning)
	}
	a.open.Wait()
}

// Connections is how many agents are connected to this replica.
func (f *Fabric) Connections() int { return len(f.agents.of(yonder.ID{})) }

// Shed ends all connections of agents, which are to find another replica.
func (f *Fabric) Shed(why error) {
	for _, c := range f.agents.of(yonder.ID{}) {
		c.end(why)
	}
}

// Accept serves an agent's WebSocket until it ends. The caller has checked
// the credential that came with the HTTP request; the one inside the NATS
// CONNECT is checked here and must be the same.
func (f *Fabric) Accept(w http.ResponseWriter, r *http.Request, agent Agent) error {
	l, err := f.current()
	if err != nil {
		return err
	}
	ws, err := websocket.Accept(w, r, nil)
	if err != nil { // it has answered by itself
		f.agents.log.DebugContext(r.Context(), "agent refused", "endpoint", agent.Endpoint, "error", err)
		return nil
	}
	defer func() { _ = ws.CloseNow() }() // closed properly where it matters
	pipe, err := l.server.InProcessConn()
	if err != nil {
		return errNotRunning
	}
	defer pipe.Close()
	fromServer := bufio.NewReaderSize(pipe, leastBuffer)
	hello, nonce, err := readInfo(fromServer)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(context.WithoutCancel(r.Context()))
	defer end(nil)
	conn := &agentConn{agent: agent, nonce: nonce, ctx: ctx, end: end}
	f.agents.add(conn)
	defer f.agents.remove(conn)
	f.agents.log.InfoContext(ctx, "agent connected", "endpoint", agent.Endpoint)
	err = conn.pump(ws, pipe, fromServer, hello)
	f.agents.log.InfoContext(ctx, "agent disconnected", "endpoint", agent.Endpoint, "reason", err)
	return nil
}

// readInfo reads the server's first line, which holds the nonce.
func readInfo(r *bufio.Reader) (line []byte, nonce string, err error) {
	line, err = r.ReadBytes('\n')
	if err != nil {
		return nil, "", fmt.Errorf("reading the fabric's greeting: %w", err)
	}
	var info struct {
		Nonce string `json:"nonce"`
	}
	if len(line) < len("INFO ") || json.Unmarshal(line[len("INFO "):], &info) != nil || info.Nonce == "" {
		return nil, "", fmt.Errorf("the fabric's greeting %q has no nonce", line)
	}
	return line, info.Nonce, nil
}

// pump moves bytes both ways until either side or the registry ends it.
func (c *agentConn) pump(ws *websocket.Conn, pipe net.Conn, fromServer io.Reader, hello []byte) error {
	// The line outlives the connection, so that the last word gets through.
	line, cut := context.WithCancelCause(context.WithoutCancel(c.ctx))
	defer cut(nil)
	outside := websocket.NetConn(line, ws, websocket.MessageBinary)
	var copies errgroup.Group
	copies.Go(func() error {
		c.end(fmt.Errorf("sending to the agent: %w", send(line, ws, hello, fromServer)))
		return nil
	})
	copies.Go(func() error {
		err := relay(outside, nil, func(data []byte) error {
			_, err := pipe.Write(data)
			return err //nolint:wrapcheck // it is said below what was done
		})
		c.end(fmt.Errorf("hearing from the agent: %w", err))
		return nil
	})
	<-c.ctx.Done()
	cause := context.Cause(c.ctx)
	pipe.Close()
	if yonder.CodeOf(cause) != yonder.CodeInternal && !errors.Is(cause, errNotRunning) {
		_ = ws.Close(websocket.StatusPolicyViolation, string(yonder.CodeOf(cause)))
	}
	_ = ws.CloseNow()
	_ = copies.Wait()
	return cause
}

// send copies what the server says to the WebSocket. The server's own deadline
// does not reach this far: it ends with the pipe.
func send(line context.Context, ws *websocket.Conn, hello []byte, fromServer io.Reader) error {
	return relay(fromServer, hello, func(data []byte) error { return write(line, ws, data) })
}

func write(line context.Context, ws *websocket.Conn, data []byte) error {
	ctx, cancel := context.WithTimeout(line, writeDeadline)
	defer cancel()
	return ws.Write(ctx, websocket.MessageBinary, data) //nolint:wrapcheck // the caller says what was done
}

// Recheck closes the connections of an endpoint whose credentials no longer
// hold. It is called when a token was revoked or replaced, at every replica.
func (f *Fabric) Recheck(ctx context.Context, endpoint yonder.ID) {
	for _, conn := range f.agents.of(endpoint) {
		err := f.config.Recheck(ctx, conn.agent.Token)
		if code := yonder.CodeOf(err); err != nil && code.Info().HTTP == http.StatusUnauthorized {
			conn.end(err)
		}
	}
}

// recheckAll repeats for every connection what a lost hint may have missed,
// and finds credentials that have expired.
func (f *Fabric) recheckAll(ctx context.Context) error {
	tick := time.NewTicker(recheckEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.Recheck(ctx, yonder.ID{})
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

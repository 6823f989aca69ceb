package link

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"github.com/nats-io/nats.go"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// A connection that does not answer two pings is dead: what is in the way may
// swallow packets without a word.
const (
	pingEvery   = 10 * time.Second
	dialTimeout = 20 * time.Second
)

// Hints wait here while one is handled. More are dropped, which is no loss:
// the service repeats what it still means.
const (
	maxHints     = 1024
	maxHintBytes = 64 << 20
)

// connect makes a connection that connects again for ever. The address is of
// no meaning: the dialer knows where to go.
func (l *Link) connect(ctx context.Context) (*nats.Conn, error) {
	conn, err := nats.Connect("nats://fabric:4222",
		nats.SetCustomDialer(dialer{l, ctx}),
		nats.SkipHostLookup(),
		nats.IgnoreDiscoveredServers(),
		nats.IgnoreAuthErrorAbort(),
		nats.Token(l.cfg.Credential),
		nats.Name("yonder agent "+l.cfg.Endpoint.String()),
		nats.CustomInboxPrefix("_INBOX_"+l.cfg.Endpoint.String()),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(l.pause),
		nats.ReconnectBufSize(-1), // requests are tried again, hints are not published
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(2),
		nats.Timeout(dialTimeout),
		nats.ConnectHandler(l.connected),
		nats.ReconnectHandler(l.connected),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { l.disconnected(ctx, err) }),
		nats.ErrorHandler(l.asyncError),
	)
	if err != nil {
		return nil, fmt.Errorf("preparing the connection: %w", err)
	}
	sub, err := conn.Subscribe("ep."+l.cfg.Endpoint.String()+".>", l.hint)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("subscribing to hints: %w", err)
	}
	if err := sub.SetPendingLimits(maxHints, maxHintBytes); err != nil {
		conn.Close()
		return nil, fmt.Errorf("limiting pending hints: %w", err)
	}
	return conn, nil
}

// pause is the time before try n: doubling, with jitter, so that the agents
// of a service that restarted do not come all at once.
func (l *Link) pause(tries int) time.Duration {
	limit := min(l.cfg.Retry*6, l.cfg.Retry/64<<min(tries, 10))
	return limit/2 + rand.N(limit/2+1)
}

func (l *Link) connected(*nats.Conn) {
	l.cfg.Logger.Info("connected to the service", slog.String("url", l.cfg.URL))
	l.Connects.Fire(struct{}{})
}

// disconnected notes why the connection ended, unless the link itself did.
func (l *Link) disconnected(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		l.setTrouble(yonder.Errorf(yonder.CodeUnavailable, "the connection to %s was lost: %w", l.cfg.URL, err))
	}
}

func (l *Link) asyncError(_ *nats.Conn, _ *nats.Subscription, err error) {
	l.cfg.Logger.Debug("fabric", slog.Any("error", err))
}

// dialer opens the WebSocket that a connection runs in.
type dialer struct {
	link *Link
	ctx  context.Context //nolint:containedctx // nats.go dials without one
}

// Dial is called by nats.go for every try.
func (d dialer) Dial(_, _ string) (net.Conn, error) {
	l := d.link
	ctx, cancel := context.WithTimeout(d.ctx, dialTimeout)
	defer cancel()
	header := http.Header{"Authorization": {"Bearer " + l.cfg.Credential}}
	options := &websocket.DialOptions{HTTPClient: l.http, HTTPHeader: header, CompressionMode: websocket.CompressionDisabled}
	//nolint:bodyclose // the library closes it, and keeps what an error says
	ws, resp, err := websocket.Dial(ctx, l.cfg.URL+"/v1/fabric", options)
	if err != nil {
		if d.ctx.Err() == nil {
			l.setTrouble(l.whyNot(resp, err))
		}
		return nil, fmt.Errorf("dialling the fabric: %w", err)
	}
	return websocket.NetConn(d.ctx, ws, websocket.MessageBinary), nil
}

// whyNot says why no WebSocket was opened.
func (l *Link) whyNot(resp *http.Response, err error) *yonder.Error {
	if resp == nil {
		return client.Unreachable(l.base, err)
	}
	refused := answerError(resp)
	return yonder.Errorf(yonder.CodeOf(refused), "%s: %w", l.cfg.URL, refused)
}

// SkipTLSHandshake tells nats.go that the WebSocket is the encryption.
func (d dialer) SkipTLSHandshake() bool { return true }

// hint passes a message of the service on. One that cannot be read is logged:
// there is nobody to answer.
func (l *Link) hint(msg *nats.Msg) {
	if err := l.deliver(msg); err != nil {
		l.cfg.Logger.Warn("unreadable hint", slog.String("subject", msg.Subject), slog.Any("error", err))
	}
}

func (l *Link) deliver(msg *nats.Msg) error {
	frame, err := wire.Parse(msg.Data)
	if err != nil {
		return err
	}
	switch frame.Kind {
	case wire.KindOffer:
		return hand(frame, func(offer wire.Offer) { l.hints.Offer(offer, frame.Columns) })
	case wire.KindCancel:
		return hand(frame, l.hints.Cancel)
	case wire.KindFence:
		return hand(frame, l.hints.Fence)
	case wire.KindTurn:
		return hand(frame, l.hints.Turn)
	case wire.KindTail:
		return hand(frame, func(tail wire.Tail) {
			l.hints.Tail(tail, func(told wire.Tailed, columns [][]byte) { l.answer(msg, wire.KindTailed, told, columns...) })
		})
	case wire.KindLook:
		return hand(frame, func(look wire.Look) {
			l.hints.Look(look, func(view wire.View) { l.answer(msg, wire.KindView, view) })
		})
	default:
		return fmt.Errorf("a %v message is not a hint", frame.Kind)
	}
}

// hand decodes a message and gives it to whoever it is for.
func hand[T any](frame wire.Frame, to func(T)) error {
	var message T
	if err := frame.Decode(frame.Kind, &message); err != nil {
		return err
	}
	to(message)
	return nil
}

// answer answers a question of the service, which asks again if it is lost.
func (l *Link) answer(msg *nats.Msg, kind wire.Kind, told any, columns ...[]byte) {
	frame, err := wire.NewFrame(kind, told, columns...)
	if err == nil && frame.Size() > wire.MaxFabricFrame {
		err = fmt.Errorf("it has %d bytes, the fabric takes %d", frame.Size(), wire.MaxFabricFrame)
	}
	if err == nil {
		err = msg.Respond(frame.Bytes())
	}
	if err != nil {
		l.cfg.Logger.Debug("a question of the service was not answered", slog.Any("error", err))
	}
}

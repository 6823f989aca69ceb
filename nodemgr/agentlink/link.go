// Package agentlink keeps a manager's connection to its agent: it finds the
// agent through the rendezvous file, again and again, and carries frames.
package agentlink

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Desk decides. Its calls come from the link's goroutine.
type Desk interface {
	// Hello fills in what the manager is and holds.
	Hello() wire.ManagerHello
	// Connected says that the agent has answered; frames may be sent from now
	// on, until Disconnected.
	Connected(welcome wire.ManagerWelcome, send func(wire.Frame))
	Frame(frame wire.Frame)
	Disconnected(cause error)
}

// Link is the connection.
type Link struct {
	file  string
	desk  Desk
	log   *slog.Logger
	epoch int64 // highest seen
}

// New returns a link through the rendezvous file.
func New(file string, desk Desk, log *slog.Logger) *Link {
	return &Link{file: file, desk: desk, log: log}
}

const (
	retryFirst   = 50 * time.Millisecond
	retryLongest = 2 * time.Second // a restarted agent is found this soon
	greeting     = 15 * time.Second
	sendQueue    = 4096 // frames; the desk waits when the agent does not read
	beatsMissed  = 4    // after which a connection counts as dead
)

// Run connects and reconnects until ctx ends.
func (l *Link) Run(ctx context.Context) error {
	wait := &backoff.ExponentialBackOff{
		InitialInterval: retryFirst, RandomizationFactor: 0.3, Multiplier: 1.6, MaxInterval: retryLongest,
	}
	for ctx.Err() == nil {
		err := l.session(ctx, wait.Reset)
		l.log.Info("not connected to the agent", slog.Any("cause", err))
		select {
		case <-ctx.Done():
		case <-time.After(wait.NextBackOff()):
		}
	}
	return context.Cause(ctx)
}

func (l *Link) session(ctx context.Context, connected func()) error {
	rendezvous, err := l.read()
	if err != nil {
		return err
	}
	raw, err := dial(ctx, rendezvous)
	if err != nil {
		return err
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	in := bufio.NewReaderSize(raw, 64<<10)
	welcome, err := l.greet(raw, in, rendezvous)
	if err != nil {
		return err
	}
	connected()
	return l.serve(ctx, raw, in, welcome)
}

func (l *Link) read() (wire.Rendezvous, error) {
	var r wire.Rendezvous
	data, err := os.ReadFile(l.file)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		return r, fmt.Errorf("reading the rendezvous file: %w", err)
	}
	if r.Epoch < l.epoch {
		return r, yonder.Errorf(yonder.CodeSessionFenced, "the agent of epoch %d was replaced by one of epoch %d", r.Epoch, l.epoch)
	}
	return r, nil
}

func dial(ctx context.Context, r wire.Rendezvous) (net.Conn, error) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: greeting}, Config: &tls.Config{
		MinVersion: tls.VersionTLS13,
		// The agent's certificate is its own; the rendezvous file, which only
		// this user can write, says which one it is.
		InsecureSkipVerify: true, //nolint:gosec // see above
		VerifyConnection: func(state tls.ConnectionState) error {
			sum := sha256.Sum256(state.PeerCertificates[0].Raw)
			if hex.EncodeToString(sum[:]) != r.Fingerprint {
				return yonder.Errorf(yonder.CodeUnauthenticated, "the agent's certificate is not the one of the rendezvous file")
			}
			return nil
		},
	}}
	var failures []error
	for _, address := range r.Addresses {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
	}
	return nil, fmt.Errorf("connecting to the agent: %w", errors.Join(failures...))
}

func (l *Link) greet(raw net.Conn, in *bufio.Reader, r wire.Rendezvous) (welcome wire.ManagerWelcome, err error) {
	if err := raw.SetDeadline(time.Now().Add(greeting)); err != nil {
		return welcome, fmt.Errorf("limiting the greeting: %w", err)
	}
	hello := l.desk.Hello()
	hello.WireOldest, hello.WireNewest, hello.Secret, hello.Epoch = wire.Oldest, wire.Version, r.Secret, l.epoch
	frame, err := wire.NewFrame(wire.KindManagerHello, hello)
	if err == nil {
		_, err = raw.Write(frame.Bytes())
	}
	if err != nil {
		return welcome, fmt.Errorf("greeting the agent: %w", err)
	}
	answer, err := wire.Read(in, wire.MaxLocalFrame)
	if err != nil {
		return welcome, fmt.Errorf("waiting for the agent's welcome: %w", err)
	}
	if answer.Kind == wire.KindError {
		refusal := &yonder.Error{}
		if err := answer.Decode(wire.KindError, refusal); err != nil {
			return welcome, fmt.Errorf("reading the agent's refusal: %w", err)
		}
		return welcome, refusal
	}
	if err := answer.Decode(wire.KindManagerWelcome, &welcome); err != nil {
		return welcome, fmt.Errorf("reading the agent's welcome: %w", err)
	}
	l.epoch = max(l.epoch, welcome.Epoch)
	return welcome, raw.SetDeadline(time.Time{})
}

// serve carries frames until the connection breaks.
func (l *Link) serve(ctx context.Context, raw net.Conn, in *bufio.Reader, welcome wire.ManagerWelcome) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := make(chan wire.Frame, sendQueue)
	written := make(chan struct{})
	beat := time.Duration(max(welcome.BeatEvery, 0.1) * float64(time.Second))
	go func() {
		defer close(written)
		cancel(write(ctx, raw, out, beat))
		_ = raw.Close()
	}()
	l.desk.Connected(welcome, func(f wire.Frame) {
		select {
		case out <- f:
		case <-ctx.Done():
		}
	})
	for {
		_ = raw.SetReadDeadline(time.Now().Add(beatsMissed * beat))
		frame, err := wire.Read(in, wire.MaxLocalFrame)
		if err != nil {
			cancel(err)
			break
		}
		if frame.Kind != wire.KindBeat {
			l.desk.Frame(frame)
		}
	}
	_ = raw.Close()
	<-written
	cause := context.Cause(ctx)
	l.desk.Disconnected(cause)
	return cause
}

func write(ctx context.Context, raw net.Conn, out <-chan wire.Frame, beat time.Duration) error {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	alive, err := wire.NewFrame(wire.KindBeat, wire.Beat{})
	if err != nil {
		return fmt.Errorf("making a beat: %w", err)
	}
	for {
		frame := alive
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case frame = <-out:
		case <-ticker.C:
		}
		if _, err := raw.Write(frame.Bytes()); err != nil {
			return fmt.Errorf("writing to the agent: %w", err)
		}
	}
}

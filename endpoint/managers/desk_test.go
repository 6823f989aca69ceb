package managers_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/managers"
	"github.com/yonder-run/yonder/endpoint/managertest"
	"github.com/yonder-run/yonder/internal/testsignal"
	"github.com/yonder-run/yonder/wire"
)

// desk notes what it is told.
type desk struct {
	hellos testsignal.Signal[wire.ManagerHello]
	gone   testsignal.Signal[error]
	begun  testsignal.Signal[[]wire.Span]
	beats  testsignal.Signal[wire.Beat]
	dones  testsignal.Signal[wire.Done]
	told   testsignal.Signal[wire.Tailed]

	mu   sync.Mutex
	peer managers.Peer
	fail error
}

func (d *desk) Hello(peer managers.Peer, hello wire.ManagerHello) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return d.fail
	}
	d.peer = peer
	peer.Send(wire.KindManagerWelcome, wire.ManagerWelcome{Epoch: 3, BeatEvery: 1})
	d.hellos.Fire(hello)
	return nil
}

func (d *desk) Begun(_ string, spans []wire.Span) { d.begun.Fire(spans) }

func (d *desk) Beat(_ string, beat wire.Beat) { d.beats.Fire(beat) }

func (d *desk) Gone(_ string, cause error) { d.gone.Fire(cause) }

func (d *desk) Done(_ string, done wire.Done, _ [][]byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dones.Fire(done)
	return d.fail
}

func (d *desk) tailed(_ string, told wire.Tailed, columns [][]byte) error {
	d.told.Fire(told)
	if len(columns) != len(told.Pieces) {
		return errors.New("columns do not fit")
	}
	return nil
}

func (d *desk) failing(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = err
}

func (d *desk) current() managers.Peer {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.peer
}

// library holds one function and one blob.
type library struct {
	kept testsignal.Signal[string]
	blob []byte
	full atomic.Bool
}

func (l *library) Function(_ context.Context, hash string) ([]byte, error) {
	if hash == "known" {
		return []byte("body"), nil
	}
	return nil, yonder.Errorf(yonder.CodeNotFound, "no function %s", hash)
}

func (l *library) Blob(context.Context, yonder.ID, wire.Blob) (io.ReadCloser, error) {
	if l.blob == nil {
		return nil, errors.New("no such blob")
	}
	return io.NopCloser(bytes.NewReader(l.blob)), nil
}

func (l *library) Keep(_ wire.BlobChunk, data []byte) error {
	if l.full.Load() {
		return yonder.Errorf(yonder.CodeStorageFull, "full")
	}
	l.kept.Fire(string(data))
	return nil
}

type bundle struct {
	desk    *desk
	library *library
	server  *managers.Server
	file    string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{desk: &desk{}, library: &library{}}
	b.desk.hellos.Init()
	b.desk.gone.Init()
	b.desk.begun.Init()
	b.desk.beats.Init()
	b.desk.dones.Init()
	b.desk.told.Init()
	b.library.kept.Init()
	dir := t.TempDir()
	b.file = filepath.Join(dir, "rendezvous.json")
	secret, err := managers.Secret(filepath.Join(dir, "secret"))
	require.NoError(t, err)
	b.server = managers.New(managers.Config{
		Listen: "127.0.0.1:0", File: b.file, Secret: secret, Slots: 4, Beat: 50 * time.Millisecond,
		Tailed: b.desk.tailed, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}, b.desk, b.library)
	require.NoError(t, b.server.SetEpoch(3))
	return b
}

func (b *bundle) start(t *testing.T) *bundle {
	t.Helper()
	require.NoError(t, b.server.Start(t.Context()))
	t.Cleanup(b.server.Stop)
	return b
}

func (b *bundle) dial(t *testing.T, hello wire.ManagerHello) *managertest.Client {
	t.Helper()
	c, err := managertest.Dial(t.Context(), b.file, hello)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	b.desk.hellos.Wait(t)
	return c
}

var hello = wire.ManagerHello{Manager: "m1", Block: "b1", Slots: 2}

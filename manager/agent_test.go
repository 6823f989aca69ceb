package manager_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
)

const (
	secret   = "the managers' secret"
	patience = 30 * time.Second
)

// agent is the other end of a manager's link, driven by a test.
type agent struct {
	t        *testing.T
	file     string
	epoch    int64
	listener net.Listener
	print    string

	conn   net.Conn
	in     *bufio.Reader
	chunks map[wire.Span][]byte
	blobs  map[yonder.ID][]byte
	bodies map[string][]byte // of functions besides the tests'
	needs  []wire.Need
	done   []wire.Frame // that came before they were waited for
	silent bool         // answers no needs
}

// newAgent listens and writes the rendezvous file.
func newAgent(t *testing.T, epoch int64) *agent {
	t.Helper()
	workertest.Functions(t) // which takes a while: not while a manager waits to hear of its agent
	a := &agent{t: t, epoch: epoch, file: filepath.Join(t.TempDir(), "rendezvous.json")}
	a.listen()
	return a
}

func (a *agent) listen() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(a.t, err)
	a.listener, err = tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	})
	require.NoError(a.t, err)
	a.t.Cleanup(a.close)
	sum := sha256.Sum256(der)
	a.print = hex.EncodeToString(sum[:])
	a.publish()
}

func (a *agent) publish() {
	data, err := json.Marshal(wire.Rendezvous{
		Addresses: []string{a.listener.Addr().String()}, Fingerprint: a.print, Epoch: a.epoch, Secret: secret, Wire: wire.Version,
		Slots: 2, Pythons: []wire.Interpreter{{Path: workertest.Python(a.t)}},
	})
	require.NoError(a.t, err)
	require.NoError(a.t, os.WriteFile(a.file+".new", data, 0o600))
	require.NoError(a.t, os.Rename(a.file+".new", a.file))
}

// close is the agent's death.
func (a *agent) close() {
	a.listener.Close()
	if a.conn != nil {
		a.conn.Close()
	}
}

// accept takes a manager's connection up to its hello.
func (a *agent) accept() wire.ManagerHello {
	a.t.Helper()
	conn, err := a.listener.Accept()
	require.NoError(a.t, err)
	require.NoError(a.t, conn.SetDeadline(time.Now().Add(patience)))
	a.conn, a.in = conn, bufio.NewReader(conn)
	frame, err := wire.Read(a.in, wire.MaxLocalFrame)
	require.NoError(a.t, err)
	var hello wire.ManagerHello
	require.NoError(a.t, frame.Decode(wire.KindManagerHello, &hello))
	require.Equal(a.t, secret, hello.Secret)
	return hello
}

// welcome accepts and answers.
func (a *agent) welcome(drop ...wire.Span) wire.ManagerHello {
	a.t.Helper()
	hello := a.accept()
	a.send(wire.KindManagerWelcome, wire.ManagerWelcome{Wire: 1, Epoch: a.epoch, BeatEvery: 5, InlineBytes: 64 << 10, Drop: drop})
	return hello
}

func (a *agent) send(kind wire.Kind, header any, columns ...[]byte) {
	a.t.Helper()
	frame, err := wire.NewFrame(kind, header, columns...)
	require.NoError(a.t, err)
	_, err = a.conn.Write(frame.Bytes())
	require.NoError(a.t, err)
}

// recv reads up to the next frame of the kind. It answers needs on the way,
// and keeps pieces of results.
func (a *agent) recv(kind wire.Kind) wire.Frame {
	a.t.Helper()
	if kind == wire.KindDone && len(a.done) > 0 {
		frame := a.done[0]
		a.done = a.done[1:]
		return frame
	}
	for {
		frame, err := wire.Read(a.in, wire.MaxLocalFrame)
		require.NoError(a.t, err, "waiting for %v", kind)
		switch frame.Kind {
		case wire.KindDone:
			if kind != wire.KindDone {
				a.done = append(a.done, frame)
			}
		case wire.KindNeed:
			var need wire.Need
			require.NoError(a.t, frame.Decode(frame.Kind, &need))
			a.needs = append(a.needs, need)
			if !a.silent {
				a.answer(need)
			}
		case wire.KindBlobChunk:
			var chunk wire.BlobChunk
			require.NoError(a.t, frame.Decode(frame.Kind, &chunk))
			if a.chunks == nil {
				a.chunks = map[wire.Span][]byte{}
			}
			require.Len(a.t, a.chunks[*chunk.Span][:chunk.Offset], int(chunk.Offset))
			a.chunks[*chunk.Span] = append(a.chunks[*chunk.Span][:chunk.Offset:chunk.Offset], frame.Columns[0]...)
		}
		if frame.Kind == kind {
			return frame
		}
	}
}

// answer gives a function of the tests, or a blob of the agent.
func (a *agent) answer(need wire.Need) {
	a.t.Helper()
	if need.Blob != nil {
		data := a.blobs[need.Blob.ID]
		half := len(data) / 2
		a.send(wire.KindBlobChunk, wire.BlobChunk{Blob: *need.Blob}, data[:half])
		a.send(wire.KindBlobChunk, wire.BlobChunk{Blob: *need.Blob, Offset: int64(half), Last: true}, data[half:])
		return
	}
	if body, known := a.bodies[need.Function]; known {
		a.send(wire.KindBody, wire.Body{Function: need.Function}, body)
		return
	}
	for _, body := range workertest.Functions(a.t) {
		if body.Hash == need.Function {
			a.send(wire.KindBody, wire.Body{Function: need.Function}, body.Data)
			return
		}
	}
	a.send(wire.KindBody, wire.Body{Function: need.Function, Error: &yonder.Error{Code: yonder.CodeNotFound, Message: "no such function"}})
}

// outcome is one of what a Done message tells.
type outcome struct {
	wire.Entry
	payload   []byte
	lost      *wire.Loss
	cancelled *wire.Stopped
}

// value of a result.
func (o outcome) value(t *testing.T) any {
	t.Helper()
	require.Nil(t, o.lost, "%+v", o.lost)
	require.Equal(t, wire.OutcomeOK, o.Outcome, "%s", o.payload)
	value, err := workertest.Value(o.payload)
	require.NoError(t, err)
	return value
}

func (o outcome) error() map[string]any { return workertest.Error(o.payload) }

// outcomes waits until so many tasks have ended, by index, and acknowledges.
func (a *agent) outcomes(tasks int) map[int]outcome {
	a.t.Helper()
	all, seq := a.unacknowledged(tasks)
	a.send(wire.KindDoneAck, wire.DoneAck{Seq: seq})
	return all
}

func (a *agent) unacknowledged(tasks int) (map[int]outcome, int64) {
	a.t.Helper()
	all := map[int]outcome{}
	var seq int64
	add := func(lo, hi int, o outcome) {
		for i := lo; i < hi; i++ {
			require.NotContains(a.t, all, i, "task %d ended twice", i)
			all[i] = o
		}
	}
	for len(all) < tasks {
		frame := a.recv(wire.KindDone)
		var done wire.Done
		require.NoError(a.t, frame.Decode(frame.Kind, &done))
		require.Len(a.t, frame.Columns, len(done.Results))
		seq = done.Seq
		for i, e := range done.Results {
			add(e.Lo, e.Hi, outcome{Entry: e, payload: frame.Columns[i]})
		}
		for _, loss := range done.Lost {
			add(loss.Lo, loss.Hi, outcome{lost: &loss})
		}
		for _, stopped := range done.Cancelled {
			add(stopped.Lo, stopped.Hi, outcome{cancelled: &stopped})
		}
	}
	require.Len(a.t, all, tasks)
	return all, seq
}

var owner = yonder.NewID()

// lease is one of calls of a function of the tests.
func (a *agent) lease(name string, calls ...[]any) (wire.Lease, [][]byte) {
	a.t.Helper()
	lease := wire.Lease{
		Span: wire.Span{Bundle: yonder.NewBundleID(), Attempt: 1, Hi: len(calls)}, Owner: owner,
		Hash: workertest.Function(a.t, name).Hash, Kind: yonder.KindPython, Form: wire.FormEach, Total: len(calls), Codec: "json",
		Columns: len(calls),
	}
	var columns [][]byte
	for _, args := range calls {
		columns = append(columns, workertest.Call(args...))
	}
	return lease, columns
}

// work sends a lease and returns it.
func (a *agent) work(name string, calls ...[]any) wire.Lease {
	a.t.Helper()
	lease, columns := a.lease(name, calls...)
	a.give(lease, columns...)
	return lease
}

func (a *agent) give(lease wire.Lease, columns ...[]byte) {
	a.t.Helper()
	a.send(wire.KindWork, wire.Work{Leases: []wire.Lease{lease}}, columns...)
}

// run has one call executed.
func (a *agent) run(name string, args ...any) outcome {
	a.t.Helper()
	a.work(name, args)
	return a.outcomes(1)[0]
}

func background(t *testing.T) context.Context {
	t.Helper()
	return context.WithoutCancel(t.Context())
}

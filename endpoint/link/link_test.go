package link_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/link"
	"github.com/yonder-run/yonder/endpoint/servicetest"
	"github.com/yonder-run/yonder/internal/startstop/startstoptest"
	"github.com/yonder-run/yonder/internal/testsignal"
	"github.com/yonder-run/yonder/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type hints struct {
	offers  testsignal.Signal[wire.Offer]
	cancels testsignal.Signal[wire.Spans]
	fences  testsignal.Signal[wire.Fence]
	turns   testsignal.Signal[wire.Turn]
	columns [][]byte
}

func (h *hints) Offer(o wire.Offer, columns [][]byte) { h.columns = columns; h.offers.Fire(o) }
func (h *hints) Cancel(s wire.Spans)                  { h.cancels.Fire(s) }
func (h *hints) Fence(f wire.Fence)                   { h.fences.Fire(f) }
func (h *hints) Turn(turn wire.Turn)                  { h.turns.Fire(turn) }

func (h *hints) Look(look wire.Look, reply func(wire.View)) {
	reply(wire.View{MaxBlocks: look.Attempt})
}

// Tail says back what was asked.
func (h *hints) Tail(t wire.Tail, answer func(wire.Tailed, [][]byte)) {
	answer(wire.Tailed{State: wire.TailRunning, Next: t.After}, [][]byte{[]byte("output")})
}

func config(t *testing.T, s *servicetest.Service) link.Config {
	t.Helper()
	return link.Config{
		URL: s.URL, Endpoint: s.Endpoint, Credential: s.Credential, CAFile: s.CAFile,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Answer: 2 * time.Second, Retry: 50 * time.Millisecond,
	}
}

func start(t *testing.T, s *servicetest.Service) (*link.Link, *hints) {
	t.Helper()
	h := &hints{}
	h.offers.Init()
	h.cancels.Init()
	h.fences.Init()
	h.turns.Init()
	l, err := link.New(config(t, s), h)
	require.NoError(t, err)
	l.Connects.Init()
	require.NoError(t, l.Start(t.Context()))
	t.Cleanup(l.Stop)
	l.Connects.Wait(t)
	return l, h
}

func TestRequestsAreTriedUntilAnswered(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t)
	var tries atomic.Int32
	s.Handle("heartbeat", func(f wire.Frame) (wire.Kind, any) {
		var beat wire.Heartbeat
		if err := f.Decode(wire.KindHeartbeat, &beat); err != nil {
			return wire.KindError, err
		}
		switch tries.Add(1) {
		case 1:
			return wire.KindError, yonder.Errorf(yonder.CodeUnavailable, "starting")
		case 2:
			s.Break()
			return 0, nil
		}
		return wire.KindHeartbeatReply, wire.HeartbeatReply{Cancel: []wire.Span{{Attempt: int(beat.Epoch)}}}
	})
	l, _ := start(t, s)
	reply, err := l.Heartbeat(t.Context(), wire.Heartbeat{Epoch: 7})
	require.NoError(t, err)
	require.Equal(t, 7, reply.Cancel[0].Attempt)
}

func TestQuestionsOfTheServiceAreAnswered(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t)
	start(t, s)
	mark := wire.Mark{Attempt: 2, Output: 7}
	answer := s.Ask("tail", wire.KindTail, wire.Tail{Task: yonder.NewID(), After: mark})
	var told wire.Tailed
	require.NoError(t, answer.Decode(wire.KindTailed, &told))
	require.Equal(t, mark, told.Next)
	require.Equal(t, [][]byte{[]byte("output")}, answer.Columns)
}

func TestRefusalsAreNotTriedAgain(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t)
	var tries atomic.Int32
	s.Handle("accept", func(wire.Frame) (wire.Kind, any) {
		tries.Add(1)
		return wire.KindError, yonder.Errorf(yonder.CodeSessionFenced, "epoch 2 took over")
	})
	l, _ := start(t, s)
	_, err := l.Accept(t.Context(), wire.Accept{Epoch: 1})
	require.Equal(t, yonder.CodeSessionFenced, yonder.CodeOf(err))
	require.EqualValues(t, 1, tries.Load())
	_, err = l.Report(t.Context(), wire.Report{}, [][]byte{make([]byte, wire.MaxFabricFrame)})
	require.Equal(t, yonder.CodeTooLarge, yonder.CodeOf(err))
}

func TestRequestsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t)
	l, _ := start(t, s)
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	_, err := l.Open(ctx, wire.SessionOpen{})
	require.ErrorIs(t, err, why)
}

func TestHintsArriveAfterReconnecting(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t)
	l, h := start(t, s)
	require.True(t, l.Connected())
	s.Away(true)
	require.Eventually(t, func() bool { return l.Trouble() != "" }, 10*time.Second, 5*time.Millisecond)
	s.Away(false)
	l.Connects.Wait(t)
	require.Empty(t, l.Trouble())
	s.Handle("heartbeat", func(wire.Frame) (wire.Kind, any) { return wire.KindHeartbeatReply, wire.HeartbeatReply{} })
	_, err := l.Heartbeat(t.Context(), wire.Heartbeat{}) // the subscription came before it
	require.NoError(t, err)
	s.Hint("offer", wire.KindOffer, wire.Offer{Epoch: 1, Leases: []wire.Lease{{Hash: "h"}}}, []byte("payload"))
	s.Hint("cancel", wire.KindHeartbeat, wire.Heartbeat{})
	s.Hint("cancel", wire.KindCancel, wire.Spans{Epoch: 3})
	s.Hint("fence", wire.KindFence, wire.Fence{Epoch: 4})
	require.Equal(t, "h", h.offers.Wait(t).Leases[0].Hash)
	require.Equal(t, "payload", string(h.columns[0]))
	require.EqualValues(t, 3, h.cancels.Wait(t).Epoch)
	require.EqualValues(t, 4, h.fences.Wait(t).Epoch)
}

func TestWrongCredentialSaysSo(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t)
	cfg := config(t, s)
	cfg.Credential = "ya_wrong"
	l, err := link.New(cfg, &hints{})
	require.NoError(t, err)
	require.NoError(t, l.Start(t.Context()))
	t.Cleanup(l.Stop)
	require.Eventually(t, func() bool { return strings.Contains(l.Trouble(), "who are you") }, 10*time.Second, 5*time.Millisecond)
}

func TestUnknownCertificateIsNotTrusted(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t)
	cfg := config(t, s)
	cfg.CAFile = ""
	l, err := link.New(cfg, &hints{})
	require.NoError(t, err)
	require.NoError(t, l.Start(t.Context()))
	t.Cleanup(l.Stop)
	require.Eventually(t, func() bool { return strings.Contains(l.Trouble(), "certificate") }, 10*time.Second, 5*time.Millisecond)
	cfg.CAFile = "no such file"
	_, err = link.New(cfg, &hints{})
	require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err))
}

// A trusted certificate is trusted for the names in it only.
func TestACertificateForAnotherNameIsNotTrusted(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t)
	cfg := config(t, s)
	cfg.URL = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	l, err := link.New(cfg, &hints{})
	require.NoError(t, err)
	require.NoError(t, l.Start(t.Context()))
	t.Cleanup(l.Stop)
	require.Eventually(t, func() bool { return strings.Contains(l.Trouble(), "localhost") }, 10*time.Second, 5*time.Millisecond)
	require.False(t, l.Connected())
}

// The service has a new certificate: what the agent trusts is replaced while it runs.
func TestWhatIsTrustedMayChange(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t)
	cfg := config(t, s)
	right, err := os.ReadFile(s.CAFile)
	require.NoError(t, err)
	cfg.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(cfg.CAFile, stranger(t), 0o600))
	l, err := link.New(cfg, &hints{})
	require.NoError(t, err)
	l.Connects.Init()
	require.NoError(t, l.Start(t.Context()))
	t.Cleanup(l.Stop)
	require.Eventually(t, func() bool { return strings.Contains(l.Trouble(), "certificate") }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, os.WriteFile(cfg.CAFile+".new", right, 0o600))
	require.NoError(t, os.Rename(cfg.CAFile+".new", cfg.CAFile))
	l.Connects.Wait(t)
}

// stranger is the certificate of somebody else.
func stranger(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t)
	sum := sha256.Sum256([]byte("body"))
	hash := hex.EncodeToString(sum[:])
	s.Handle("function", func(f wire.Frame) (wire.Kind, any) {
		var get wire.FunctionGet
		_ = f.Decode(wire.KindFunctionGet, &get)
		switch get.Epoch {
		case 1:
			return wire.KindFunction, servicetest.WithColumns{Header: wire.FunctionBody{Hash: hash}, Columns: [][]byte{[]byte("body")}}
		case 2:
			return wire.KindFunction, wire.FunctionBody{Hash: hash, Blob: &wire.Blob{Size: 4}}
		}
		return wire.KindFunction, servicetest.WithColumns{Header: wire.FunctionBody{Hash: hash}, Columns: [][]byte{[]byte("other")}}
	})
	s.HandleBody("/functions/"+hash, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("body")) })
	l, _ := start(t, s)
	for epoch := range int64(2) {
		body, err := l.Function(t.Context(), epoch+1, hash)
		require.NoError(t, err)
		require.Equal(t, "body", string(body))
	}
	_, err := l.Function(t.Context(), 3, hash)
	require.ErrorContains(t, err, "another function")
}

func TestBlobsTravelBothWays(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t)
	id, task := yonder.NewID(), yonder.NewID()
	var puts atomic.Int32
	s.HandleBody("/blobs/"+id.String(), func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("large")) })
	s.HandleBody("/tasks/"+task.String()+"/result-blob", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if puts.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		if r.URL.Query().Get("attempt") != "2" || string(body) != "result" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = w.Write([]byte(`{"id":"` + id.String() + `","size":6,"sha256":"x"}`))
	})
	l, _ := start(t, s)
	body, err := l.Blob(t.Context(), task, id)
	require.NoError(t, err)
	data, err := io.ReadAll(body)
	require.NoError(t, err)
	require.NoError(t, body.Close())
	require.Equal(t, "large", string(data))
	_, err = l.Blob(t.Context(), task, yonder.NewID())
	require.Equal(t, yonder.CodeNotFound, yonder.CodeOf(err))

	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("result")), nil }
	blob, err := l.PutResult(t.Context(), task, 2, 6, open)
	require.NoError(t, err)
	require.Equal(t, id, blob.ID)
	require.EqualValues(t, 2, puts.Load())
	_, err = l.PutResult(t.Context(), task, 3, 6, open)
	require.Equal(t, yonder.CodeInvalidRequest, yonder.CodeOf(err))
}

func TestLife(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t)
	l, err := link.New(config(t, s), &hints{})
	require.NoError(t, err)
	startstoptest.Stress(t, l)
}

package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = 20 * time.Second
	tick     = 5 * time.Millisecond
)

// value is 42 in codec json.
var value = []byte("Y1j\x00\x00\x00\x00\x0042")

// world is a service with one function, one endpoint and its live agent, all
// of the admin's, and a stranger's token.
type world struct {
	*servicetest.Service

	function yonder.Function
	endpoint wire.RegisteredEndpoint
	agent    *servicetest.Agent
	stranger string
}

func setup(t *testing.T) *world {
	t.Helper()
	s := servicetest.Start(t)
	w := &world{Service: s, function: s.Function(t, s.Admin, "f"), endpoint: s.Endpoint(t, s.Admin, "e")}
	w.agent = s.Agent(t, w.endpoint).Live(t, 1000)
	_, w.stranger = s.Person(t, "stranger")
	return w
}

// submit submits tasks as the admin.
func (w *world) submit(t *testing.T, tasks int) wire.Bundle {
	t.Helper()
	b, payloads := servicetest.Bundle(w.function.ID, w.endpoint.ID, tasks)
	w.Submit(t, w.Admin, b, payloads)
	return b
}

// refuse submits a bundle that must be refused.
func (w *world) refuse(t *testing.T, token string, b wire.Bundle, payloads [][]byte, code yonder.Code) yonder.Error {
	t.Helper()
	frame, err := wire.NewFrame(wire.KindBundle, b, payloads...)
	require.NoError(t, err)
	status, data := w.Do(t, token, "POST", "/v1/bundles", frame.Bytes(), wire.TypeFrames)
	var e yonder.Error
	require.NoError(t, json.Unmarshal(data, &e), "%s", data)
	require.Equal(t, code, e.Code, "%s", data)
	require.Equal(t, code.Info().HTTP, status)
	return e
}

package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

func TestCallsInJSON(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id := yonder.NewBundleID()
	body := `{"id":"` + id.String() + `","group":"` + yonder.NewID().String() + `","endpoint":"` + w.endpoint.ID.String() +
		`","function":"` + w.function.ID.String() + `","calls":[{"args":[1,12345678901234567890]},{"kwargs":{"x":"y"}},{}]}`
	status, data := w.Do(t, w.Admin, "POST", "/v1/bundles", []byte(body), "application/json")
	require.Equal(t, http.StatusAccepted, status, "%s", data)
	leases, columns := w.agent.Offered(t)
	require.Equal(t, "json", leases[0].Codec)
	require.Equal(t, 3, leases[0].Total)
	prefix := "Y1j\x00\x00\x00\x00\x00"
	require.Equal(t, [][]byte{
		[]byte(prefix + `{"args":[1,12345678901234567890],"kwargs":{}}`),
		[]byte(prefix + `{"args":[],"kwargs":{"x":"y"}}`),
		[]byte(prefix + `{"args":[],"kwargs":{}}`),
	}, columns)

	b, payloads := servicetest.Bundle(w.function.ID, w.endpoint.ID, 1)
	b.Codec = "json"
	w.Refused(t, w.Admin, "POST", "/v1/bundles", wire.Submit{Bundle: b, Payloads: payloads, Calls: []wire.Call{{}}}, yonder.CodeInvalidRequest)
	b.Codec = "pickle"
	w.Refused(t, w.Admin, "POST", "/v1/bundles", wire.Submit{Bundle: b, Calls: []wire.Call{{}}}, yonder.CodeInvalidRequest)
	servicetest.Call[wire.Submitted](t, w.Service, w.Admin, "POST", "/v1/bundles", wire.Submit{Bundle: b, Payloads: payloads})
}

// Either all bundles of a request are accepted or none.
func TestARequestIsAcceptedWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var body []byte
	var bundles []wire.Bundle
	for i := range 3 {
		b, payloads := servicetest.Bundle(w.function.ID, w.endpoint.ID, 2)
		if i == 2 {
			b.Codec = "morse"
		}
		frame, err := wire.NewFrame(wire.KindBundle, b, payloads...)
		require.NoError(t, err)
		body = frame.Append(body)
		bundles = append(bundles, b)
	}
	status, data := w.Do(t, w.Admin, "POST", "/v1/bundles", body, wire.TypeFrames)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, string(data), `"bundle 2: `)
	for _, b := range bundles {
		w.Refused(t, w.Admin, "GET", "/v1/tasks/"+b.ID.String(), nil, yonder.CodeNotFound)
	}
}

func TestARepeatedBundleAddsNothing(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t, func(c *service.Config) { c.QueuedTasks = 2 })
	f, e := s.Function(t, s.Admin, "f"), s.Endpoint(t, s.Admin, "e")
	b, payloads := servicetest.Bundle(f.ID, e.ID, 2)
	require.False(t, s.Submit(t, s.Admin, b, payloads).Bundles[0].Duplicate)
	// The first one has filled the queue; its repetition is answered all the same.
	require.True(t, s.Submit(t, s.Admin, b, payloads).Bundles[0].Duplicate)
	page := servicetest.Call[wire.Page[yonder.Task]](t, s, s.Admin, "GET", "/v1/tasks?state=queued", nil)
	require.Len(t, page.Items, 2)

	w := &world{Service: s}
	more, payloads := servicetest.Bundle(f.ID, e.ID, 1)
	w.refuse(t, s.Admin, more, payloads, yonder.CodeLimitReached)
	_, stranger := s.Person(t, "stranger")
	b.Tasks = 1
	w.refuse(t, stranger, b, payloads, yonder.CodeNotFound)
	own := s.Function(t, stranger, "own")
	place := s.Endpoint(t, stranger, "place")
	b.Function, b.Endpoint = own.ID, place.ID
	w.refuse(t, stranger, b, payloads, yonder.CodeConflict)
}

func TestWhatIsRefusedAtSubmit(t *testing.T) {
	t.Parallel()
	w := setup(t)
	signed := servicetest.Call[yonder.Function](t, w.Service, w.Admin, "POST", "/v1/functions", wire.RegisterFunction{
		Name: "signed", Body: []byte("x"),
		Signature: &yonder.Signature{Params: []yonder.Param{{Name: "a", Kind: yonder.ParamPositional, Required: true}}},
	})
	newer := servicetest.Call[yonder.Function](t, w.Service, w.Admin, "POST", "/v1/functions", wire.RegisterFunction{
		Name: "newer", Body: []byte("x"), Requirements: yonder.Requirements{Python: "3.13"},
	})
	past := time.Now().Add(-time.Minute)
	for name, c := range map[string]struct {
		change func(*wire.Bundle)
		code   yonder.Code
		field  string
		says   string
	}{
		"arguments": {func(b *wire.Bundle) {
			b.Function, b.Shapes = signed.ID, []wire.Shape{{}}
		}, yonder.CodeInvalidArguments, "a", "missing"},
		"interpreter":        {func(b *wire.Bundle) { b.Function = newer.ID }, yonder.CodeNoInterpreter, "endpoint", "has Python 3.11.7"},
		"payload's Python":   {func(b *wire.Bundle) { b.Python = "3.12" }, yonder.CodeCodecMismatch, "python", "has Python 3.11.7"},
		"unknown function":   {func(b *wire.Bundle) { b.Function = yonder.NewID() }, yonder.CodeNotFound, "", "function"},
		"unknown version":    {func(b *wire.Bundle) { b.Version = 9 }, yonder.CodeNotFound, "", ""},
		"unknown endpoint":   {func(b *wire.Bundle) { b.Endpoint = yonder.NewID() }, yonder.CodeNotFound, "", "endpoint"},
		"unknown blob":       {func(b *wire.Bundle) { b.Blobs = map[int]wire.Blob{0: {ID: yonder.NewID()}} }, yonder.CodeNotFound, "", ""},
		"time to give up":    {func(b *wire.Bundle) { b.GiveUpAt = &past }, yonder.CodeInvalidRequest, "give_up_at", "is over"},
		"too many attempts":  {func(b *wire.Bundle) { b.Retry.MaxAttempts = 1000 }, yonder.CodeInvalidRequest, "retry.max_attempts", "100"},
		"a task's id, not a": {func(b *wire.Bundle) { b.ID = b.ID.Task(3) }, yonder.CodeInvalidRequest, "id", "zero"},
	} {
		b, payloads := servicetest.Bundle(w.function.ID, w.endpoint.ID, 1)
		c.change(&b)
		if len(b.Blobs) > 0 {
			payloads[0] = nil
		}
		e := w.refuse(t, w.Admin, b, payloads, c.code)
		require.Contains(t, e.Message, c.says, name)
		if c.field != "" {
			require.Equal(t, c.field, e.Field, name)
		}
	}
	b, _ := servicetest.Bundle(w.function.ID, w.endpoint.ID, 1)
	w.refuse(t, w.Admin, b, [][]byte{make([]byte, 200<<10)}, yonder.CodeTooLarge)
}

// Only its owner runs at an endpoint that does not keep its users apart, and
// only functions on its list run at one that has a list.
func TestWhoMayRunWhere(t *testing.T) {
	t.Parallel()
	w := setup(t)
	everyone := yonder.Sharing{Everyone: true}
	path := "/v1/endpoints/" + w.endpoint.ID.String()
	servicetest.Call[yonder.Endpoint](t, w.Service, w.Admin, "PATCH", path, wire.ChangeEndpoint{Sharing: &everyone})
	own := w.Function(t, w.stranger, "own")
	b, payloads := servicetest.Bundle(own.ID, w.endpoint.ID, 1)
	e := w.refuse(t, w.stranger, b, payloads, yonder.CodeForbidden)
	require.Contains(t, e.Message, "only its owner admin may submit")

	w.openIsolated(t)
	w.Submit(t, w.stranger, b, payloads)
	list := []yonder.ID{w.function.ID}
	servicetest.Call[yonder.Endpoint](t, w.Service, w.Admin, "PATCH", path, wire.ChangeEndpoint{Functions: &list})
	b.ID = yonder.NewBundleID()
	e = w.refuse(t, w.stranger, b, payloads, yonder.CodeForbidden)
	require.Contains(t, e.Message, "not on it")
	b.Function = w.function.ID
	w.refuse(t, w.stranger, b, payloads, yonder.CodeNotFound)
	servicetest.Call[yonder.Function](t, w.Service, w.Admin, "PUT", "/v1/functions/"+w.function.ID.String()+"/sharing", everyone)
	b.Group = yonder.NewID()
	w.Submit(t, w.stranger, b, payloads)
}

// openIsolated lets the agent report a runtime that keeps users apart.
func (w *world) openIsolated(t *testing.T) {
	t.Helper()
	opened := servicetest.Ask[wire.SessionOpened](t, w.agent, "open", wire.KindSessionOpen, wire.SessionOpen{
		WireOldest: 1, WireNewest: 1, Journal: yonder.NewID(), Capacity: wire.Capacity{Tasks: 10, Bytes: 1 << 20},
		Capabilities: wire.Capabilities{Runtime: "podman", Isolated: true, Pythons: []wire.Interpreter{{Version: "3.11.7"}}},
	}, wire.KindSessionOpened)
	w.agent.Epoch = opened.Epoch
}

// A group is one owner's: nobody else's results get into it.
func TestNobodySubmitsIntoSomebodyElsesGroup(t *testing.T) {
	t.Parallel()
	w := setup(t)
	theirs := w.submit(t, 1)
	own, place := w.Function(t, w.stranger, "own"), w.Endpoint(t, w.stranger, "place")
	b, payloads := servicetest.Bundle(own.ID, place.ID, 1)
	b.Group = theirs.Group
	frame, err := wire.NewFrame(wire.KindBundle, b, payloads...)
	require.NoError(t, err)
	status, data := w.Do(t, w.stranger, "POST", "/v1/bundles", frame.Bytes(), wire.TypeFrames)
	require.GreaterOrEqual(t, status, 400, "%s", data)
	require.Less(t, status, 500, "%s", data)
	group := servicetest.Call[yonder.Group](t, w.Service, w.Admin, "GET", "/v1/groups/"+theirs.Group.String(), nil)
	require.EqualValues(t, 1, group.Tasks)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.submit(t, 5)
	leases, _ := w.agent.Offered(t)
	w.agent.Accept(t, leases)
	done := servicetest.Call[wire.Cancelled](t, w.Service, w.Admin, "POST", "/v1/tasks/"+b.ID.Task(1).String()+"/cancel", nil)
	require.Equal(t, wire.Cancelled{Stopping: 1}, done)
	hint := w.agent.Hint(t, "cancel")
	var stop wire.Spans
	require.NoError(t, hint.Decode(wire.KindCancel, &stop))
	require.Equal(t, []wire.Span{{Bundle: b.ID, Attempt: 1, Lo: 1, Hi: 2, Grant: leases[0].Grant}}, stop.Spans)
	beat := servicetest.Ask[wire.HeartbeatReply](t, w.agent, "heartbeat", wire.KindHeartbeat,
		wire.Heartbeat{Epoch: w.agent.Epoch, Capacity: wire.Capacity{Tasks: 1000, Bytes: 1 << 30}}, wire.KindHeartbeatReply)
	require.Equal(t, stop.Spans, beat.Cancel, "what the hint may have failed to bring")

	queued := w.Endpoint(t, w.Admin, "offline")
	waiting, payloads := servicetest.Bundle(w.function.ID, queued.ID, 4)
	w.Submit(t, w.Admin, waiting, payloads)
	all := servicetest.Call[wire.Cancelled](t, w.Service, w.Admin, "POST", "/v1/groups/"+waiting.Group.String()+"/cancel", nil)
	require.Equal(t, wire.Cancelled{Cancelled: 4}, all)
	result := servicetest.Call[wire.Result](t, w.Service, w.Admin, "GET", "/v1/tasks/"+waiting.ID.String()+"/result?wait=5s", nil)
	require.Equal(t, yonder.CodeTaskCancelled, result.Error.Code)
}

// Bodies over the limit are refused before they are read.
func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t, func(c *service.Config) { c.RequestBytes, c.PayloadBytes = 300<<10, 200<<10 })
	status, data := s.Do(t, s.Admin, "POST", "/v1/bundles", make([]byte, 301<<10), wire.TypeFrames)
	require.Equal(t, http.StatusRequestEntityTooLarge, status, "%s", data)
	status, data = s.Do(t, s.Admin, "POST", "/v1/blobs", make([]byte, 201<<10))
	require.Equal(t, http.StatusRequestEntityTooLarge, status, "%s", data)
}

// What is decoded costs many times its bytes, and is bounded apart from bulk.
func TestDecodedPartsAreBounded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	status, data := w.Do(t, w.Admin, "POST", "/v1/bundles", make([]byte, 2<<20+1), "application/json")
	require.Equal(t, http.StatusRequestEntityTooLarge, status, "%s", data)
	b, payloads := servicetest.Bundle(w.function.ID, w.endpoint.ID, 1)
	b.Label = strings.Repeat("x", 2<<20)
	frame, err := wire.NewFrame(wire.KindBundle, b, payloads...)
	require.NoError(t, err)
	status, data = w.Do(t, w.Admin, "POST", "/v1/bundles", frame.Bytes(), wire.TypeFrames)
	require.Equal(t, http.StatusRequestEntityTooLarge, status, "%s", data)
}

func TestWhatTravelsWithEveryLeaseIsBounded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for name, packages := range map[string][]string{
		"many": make([]string, 201), "long": {strings.Repeat("p", 201)},
	} {
		w.Refused(t, w.Admin, "POST", "/v1/functions", wire.RegisterFunction{
			Name: name, Body: []byte("x"), Requirements: yonder.Requirements{Packages: packages},
		}, yonder.CodeTooLarge)
	}
}

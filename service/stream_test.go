package service_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

// world is a service with a function, an endpoint and its live agent.
type world struct {
	*servicetest.Service

	function yonder.Function
	endpoint wire.RegisteredEndpoint
	agent    *servicetest.Agent
}

func setup(t *testing.T, change ...func(*service.Config)) *world {
	t.Helper()
	s := servicetest.Start(t, change...)
	w := &world{Service: s, function: s.Function(t, s.Admin, "f"), endpoint: s.Endpoint(t, s.Admin, "e")}
	w.agent = s.Agent(t, w.endpoint).Live(t, 100_000)
	return w
}

func (w *world) submit(t *testing.T, tasks int, group ...yonder.ID) wire.Bundle {
	t.Helper()
	b, payloads := servicetest.Bundle(w.function.ID, w.endpoint.ID, tasks)
	if len(group) > 0 {
		b.Group = group[0]
	}
	w.Submit(t, w.Admin, b, payloads)
	return b
}

// collect reads pages until so many results have come, in order.
func collect(t *testing.T, s *servicetest.Stream, cursors map[yonder.ID]int64, n int) {
	t.Helper()
	for n > 0 {
		page, columns := s.Next(t)
		require.Len(t, columns, len(page.Entries))
		for _, e := range page.Entries {
			require.Equal(t, cursors[page.Group]+1, e.Cursor, "neither missed nor repeated")
			cursors[page.Group] = e.Cursor
			n -= e.Hi - e.Lo
		}
		require.Equal(t, cursors[page.Group], page.Cursor)
	}
}

func TestAStreamFollowsManyGroupsAndResumes(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *service.Config) { c.StreamEntries = 7 })
	one, two := w.submit(t, 30), w.submit(t, 30)
	w.agent.Run(t, 60, value)
	stream := w.Stream(t, w.Admin)
	cursors := map[yonder.ID]int64{}
	stream.Subscribe(t, wire.Subscribe{Group: one.Group})
	stream.Subscribe(t, wire.Subscribe{Group: two.Group})
	collect(t, stream, cursors, 60)
	require.Equal(t, map[yonder.ID]int64{one.Group: 30, two.Group: 30}, cursors)

	require.NoError(t, stream.CloseNow())
	w.submit(t, 5, one.Group)
	w.agent.Run(t, 5, value)
	stream = w.Stream(t, w.Admin)
	stream.Subscribe(t, wire.Subscribe{Group: one.Group, Cursor: 30})
	collect(t, stream, cursors, 5)

	// What comes later wakes the stream; a group that was stopped does not.
	stream.Subscribe(t, wire.Subscribe{Group: two.Group, Cursor: 30})
	stream.Subscribe(t, wire.Subscribe{Group: one.Group, Stop: true})
	last := yonder.NewID()
	stream.Subscribe(t, wire.Subscribe{Group: last})
	refusal(t, stream, last) // what came before it has been taken in
	w.submit(t, 1, one.Group)
	w.submit(t, 1, two.Group)
	w.agent.Run(t, 2, value)
	page, _ := stream.Next(t)
	require.Equal(t, two.Group, page.Group)
}

func TestAGroupThatCannotBeFollowedIsSaidSo(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *service.Config) { c.StreamGroups = 1 })
	b := w.submit(t, 1)
	_, token := w.Person(t, "stranger")
	stream := w.Stream(t, token)
	unknown := yonder.NewID()
	for _, group := range []yonder.ID{b.Group, unknown} {
		stream.Subscribe(t, wire.Subscribe{Group: group})
		require.Equal(t, yonder.CodeNotFound, refusal(t, stream, group).Code)
	}
	own := servicetest.Call[yonder.Group](t, w.Service, token, "POST", "/v1/groups", wire.CreateGroup{})
	stream.Subscribe(t, wire.Subscribe{Group: own.ID})
	stream.Subscribe(t, wire.Subscribe{Group: unknown})
	require.Equal(t, yonder.CodeLimitReached, refusal(t, stream, unknown).Code)

	require.NoError(t, stream.Write(t.Context(), websocket.MessageText, []byte("{")))
	_, err := stream.Frame(t)
	require.NoError(t, err)
	_, err = stream.Frame(t)
	require.Equal(t, websocket.StatusPolicyViolation, websocket.CloseStatus(err), "%v", err)
}

// Reading on from where nothing is would leave a gap: the reader is told.
func TestACursorThatLeadsNowhereIsSaidSo(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b, other := w.submit(t, 1), w.submit(t, 1)
	stream := w.Stream(t, w.Admin)
	stream.Subscribe(t, wire.Subscribe{Group: b.Group, Cursor: 7})
	e := refusal(t, stream, b.Group)
	require.Equal(t, yonder.CodeResultExpired, e.Code)
	require.Contains(t, e.Message, "read from its start")
	path := "/v1/groups/" + b.Group.String()
	w.Refused(t, w.Admin, "GET", path+"/events?cursor=7", nil, yonder.CodeResultExpired)
	w.Refused(t, w.Admin, "GET", path+"/results?cursor=7", nil, yonder.CodeResultExpired)
	stream.Subscribe(t, wire.Subscribe{Group: other.Group})
	w.agent.Run(t, 2, value)
	page, _ := stream.Next(t)
	require.Equal(t, other.Group, page.Group, "the stream goes on")
}

func refusal(t *testing.T, s *servicetest.Stream, group yonder.ID) yonder.Error {
	t.Helper()
	frame, err := s.Frame(t)
	require.NoError(t, err)
	var e yonder.Error
	require.NoError(t, frame.Decode(wire.KindError, &e))
	require.Equal(t, group.String(), e.Field)
	return e
}

func TestAStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, other := w.Person(t, "other")
	made := servicetest.Call[yonder.Token](t, w.Service, other, "POST", "/v1/tokens", wire.CreateToken{})
	stream := w.Stream(t, made.Secret)
	servicetest.Call[struct{}](t, w.Service, other, "DELETE", "/v1/tokens/"+made.ID.String(), nil)
	frame, err := stream.Frame(t)
	require.NoError(t, err)
	var e yonder.Error
	require.NoError(t, frame.Decode(wire.KindError, &e))
	require.Equal(t, yonder.CodeTokenRevoked, e.Code)
	_, err = stream.Frame(t)
	require.Equal(t, websocket.StatusPolicyViolation, websocket.CloseStatus(err))
}

// A service that stops tells its clients to come back, and does not wait for
// those who wait.
func TestStoppingEndsStreamsAndWaits(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.submit(t, 1)
	stream := w.Stream(t, w.Admin)
	stream.Subscribe(t, wire.Subscribe{Group: b.Group})
	var waits errgroup.Group
	waits.Go(func() error {
		w.Refused(t, w.Admin, "GET", "/v1/tasks/"+b.ID.String()+"/result?wait=40s", nil, yonder.CodeUnavailable)
		return nil
	})
	answer := w.events(t, b.Group, "")
	require.Eventually(t, func() bool {
		_, figures := w.Do(t, "", "GET", "/metrics", nil)
		return strings.Contains(string(figures), "yonder_streams 3")
	}, patience, tick)
	begin := time.Now()
	var stop errgroup.Group
	stop.Go(func() error {
		w.Stop()
		return nil
	})
	_, err := stream.Frame(t)
	require.Equal(t, websocket.StatusServiceRestart, websocket.CloseStatus(err), "%v", err)
	require.NoError(t, waits.Wait())
	for answer.Scan() {
		t.Log(answer.Text())
	}
	require.NoError(t, stop.Wait())
	require.Less(t, time.Since(begin), 4*time.Second)
}

// events opens the group's server-sent events.
func (w *world) events(t *testing.T, group yonder.ID, last string) *bufio.Scanner {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL()+"/v1/groups/"+group.String()+"/events", http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+w.Admin)
	if last != "" {
		r.Header.Set("Last-Event-Id", last)
	}
	answer, err := w.HTTP().Do(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	t.Cleanup(func() { answer.Body.Close() })
	return bufio.NewScanner(answer.Body)
}

func TestEvents(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.submit(t, 3)
	lines := w.events(t, b.Group, "")
	w.agent.Run(t, 3, value)
	for i := 1; i <= 3; i++ {
		require.Equal(t, wire.OutcomeOK, event(t, lines, i).Outcome)
	}
	event(t, w.events(t, b.Group, "2"), 3)
}

// event reads one event, which must have the cursor.
func event(t *testing.T, lines *bufio.Scanner, cursor int) wire.Result {
	t.Helper()
	var result wire.Result
	var id string
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "id":
			id = text
		case name == "data":
			require.NoError(t, json.Unmarshal([]byte(text), &result))
		case lines.Text() == "" && id != "":
			require.Equal(t, strconv.Itoa(cursor), id)
			require.EqualValues(t, cursor, result.Cursor)
			return result
		}
	}
	require.FailNow(t, "the events ended", "%v", lines.Err())
	return result
}

// A client that does not read holds up nobody.
func TestASlowReaderOnlySlowsItself(t *testing.T) {
	t.Parallel()
	w := setup(t)
	const tasks, at = 200, 4
	b := w.submit(t, tasks)
	slow, quick := w.Stream(t, w.Admin), w.Stream(t, w.Admin)
	slow.Subscribe(t, wire.Subscribe{Group: b.Group})
	quick.Subscribe(t, wire.Subscribe{Group: b.Group})
	leases, _ := w.agent.Offered(t)
	w.agent.Accept(t, leases)
	large := make([]byte, 100<<10) // 20 MB in all, more than sockets hold
	cursors := map[yonder.ID]int64{}
	for lo := 0; lo < tasks; lo += at {
		part := leases[0]
		part.Lo, part.Hi = lo, lo+at
		w.agent.Finish(t, []wire.Lease{part}, large)
		collect(t, quick, cursors, at)
	}
	collect(t, slow, map[yonder.ID]int64{}, tasks)
}

// As many clients as a site has, each with its own group.
func TestTwoThousandStreams(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("opens 2,000 connections")
	}
	w := setup(t)
	const n = 2000
	streams, groups := make([]*servicetest.Stream, n), make([]yonder.ID, n)
	bundle := w.submit(t, 1)
	leases, _ := w.agent.Offered(t)
	w.agent.Accept(t, leases)
	var opening errgroup.Group
	opening.SetLimit(16)
	for i := range n {
		opening.Go(func() error {
			groups[i] = bundle.Group
			streams[i] = w.Stream(t, w.Admin)
			streams[i].Subscribe(t, wire.Subscribe{Group: groups[i]})
			return nil
		})
	}
	require.NoError(t, opening.Wait())
	w.agent.Finish(t, leases, value)
	for _, s := range streams {
		page, _ := s.Next(t)
		require.Len(t, page.Entries, 1)
	}
}

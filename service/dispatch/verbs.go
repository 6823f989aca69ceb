package dispatch

import (
	"context"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/fabric"
	"github.com/yonder-run/yonder/wire"
)

// maxHeld bounds a page of Reconcile.
const maxHeld = 2000

// maxTold bounds the results of a report that are said to be refused. The
// agent forgets all of them, refused or not: the first ones are for its log.
const maxTold = 1000

// answer is the frame for the agent, and whether there may now be room for
// more work at the endpoint.
type answer struct {
	frame wire.Frame
	claim bool
}

// verbs are the requests of agents.
var verbs = map[string]func(*Dispatcher, context.Context, fabric.Request) (answer, error){
	"open":      (*Dispatcher).open,
	"reconcile": (*Dispatcher).reconcile,
	"accept":    (*Dispatcher).accept,
	"report":    (*Dispatcher).report,
	"heartbeat": (*Dispatcher).heartbeat,
	"function":  (*Dispatcher).function,
	"close":     (*Dispatcher).close,
}

func (d *Dispatcher) open(ctx context.Context, r fabric.Request) (answer, error) {
	var open wire.SessionOpen
	if err := r.Frame.Decode(wire.KindSessionOpen, &open); err != nil {
		return answer{}, err
	}
	version, err := common(open.WireOldest, open.WireNewest)
	if err != nil {
		return answer{}, err
	}
	if open.Journal.IsZero() {
		return answer{}, yonder.FieldErrorf(yonder.CodeInvalidRequest, "journal", "the agent must name its journal")
	}
	endpoint, err := d.Store.Endpoint(ctx, r.Endpoint)
	if err != nil {
		return answer{}, err
	}
	epoch, err := d.Store.OpenSession(ctx, r.Endpoint, open, d.Now())
	if err != nil {
		return answer{}, err
	}
	d.Log.InfoContext(ctx, "session opened", "endpoint", r.Endpoint, "epoch", epoch, "host", open.Capabilities.Hostname)
	d.Fence(ctx, r.Endpoint, epoch)
	return reply(wire.KindSessionOpened, wire.SessionOpened{
		Epoch: epoch, Owner: endpoint.Owner, HeartbeatSeconds: d.Heartbeat.Seconds(), Wire: version,
	})
}

// common is the newest version that both sides read.
func common(oldest, newest int) (int, error) {
	version := min(newest, wire.Version)
	if version < max(oldest, wire.Oldest) {
		return 0, yonder.Errorf(yonder.CodeUnsupportedWire,
			"the agent reads wire versions %d to %d, the service %d to %d: upgrade the older one", oldest, newest, wire.Oldest, wire.Version)
	}
	return version, nil
}

func (d *Dispatcher) reconcile(ctx context.Context, r fabric.Request) (answer, error) {
	var page wire.Reconcile
	if err := r.Frame.Decode(wire.KindReconcile, &page); err != nil {
		return answer{}, err
	}
	if len(page.Held) > maxHeld {
		return answer{}, yonder.FieldErrorf(yonder.CodeInvalidRequest, "held", "a page holds at most %d spans, this one %d", maxHeld, len(page.Held))
	}
	for _, h := range page.Held {
		if err := checkSpan("held", h.Span); err != nil {
			return answer{}, err
		}
	}
	reconciled, woken, err := d.Store.Reconcile(ctx, r.Endpoint, page, d.Now())
	if err != nil {
		return answer{}, err
	}
	d.Wake(woken)
	a, err := reply(wire.KindReconciled, reconciled)
	a.claim = page.Last
	return a, err
}

func (d *Dispatcher) accept(ctx context.Context, r fabric.Request) (answer, error) {
	var accept wire.Accept
	if err := r.Frame.Decode(wire.KindAccept, &accept); err != nil {
		return answer{}, err
	}
	if err := checkSpans("spans", accept.Spans, accept.Declined); err != nil {
		return answer{}, err
	}
	refused, err := d.Store.Accept(ctx, r.Endpoint, accept, d.Now())
	if err != nil {
		return answer{}, err
	}
	// Accepting frees no credit, and what was declined would be offered again
	// at once: it waits for the agent's next word about its capacity.
	return reply(wire.KindSpans, wire.Spans{Epoch: accept.Epoch, Spans: refused})
}

func (d *Dispatcher) report(ctx context.Context, r fabric.Request) (answer, error) {
	var report wire.Report
	if err := r.Frame.Decode(wire.KindReport, &report); err != nil {
		return answer{}, err
	}
	if err := checkReport(&report, r.Frame.Columns); err != nil {
		return answer{}, err
	}
	if err := d.checkBlobs(ctx, report.Results); err != nil {
		return answer{}, err
	}
	reported, err := d.Store.ReportNews(ctx, r.Endpoint, report, r.Frame.Columns, d.Now())
	if err != nil {
		return answer{}, err
	}
	d.News(reported.News)
	a, err := reply(wire.KindSpans, wire.Spans{Epoch: report.Epoch, Spans: reported.Refused[:min(len(reported.Refused), maxTold)]})
	a.claim = reported.Waiting && len(report.Results)+len(report.Lost)+len(report.Cancelled) > 0
	return a, err
}

func (d *Dispatcher) heartbeat(ctx context.Context, r fabric.Request) (answer, error) {
	var beat wire.Heartbeat
	if err := r.Frame.Decode(wire.KindHeartbeat, &beat); err != nil {
		return answer{}, err
	}
	if beat.Capacity.Tasks < 0 || beat.Capacity.Bytes < 0 {
		return answer{}, yonder.FieldErrorf(yonder.CodeInvalidRequest, "capacity", "capacity cannot be negative")
	}
	repeat, waits, err := d.Store.Heartbeat(ctx, r.Endpoint, beat, d.Now())
	if err != nil {
		return answer{}, err
	}
	a, err := reply(wire.KindHeartbeatReply, repeat)
	a.claim = waits
	return a, err
}

func (d *Dispatcher) function(ctx context.Context, r fabric.Request) (answer, error) {
	var get wire.FunctionGet
	if err := r.Frame.Decode(wire.KindFunctionGet, &get); err != nil {
		return answer{}, err
	}
	body, err := d.Store.LeasedFunctionBody(ctx, r.Endpoint, get.Hash)
	if err != nil {
		return answer{}, err
	}
	header := wire.FunctionBody{Hash: get.Hash}
	if len(body) > wire.MaxFabricFrame-frameMargin {
		header.Blob = &wire.Blob{Size: int64(len(body)), SHA256: get.Hash}
		return reply(wire.KindFunction, header)
	}
	return reply(wire.KindFunction, header, body)
}

func (d *Dispatcher) close(ctx context.Context, r fabric.Request) (answer, error) {
	var end wire.Spans
	if err := r.Frame.Decode(wire.KindSessionClose, &end); err != nil {
		return answer{}, err
	}
	if err := d.Store.CloseSession(ctx, r.Endpoint, end.Epoch, d.Now()); err != nil {
		return answer{}, err
	}
	d.Log.InfoContext(ctx, "session closed", "endpoint", r.Endpoint, "epoch", end.Epoch)
	return reply(wire.KindSpans, wire.Spans{Epoch: end.Epoch, Spans: []wire.Span{}})
}

func reply(kind wire.Kind, header any, columns ...[]byte) (answer, error) {
	frame, err := wire.NewFrame(kind, header, columns...)
	return answer{frame: frame}, err
}

package doctor

import (
	"context"
	_ "embed" // the function below
	"fmt"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// noop is the body of a function that does nothing, as the Python package
// packs it: source that any Python from 3.9 on runs.
//
//go:embed noop.json
var noop []byte

// noopName is what the function is called at the service. It stays there:
// the same body under the same name is the same version.
const noopName = "yonder-doctor"

// result runs a task and says where its time went.
func result(ctx context.Context, x *examination) Finding {
	if !x.Run {
		return Finding{}
	}
	ctx, cancel := context.WithTimeout(ctx, x.Patience)
	defer cancel()
	begun := x.now()
	f, err := x.client.RegisterFunction(ctx, wire.RegisterFunction{
		Anonymous: true,
		Name:      noopName, Body: noop, Description: "what \"yonder doctor\" runs: nothing", Signature: &yonder.Signature{Params: []yonder.Param{}},
	})
	if err != nil {
		return failure(err)
	}
	b := wire.Bundle{ID: yonder.NewBundleID(), Group: yonder.NewID(), Function: f.ID, Endpoint: x.endpoint.ID, Label: noopName}
	registered := x.now()
	if _, err := x.client.SubmitCalls(ctx, b, wire.Call{}); err != nil {
		return failure(err)
	}
	submitted := x.now()
	return x.await(ctx, b.ID.Task(0), []stage{{"register", registered.Sub(begun)}, {"submit", submitted.Sub(registered)}})
}

// stage is a part of a task's way, and how long it took.
type stage struct {
	name string
	took time.Duration
}

// await waits for the result, for ever long as the context allows.
func (x *examination) await(ctx context.Context, task yonder.ID, stages []stage) Finding {
	since := x.now()
	for {
		r, err := x.client.Result(ctx, task, x.Patience)
		if yonder.CodeOf(err) == yonder.CodeNotFound && ctx.Err() == nil {
			continue
		}
		if ctx.Err() != nil {
			return x.tooLate(ctx, task)
		}
		if err != nil {
			return failure(err)
		}
		if r.Error != nil {
			return failed(r.Error.Code, "", "the task failed: %s", r.Error.Message)
		}
		break
	}
	waited := x.now().Sub(since)
	t, err := x.client.Task(ctx, task)
	if err != nil {
		return failure(err)
	}
	if t.Started != nil && t.Finished != nil {
		run := t.Finished.Sub(*t.Started)
		start := max(0, t.Started.Sub(t.Submitted))
		stages = append(stages, stage{"start", start}, stage{"run", run}, stage{"return", max(0, waited-start-run)})
	}
	text, total := "", time.Duration(0)
	for _, s := range stages {
		text += fmt.Sprintf(", %s %s", s.name, milliseconds(s.took))
		total += s.took
	}
	return fine("a task was there and back in %s%s", milliseconds(total), text)
}

// tooLate says what the task is doing instead. It is cancelled: nobody wants
// it any more.
func (x *examination) tooLate(ctx context.Context, task yonder.ID) Finding {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	doing := "the service does not say what the task is doing"
	if e, err := x.client.Explain(ctx, "tasks", task); err == nil {
		doing = e.Summary
	}
	_, _ = x.client.Cancel(ctx, "tasks", task) // it would only do nothing
	return failed(yonder.CodeTimeout, "wait longer with --timeout, or look at it: yonder endpoint explain "+x.endpoint.Name,
		"a task had no result after %s: %s", x.Patience, doing)
}

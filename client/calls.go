package client

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Args is a call with arguments by position; what encoding/json encodes may be one.
func Args(args ...any) wire.Call { return wire.Call{Args: args} }

// Run submits one call and returns its task. The bundle says what runs where;
// a group and an id, the idempotency key, are made up if it has none.
func (c *Client) Run(ctx context.Context, b wire.Bundle, args ...any) (yonder.ID, error) {
	submitted, err := c.SubmitCalls(ctx, b, Args(args...))
	if err != nil {
		return yonder.ID{}, err
	}
	return submitted.Bundles[0].ID.Task(0), nil
}

// RunAll submits any number of calls of one function, in as many bundles as
// they need, and returns their tasks in order. After an error, the tasks that
// it returns were accepted. The bundle's id goes to the first.
func (c *Client) RunAll(ctx context.Context, b wire.Bundle, calls ...wire.Call) ([]yonder.ID, error) {
	if b.Group.IsZero() {
		b.Group = yonder.NewID()
	}
	info, err := c.Version(ctx)
	if err != nil {
		return nil, err
	}
	tasks := make([]yonder.ID, 0, len(calls))
	for part := range slices.Chunk(calls, min(max(info.Limits.BundleTasks, 1), callsAtOnce)) {
		packed, err := c.pack(ctx, b, part, info.Limits)
		for _, one := range packed {
			if err == nil {
				_, err = c.Submit(ctx, one)
			}
			if err != nil {
				break
			}
			for i := range one.Tasks {
				tasks = append(tasks, one.ID.Task(i))
			}
		}
		if err != nil {
			return tasks, err
		}
		b.ID = yonder.ID{}
	}
	return tasks, nil
}

// callsAtOnce is of one bundle: enough to make its cost small.
const callsAtOnce = 1000

// SubmitCalls submits calls with JSON arguments as one bundle. Arguments that
// are too large to travel with the others are uploaded first.
func (c *Client) SubmitCalls(ctx context.Context, b wire.Bundle, calls ...wire.Call) (wire.Submitted, error) {
	if b.ID.IsZero() {
		b.ID = yonder.NewBundleID()
	}
	if b.Group.IsZero() {
		b.Group = yonder.NewID()
	}
	submitted, err := c.submitCalls(ctx, b, calls)
	var refusal *yonder.Error
	if !errors.As(err, &refusal) || refusal.Code != yonder.CodeTooLarge || refusal.Field != "payloads" {
		return submitted, err
	}
	info, err := c.Version(ctx)
	if err != nil {
		return submitted, err
	}
	info.Limits.RequestBytes = 0 // one bundle, whatever its size
	packed, err := c.pack(ctx, b, calls, info.Limits)
	if err != nil {
		return submitted, err
	}
	return c.Submit(ctx, packed...)
}

// pack makes bundles of calls, so many that each fits a request, and uploads
// payloads that are over the limit.
func (c *Client) pack(ctx context.Context, b wire.Bundle, calls []wire.Call, limits wire.Limits) ([]BundlePayloads, error) {
	var all []BundlePayloads
	var size int64
	for _, call := range calls {
		payload, err := wire.PackCall(call)
		if err != nil {
			return all, err
		}
		inline := int64(len(payload)) <= limits.InlineBytes
		if inline {
			size += int64(len(payload))
		}
		// Half, because the request holds more than payloads.
		if all == nil || limits.RequestBytes > 0 && size > limits.RequestBytes/2 {
			all = append(all, empty(b))
			b.ID, size = yonder.ID{}, int64(len(payload))
		}
		to := &all[len(all)-1]
		if !inline {
			if to.Blobs[to.Tasks], err = c.UploadBlob(ctx, bytes.NewReader(payload)); err != nil {
				return all, err
			}
			payload = nil
		}
		to.Payloads = append(to.Payloads, payload)
		to.Shapes = addShape(to.Shapes, call)
		to.Tasks++
	}
	return all, nil
}

func empty(b wire.Bundle) BundlePayloads {
	if b.ID.IsZero() {
		b.ID = yonder.NewBundleID()
	}
	b.Form, b.Codec, b.Tasks, b.Blobs, b.Shapes = wire.FormEach, "json", 0, map[int]wire.Blob{}, nil
	return BundlePayloads{Bundle: b}
}

// addShape adds the call's shape unless it is there.
func addShape(shapes []wire.Shape, call wire.Call) []wire.Shape {
	shape := wire.Shape{Positional: len(call.Args)}
	for name := range call.Kwargs {
		shape.Keywords = append(shape.Keywords, name)
	}
	slices.Sort(shape.Keywords)
	same := func(s wire.Shape) bool {
		return s.Positional == shape.Positional && slices.Equal(s.Keywords, shape.Keywords)
	}
	if slices.ContainsFunc(shapes, same) {
		return shapes
	}
	return append(shapes, shape)
}

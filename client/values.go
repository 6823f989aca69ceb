package client

import (
	"bytes"
	"context"
	"encoding/json"
	"io"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// RemoteError is what a function raised. errors.As finds a *yonder.Error with
// CodeFunctionFailed in it, too.
type RemoteError struct {
	Type      string   `json:"type"`
	Module    string   `json:"module"`
	Message   string   `json:"message"`
	Traceback string   `json:"traceback"`
	Notes     []string `json:"notes"`
	// Values are what a generator had yielded before: a list where arguments
	// are JSON, otherwise a text that Python reads.
	Values json.RawMessage `json:"values,omitempty"`
	// Result is what a shell function with check left behind: a shell.Result.
	Result json.RawMessage `json:"result,omitempty"`

	cause *yonder.Error
}

// Error is the type and the message.
func (e *RemoteError) Error() string { return e.cause.Error() }

// Unwrap returns a *yonder.Error.
func (e *RemoteError) Unwrap() error { return e.cause }

// Err is how a task went wrong: an *RemoteError that the function raised, or the
// *yonder.Error of a task that was cancelled, lost and so on; nil for a task
// that has a value.
func Err(r wire.Result) error {
	if r.Outcome == wire.OutcomeOK {
		return nil
	}
	why := yonder.Errorf(yonder.CodeFunctionFailed, "task %s failed", r.Task)
	if r.Error != nil {
		why = yonder.Errorf(r.Error.Code, "%s", r.Error.Message)
	}
	if r.Outcome != wire.OutcomeException {
		return why
	}
	e := &RemoteError{cause: why}
	if body, err := jsonOf(r); err == nil {
		_ = json.Unmarshal(body, e) // what cannot be read stays empty
	}
	return e
}

// Value decodes what a task returned, or gives its Err. Python packs results
// in the codec of the arguments: calls with JSON arguments have JSON values.
func Value[T any](r wire.Result) (T, error) {
	var value T
	if err := Err(r); err != nil {
		return value, err
	}
	body, err := jsonOf(r)
	if err != nil {
		return value, err
	}
	if err := json.Unmarshal(body, &value); err != nil {
		return value, yonder.Errorf(yonder.CodeCodecMismatch, "the value of task %s is of another type: %w", r.Task, err)
	}
	return value, nil
}

// jsonOf is a result's value in JSON, exactly as it came.
func jsonOf(r wire.Result) (json.RawMessage, error) {
	if raw, ok := r.Value.(json.RawMessage); ok {
		return raw, nil
	}
	if len(r.Payload) == 0 && r.Value != nil {
		return json.Marshal(r.Value) //nolint:wrapcheck // it was decoded from JSON
	}
	payload, err := wire.ParsePayload(r.Payload)
	switch {
	case err != nil:
		return nil, err
	case payload.Codec != "json" || payload.Chunk:
		return nil, yonder.Errorf(yonder.CodeCodecMismatch,
			"the value of task %s was packed by Python (%s): read it there, or submit with JSON arguments", r.Task, payload.Codec)
	}
	return payload.Body, nil
}

// Fetch downloads a value that is too large to be part of its result, and
// changes the result as if it were.
func (c *Client) Fetch(ctx context.Context, r *wire.Result) error {
	if r.Blob != nil && len(r.Payload) == 0 {
		body, err := c.DownloadBlob(ctx, r.Blob.ID)
		if err != nil {
			return err
		}
		defer body.Close()
		r.Payload, err = io.ReadAll(io.LimitReader(body, r.Blob.Size))
		if err != nil || int64(len(r.Payload)) != r.Blob.Size {
			return yonder.Errorf(yonder.CodeUnavailable, "the download of task %s's value broke off", r.Task)
		}
	}
	if len(r.Payload) == 0 {
		return nil
	}
	payload, err := wire.ParsePayload(r.Payload)
	if err == nil {
		r.Codec = payload.Codec // what only Python can read stays a payload
	}
	if payload.Codec == "json" && !payload.Chunk && json.Valid(payload.Body) {
		r.Value = json.RawMessage(payload.Body) // exact, where decoding would round numbers
	}
	return nil
}

// Split makes one result for every task of a result that was fetched. Values
// that only Python can read stay in their chunk, which every task's result then has.
func Split(r wire.Result) ([]wire.Result, error) {
	if r.Hi <= r.Lo {
		return []wire.Result{r}, nil
	}
	all := make([]wire.Result, 0, r.Hi-r.Lo)
	items, err := itemsOf(r)
	if err != nil {
		return nil, err
	}
	for i := r.Lo; i < r.Hi; i++ {
		one := r
		one.Task, one.Lo, one.Hi = r.Task.Bundle().Task(i), i, i+1
		if items != nil {
			one.Form, one.Skip, one.Payload, one.Value = wire.FormEach, 0, nil, nil
			one.Blob = nil
			put(&one, r.Payload[:wire.PrefixLen], items[r.Skip+i-r.Lo])
		}
		all = append(all, one)
	}
	return all, nil
}

// put gives a result its value out of a chunk. What is no standard JSON, such as
// NaN, stays a payload.
func put(r *wire.Result, prefix, item []byte) {
	if json.Valid(item) {
		r.Value = json.RawMessage(item)
		return
	}
	r.Payload = append(bytes.Clone(prefix), item...)
	r.Payload[wire.FlagsAt] = 0
}

// itemsOf splits a chunk of JSON; what is pickled stays whole, for Python.
func itemsOf(r wire.Result) ([][]byte, error) {
	if r.Form != wire.FormChunk || r.Outcome != wire.OutcomeOK {
		return nil, nil
	}
	payload, err := wire.ParsePayload(r.Payload)
	if err != nil || payload.Codec != "json" {
		return nil, nil //nolint:nilerr // what only Python can read stays a payload
	}
	items, err := wire.ChunkItems(payload.Body, wire.ChunkOfValues)
	if err == nil && len(items) < r.Skip+r.Hi-r.Lo {
		err = yonder.Errorf(yonder.CodeCodecMismatch, "the chunk does not hold a value for each of its tasks")
	}
	return items, err
}

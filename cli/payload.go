package cli

import (
	"context"
	"encoding/json"
	"io"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// prefixLen is what stands before a payload: "Y1", the codec, flags, the
// packing Python's version, two zero bytes.
const prefixLen = 8

// codecs by the third byte of the prefix.
var codecs = map[byte]string{'p': "pickle", 'j': "json", 'r': "raw"}

// exception is the payload of a result that a function raised.
type exception struct {
	Type      string   `json:"type"`
	Message   string   `json:"message"`
	Traceback string   `json:"traceback"`
	Notes     []string `json:"notes"`
}

// fill fetches a payload that travelled out of line, and sets Value to the
// exact JSON that the function returned: decoding it here would round numbers.
func fill(ctx context.Context, c *client.Client, r *wire.Result) error {
	if r.Blob != nil && len(r.Payload) == 0 {
		body, err := c.DownloadBlob(ctx, r.Blob.ID)
		if err != nil {
			return err
		}
		defer body.Close()
		if r.Payload, err = io.ReadAll(io.LimitReader(body, r.Blob.Size)); err != nil {
			return yonder.Errorf(yonder.CodeUnavailable, "reading the result: %w", err)
		}
	}
	if len(r.Payload) < prefixLen || string(r.Payload[:2]) != "Y1" {
		return nil
	}
	r.Codec = codecs[r.Payload[2]]
	if r.Codec == "json" && json.Valid(r.Payload[prefixLen:]) {
		r.Value, r.Payload, r.Blob = json.RawMessage(r.Payload[prefixLen:]), nil, nil
	}
	return nil
}

// single takes the task's own value out of a chunk's.
func single(r wire.Result) (wire.Result, error) {
	all, err := expand(r)
	if err != nil || len(all) == 1 {
		return all[0], err
	}
	i := r.Task.Index() - r.Lo
	if i < 0 || i >= len(all) {
		return r, yonder.Errorf(yonder.CodeMalformedFrame, "the chunk of results does not hold that of task %s", r.Task)
	}
	return all[i], nil
}

// expand makes a result for each task of a chunk whose values can be read
// here; anything else stays one.
func expand(r wire.Result) ([]wire.Result, error) {
	raw, ok := r.Value.(json.RawMessage)
	if !ok || r.Form != wire.FormChunk || r.Outcome != wire.OutcomeOK {
		return []wire.Result{r}, nil
	}
	var values []json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil || r.Hi <= r.Lo || len(values) < r.Skip+r.Hi-r.Lo {
		return []wire.Result{r}, yonder.Errorf(yonder.CodeCodecMismatch, "the chunk of results does not hold one value for each of its tasks")
	}
	var all []wire.Result
	for i := r.Lo; i < r.Hi; i++ {
		one := r
		one.Task, one.Value = r.Task.Bundle().Task(i), values[r.Skip+i-r.Lo]
		one.Form, one.Lo, one.Hi, one.Skip = wire.FormEach, i, i+1, 0
		all = append(all, one)
	}
	return all, nil
}

// outcome turns a result that is no value into an error.
func outcome(r wire.Result) error {
	if r.Outcome == wire.OutcomeOK {
		return nil
	}
	if r.Error == nil {
		return yonder.Errorf(yonder.CodeFunctionFailed, "task %s failed", r.Task)
	}
	return yonder.Errorf(r.Error.Code, "%s", r.Error.Message)
}

// human is how a value is printed for people: a text as it is, anything else
// as JSON.
func human(r wire.Result) (string, error) {
	raw, ok := r.Value.(json.RawMessage)
	if !ok {
		return foreign(r)
	}
	var s string
	if json.Unmarshal(raw, &s) == nil && string(raw) != "null" {
		return s, nil
	}
	return string(raw), nil
}

// foreign explains a value that only Python can read; JSON that is not
// standard, such as NaN, is shown as it came.
func foreign(r wire.Result) (string, error) {
	if r.Codec == "json" || r.Codec == "raw" {
		return string(r.Payload[prefixLen:]), nil
	}
	return "", yonder.Errorf(yonder.CodeCodecMismatch,
		"the value was packed by Python (%s): read it there, with yonder.Client().result(%q)", r.Codec, r.Task.String())
}

package cli

import (
	"context"
	"encoding/json"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// exception is the payload of a result that a function raised.
type exception struct {
	Type      string   `json:"type"`
	Message   string   `json:"message"`
	Traceback string   `json:"traceback"`
	Notes     []string `json:"notes"`
	// Values are what a generator had yielded before.
	Values json.RawMessage `json:"values"`
}

// fill fetches a payload that travelled out of line. What is JSON becomes the
// value alone, exactly as the function returned it: decoding would round numbers.
func fill(ctx context.Context, c *client.Client, r *wire.Result) error {
	if err := c.Fetch(ctx, r); err != nil {
		return err
	}
	if _, ok := r.Value.(json.RawMessage); ok {
		r.Payload, r.Blob = nil, nil
	}
	return nil
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
		return string(r.Payload[wire.PrefixLen:]), nil
	}
	return "", yonder.Errorf(yonder.CodeCodecMismatch,
		"the value was packed by Python (%s): read it there, with yonder.Client().result(%q)", r.Codec, r.Task.String())
}

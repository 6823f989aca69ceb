package results

import (
	"encoding/json"
	"fmt"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// prefixLen is what the Python client and JSON calls put before a payload:
// "Y1", the codec, flags, the packing Python's version, two zero bytes.
const prefixLen = 8

// codecs by the third byte of the prefix.
var codecs = map[byte]string{'p': "pickle", 'j': "json", 'r': "raw"}

// JSON returns the JSON form of a result for the task, one of the entry's.
// Values of codec json are decoded, for readers without the Python package.
func JSON(task yonder.ID, e wire.ResultEntry, payload []byte) wire.Result {
	r := wire.Result{
		Task: task, Outcome: e.Outcome, Blob: e.Blob, Stdout: e.Stdout, Stderr: e.Stderr,
		Attempt: e.Attempt, Cursor: e.Cursor, Form: e.Form, Lo: e.Lo, Hi: e.Hi, Skip: e.Skip,
	}
	switch e.Outcome {
	case wire.OutcomeOK:
		r.Payload = payload
		r.Codec, r.Value = decode(payload)
	case wire.OutcomeException:
		r.Payload = payload
		r.Codec, r.Value = decode(payload)
		r.Error = &wire.TaskError{Code: yonder.CodeFunctionFailed, Message: describe(r.Value)}
	case wire.OutcomeFailed:
		r.Error = &wire.TaskError{}
		if json.Unmarshal(payload, r.Error) != nil || r.Error.Code == "" {
			*r.Error = wire.TaskError{Code: yonder.CodeInternal, Message: "the endpoint gave no readable reason"}
		}
	}
	return r
}

// JSONPage returns one Result per entry; a chunk's stands for all its tasks.
func JSONPage(page wire.ResultPage, columns [][]byte) []wire.Result {
	all := make([]wire.Result, len(page.Entries))
	for i, e := range page.Entries {
		all[i] = JSON(e.Bundle.Task(e.Lo), e, columns[i])
	}
	return all
}

// decode returns the codec and, for JSON, the value. What is no JSON stays a
// payload for the reader to judge.
func decode(payload []byte) (codec string, value any) {
	if len(payload) < prefixLen || string(payload[:2]) != "Y1" {
		return "", nil
	}
	codec = codecs[payload[2]]
	if codec == "json" && json.Valid(payload[prefixLen:]) {
		value = json.RawMessage(payload[prefixLen:])
	}
	return codec, value
}

// describe says what an exception was in one line.
func describe(value any) string {
	raw, _ := value.(json.RawMessage)
	var exception struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &exception) != nil || exception.Type == "" {
		return "the function raised an exception"
	}
	return fmt.Sprintf("the function raised %s: %s", exception.Type, exception.Message)
}

package api

import (
	"encoding/json"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// jsonPrefix is what stands before a payload of codec json that any Python
// may load.
var jsonPrefix = []byte{'Y', '1', 'j', 0, 0, 0, 0, 0}

// packedCall is a call as the worker reads it: both parts are always there.
type packedCall struct {
	Args   []any          `json:"args"`
	Kwargs map[string]any `json:"kwargs"`
}

// packCalls makes payloads, and the shapes to check, of calls in JSON.
func packCalls(s submission, submit wire.Submit) (submission, error) {
	if len(submit.Payloads) > 0 {
		return s, yonder.FieldErrorf(yonder.CodeInvalidRequest, "calls", "a bundle has calls or payloads, not both")
	}
	if s.Codec == "" {
		s.Codec = "json"
	}
	if s.Form == "" {
		s.Form = wire.FormEach
	}
	if s.Tasks == 0 {
		s.Tasks = len(submit.Calls)
	}
	if s.Codec != "json" || s.Form != wire.FormEach {
		return s, yonder.FieldErrorf(yonder.CodeInvalidRequest, "calls", "calls go with the codec json and the form %q", wire.FormEach)
	}
	s.Shapes = nil
	for _, call := range submit.Calls {
		payload, err := pack(call)
		if err != nil {
			return s, err
		}
		s.payloads = append(s.payloads, payload)
		s.Shapes = addShape(s.Shapes, call)
	}
	return s, nil
}

func pack(call wire.Call) ([]byte, error) {
	packed := packedCall{Args: call.Args, Kwargs: call.Kwargs}
	if packed.Args == nil {
		packed.Args = []any{}
	}
	if packed.Kwargs == nil {
		packed.Kwargs = map[string]any{}
	}
	data, err := json.Marshal(packed)
	if err != nil {
		return nil, yonder.FieldErrorf(yonder.CodeInvalidRequest, "calls", "a call cannot be packed: %w", err)
	}
	return append(slices.Clone(jsonPrefix), data...), nil
}

// addShape adds the call's shape unless it is there.
func addShape(shapes []wire.Shape, call wire.Call) []wire.Shape {
	shape := wire.Shape{Positional: len(call.Args)}
	for name := range call.Kwargs {
		shape.Keywords = append(shape.Keywords, name)
	}
	slices.Sort(shape.Keywords)
	if slices.ContainsFunc(shapes, func(s wire.Shape) bool {
		return s.Positional == shape.Positional && slices.Equal(s.Keywords, shape.Keywords)
	}) {
		return shapes
	}
	return append(shapes, shape)
}

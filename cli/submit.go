package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// jsonPrefix is what stands before JSON that any Python may load.
var jsonPrefix = []byte{'Y', '1', 'j', 0, 0, 0, 0, 0}

// submit sends calls as they are, and packed with uploads only if the service
// finds one of them too large for that.
func submit(ctx context.Context, c *client.Client, b wire.Bundle, calls []wire.Call) error {
	_, err := c.SubmitCalls(ctx, b, calls...)
	var refusal *yonder.Error
	if !errors.As(err, &refusal) || refusal.Code != yonder.CodeTooLarge || refusal.Field != "payloads" {
		return err
	}
	info, err := c.Version(ctx)
	if err != nil {
		return err
	}
	packed, err := pack(ctx, c, b, calls, info.Limits.InlineBytes)
	if err != nil {
		return err
	}
	_, err = c.Submit(ctx, packed)
	return err
}

// pack makes payloads of calls, and uploads those over the limit.
func pack(ctx context.Context, c *client.Client, b wire.Bundle, calls []wire.Call, limit int64) (client.BundlePayloads, error) {
	b.Tasks, b.Form, b.Codec, b.Blobs = len(calls), wire.FormEach, "json", map[int]wire.Blob{}
	packed := client.BundlePayloads{Payloads: make([][]byte, len(calls))}
	for i, call := range calls {
		payload, err := packCall(call)
		if err != nil {
			return packed, err
		}
		b.Shapes = append(b.Shapes, shape(call))
		if int64(len(payload)) <= limit {
			packed.Payloads[i] = payload
			continue
		}
		if b.Blobs[i], err = c.UploadBlob(ctx, bytes.NewReader(payload)); err != nil {
			return packed, err
		}
	}
	b.Shapes = distinct(b.Shapes)
	packed.Bundle = b
	return packed, nil
}

func packCall(call wire.Call) ([]byte, error) {
	kwargs := call.Kwargs
	if kwargs == nil {
		kwargs = map[string]any{} // both parts are always there
	}
	data, err := json.Marshal(map[string]any{"args": append([]any{}, call.Args...), "kwargs": kwargs})
	if err != nil {
		return nil, yonder.Errorf(yonder.CodeUnserialisable, "arguments are not JSON: %w", err)
	}
	return append(slices.Clone(jsonPrefix), data...), nil
}

func shape(call wire.Call) wire.Shape {
	s := wire.Shape{Positional: len(call.Args)}
	for name := range call.Kwargs {
		s.Keywords = append(s.Keywords, name)
	}
	slices.Sort(s.Keywords)
	return s
}

func distinct(shapes []wire.Shape) []wire.Shape {
	var all []wire.Shape
	for _, s := range shapes {
		same := func(o wire.Shape) bool { return o.Positional == s.Positional && slices.Equal(o.Keywords, s.Keywords) }
		if !slices.ContainsFunc(all, same) {
			all = append(all, s)
		}
	}
	return all
}

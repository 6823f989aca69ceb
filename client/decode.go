package client

import (
	"context"
	"encoding/json"
	"io"
	"net/url"

	"github.com/yonder-run/yonder"
)

// fetch makes a call whose answer is a T.
func fetch[T any](ctx context.Context, c *Client, method, path string, query url.Values, v any) (T, error) {
	var out T
	err := c.call(ctx, method, path, query, v, &out)
	return out, err
}

// decode reads a T from the answer of send.
func decode[T any](answer io.ReadCloser, err error) (T, error) {
	var out T
	err = decodeInto(answer, err, &out)
	return out, err
}

func decodeInto(answer io.ReadCloser, err error, out any) error {
	if err != nil {
		return err
	}
	if err := json.NewDecoder(answer).Decode(out); err != nil {
		_ = answer.Close()
		return yonder.Errorf(yonder.CodeUnavailable, "reading the service's answer: %w", err)
	}
	return discard(answer, nil)
}

// discard reads the rest of an answer, so that its connection can be used again.
func discard(answer io.ReadCloser, err error) error {
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer, maxErrorBody))
	_ = answer.Close()
	return nil
}

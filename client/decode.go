package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/yonder-run/yonder"
)

// fetch makes a call whose answer is a T.
func fetch[T any](ctx context.Context, c *Client, method, path string, query url.Values, v any) (T, error) {
	var out T
	err := c.call(ctx, method, path, query, v, &out)
	return out, err
}

// repeat is fetch for a POST that is harmless to repeat.
func repeat[T any](ctx context.Context, c *Client, path string, v any) (T, error) {
	body, err := json.Marshal(v)
	if err != nil {
		var none T
		return none, fmt.Errorf("encoding request: %w", err)
	}
	return decode[T](c.send(ctx, request{
		method: http.MethodPost, path: path, body: body, contentType: "application/json", idempotent: true,
	}))
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
		var noJSON *json.SyntaxError
		if errors.As(err, &noJSON) {
			return yonder.Errorf(yonder.CodeInvalidConfig, "the answer did not come from a Yonder service (%w): check the address and any proxy", err)
		}
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

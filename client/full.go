package client

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// WaitWhenFull makes submissions wait while a queue or a quota of theirs is
// full, until their context ends. Tell is called once for each that waits,
// with the reason; it may be nil. Without this option a full queue is an error
// at once, with CodeLimitReached, and Reached says which limit it is.
func WaitWhenFull(tell func(reason *yonder.Error)) Option {
	return func(c *Client) error {
		c.whenFull = tell
		if tell == nil {
			c.whenFull = func(*yonder.Error) {}
		}
		return nil
	}
}

// submit sends a submission, again and again if it is to wait for room.
func (c *Client) submit(ctx context.Context, body []byte, contentType string) (wire.Submitted, error) {
	told := false
	for {
		answer, err := decode[wire.Submitted](c.send(ctx, request{
			method: http.MethodPost, path: "/v1/bundles", body: body, contentType: contentType, idempotent: true,
		}))
		if c.whenFull == nil || yonder.CodeOf(err) != yonder.CodeLimitReached {
			return answer, err
		}
		full := yonder.Public(err)
		if !told {
			c.whenFull(full)
			told = true
		}
		timer := time.NewTimer(max(full.RetryAfter, 100*time.Millisecond))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return answer, err
		}
	}
}

// retryAfter is how long an answer asks to wait.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 3600 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

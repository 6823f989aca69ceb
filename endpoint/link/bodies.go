package link

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// maxFunction bounds a function's body, which is held in memory.
const maxFunction = 64 << 20

// Function returns a function's body, checked against its hash.
func (l *Link) Function(ctx context.Context, epoch int64, hash string) ([]byte, error) {
	frame, err := l.request(ctx, "function", wire.KindFunctionGet, wire.FunctionGet{Epoch: epoch, Hash: hash})
	if err != nil {
		return nil, err
	}
	var answer wire.FunctionBody
	if err := frame.Decode(wire.KindFunction, &answer); err != nil {
		return nil, err
	}
	var body []byte
	if answer.Blob != nil {
		body, err = l.largeFunction(ctx, hash)
	} else if len(frame.Columns) > 0 {
		body = frame.Columns[0]
	}
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != hash {
		return nil, yonder.Errorf(yonder.CodeInternal, "the service sent another function than %s", hash)
	}
	return body, nil
}

func (l *Link) largeFunction(ctx context.Context, hash string) ([]byte, error) {
	return retry(ctx, l, "function body", func(ctx context.Context) ([]byte, error) {
		resp, err := l.do(ctx, http.MethodGet, "/v1/agent/functions/"+hash, nil, 0)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		return io.ReadAll(io.LimitReader(resp.Body, maxFunction))
	})
}

// Blob opens the stream of a payload on behalf of the task that it is of.
func (l *Link) Blob(ctx context.Context, task, blob yonder.ID) (io.ReadCloser, error) {
	return retry(ctx, l, "blob", func(ctx context.Context) (io.ReadCloser, error) {
		resp, err := l.do(ctx, http.MethodGet, fmt.Sprintf("/v1/agent/tasks/%s/blobs/%s", task, blob), nil, 0)
		if err != nil {
			return nil, err
		}
		return resp.Body, nil
	})
}

// PutResult uploads a result's body, which open returns anew for every try.
func (l *Link) PutResult(
	ctx context.Context, task yonder.ID, attempt int, size int64, open func() (io.ReadCloser, error),
) (wire.Blob, error) {
	return retry(ctx, l, "result body", func(ctx context.Context) (wire.Blob, error) {
		body, err := open()
		if err != nil {
			return wire.Blob{}, yonder.Errorf(yonder.CodeNotFound, "the result's file cannot be read: %w", err)
		}
		return l.TryPutResult(ctx, task, attempt, size, body)
	})
}

// TryPutResult is PutResult with one try, which closes the body.
func (l *Link) TryPutResult(ctx context.Context, task yonder.ID, attempt int, size int64, body io.ReadCloser) (wire.Blob, error) {
	defer body.Close()
	resp, err := l.do(ctx, http.MethodPut, fmt.Sprintf("/v1/agent/tasks/%s/result-blob?attempt=%d", task, attempt), body, size)
	if err != nil {
		return wire.Blob{}, err
	}
	defer resp.Body.Close()
	var blob wire.Blob
	if err := json.NewDecoder(resp.Body).Decode(&blob); err != nil {
		return wire.Blob{}, fmt.Errorf("reading the answer to an upload: %w", err)
	}
	return blob, nil
}

// do makes one request; an answer that is not 2xx is an error.
func (l *Link) do(ctx context.Context, method, path string, body io.Reader, size int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, l.cfg.URL+path, body)
	if err != nil {
		return nil, fmt.Errorf("preparing request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+l.cfg.Credential)
	if body != nil {
		req.ContentLength = size
		req.Header.Set("Content-Type", wire.TypeBytes)
	}
	resp, err := l.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking the service: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, answerError(resp)
	}
	return resp, nil
}

// answerError is the error that an answer carries. One without a readable
// body, as of a proxy, gets its code from the status.
func answerError(resp *http.Response) error {
	var refused yonder.Error
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil && json.Unmarshal(data, &refused) == nil && refused.Code != "" {
		return &refused
	}
	code := yonder.CodeUnavailable
	for _, info := range yonder.Codes {
		if info.HTTP == resp.StatusCode && resp.StatusCode < http.StatusInternalServerError {
			code = info.Code
			break
		}
	}
	return yonder.Errorf(code, "the service answered %s", resp.Status)
}

package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Results returns results of a group after the cursor, in cursor order. If
// there is none yet it waits up to wait, and returns none after that. The last
// one's cursor is where the next call goes on.
func (c *Client) Results(ctx context.Context, group yonder.ID, cursor int64, wait time.Duration) ([]wire.Result, error) {
	query := url.Values{"cursor": {strconv.FormatInt(cursor, 10)}, "wait": {wait.String()}}
	return fetch[[]wire.Result](ctx, c, http.MethodGet, "/v1/groups/"+group.String()+"/results", query, nil)
}

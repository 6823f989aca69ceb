package cli

import (
	"context"

	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// submit sends calls as one bundle.
func submit(ctx context.Context, c *client.Client, b wire.Bundle, calls []wire.Call) error {
	_, err := c.SubmitCalls(ctx, b, calls...)
	return err
}

package client

import (
	"context"
	"encoding/json"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
	"github.com/yonder-run/yonder/wire/shell"
)

// RegisterShell registers a shell function; the same one under the same name
// is the same version. Value[shell.Result] reads what its tasks return.
func (c *Client) RegisterShell(ctx context.Context, name string, f shell.Function) (yonder.Function, error) {
	if _, err := f.Compile(); err != nil {
		return yonder.Function{}, err
	}
	body, err := json.Marshal(f)
	if err != nil {
		return yonder.Function{}, yonder.Errorf(yonder.CodeUnserialisable, "a default is not JSON: %w", err)
	}
	return c.RegisterFunction(ctx, wire.RegisterFunction{Name: name, Kind: yonder.KindShell, Body: body})
}

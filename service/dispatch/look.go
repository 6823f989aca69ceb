package dispatch

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// lookTime is how long an agent may take to say how things are: people wait.
// It lets the agent wait a second for a manager.
const lookTime = 2 * time.Second

// Look asks the endpoint's agent how things are, and waits briefly.
func (d *Dispatcher) Look(ctx context.Context, endpoint yonder.ID, look wire.Look) (wire.View, error) {
	var view wire.View
	frame, err := wire.NewFrame(wire.KindLook, look)
	if err != nil {
		return view, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	answer, err := d.Fabric.Ask(ctx, endpoint, "look", frame)
	if err != nil {
		return view, err
	}
	return view, answer.Decode(wire.KindView, &view)
}

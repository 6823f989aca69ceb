package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint"
)

// resetWithin is how long an agent may take to notice; it looks every 2 s.
const resetWithin = 20 * time.Second

func newEndpointResetBreaker(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "reset-breaker NAME",
		Short: "Have an endpoint of this machine try again what it has given up",
		Long: "An endpoint stops to ask for blocks, and its nodes stop to start workers, that have failed several times in a\n" +
			"row with the same cause. Once that is mended, this command has them try again at once. Starting the endpoint\n" +
			"anew does the same.",
		Example: "  yonder endpoint reset-breaker cluster",
		Args:    needs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, config, err := a.configured(args[0])
			if err != nil {
				return err
			}
			if err := e.away(); err != nil {
				return err
			}
			if e.State != hereRunning {
				return yonder.Errorf(yonder.CodeNotRunning,
					"the agent of %s does not run; its breakers are closed when \"yonder endpoint start %s\" starts it", e.Name, e.Name)
			}
			progress := a.Progress(cmd.Context(), "waiting for the agent to take note of it")
			defer progress.Stop()
			waiting, cancel := context.WithTimeoutCause(cmd.Context(), resetWithin, errWaited)
			defer cancel()
			if err := endpoint.ResetBreaker(waiting, config.StateDir); err != nil {
				return err
			}
			return a.Show(map[string]any{"name": e.Name, "reset": true}, func() {
				a.Printf("The endpoint %s tries again what it had given up.\n", e.Name)
			})
		},
	}
}

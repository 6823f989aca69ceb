package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
)

func newEndpointPause(a *app) *cobra.Command {
	var reason string
	cmd := pauseCommand(a, "pause", "Give an endpoint no more work; tasks for it wait",
		"Gives an endpoint no more work until it is resumed. What is on its nodes goes on; what its agent has and no\n"+
			"node goes back to the service and waits there. New tasks are accepted and wait, too.",
		"  yonder endpoint pause cluster --reason \"maintenance until noon\"",
		func(ctx context.Context, c *client.Client, id yonder.ID) (yonder.Endpoint, error) {
			return c.PauseEndpoint(ctx, id, reason)
		})
	cmd.Flags().StringVar(&reason, "reason", "", "a `text` for everybody whose tasks wait")
	return cmd
}

func newEndpointDrain(a *app) *cobra.Command {
	var reason string
	var exit bool
	cmd := pauseCommand(a, "drain", "Give an endpoint no more work, let it finish what it has and give its nodes back",
		"Gives an endpoint no more work until it is resumed. Its agent finishes what it has taken and lets its nodes\n"+
			"go, and with --exit it ends after that. New tasks are accepted and wait.",
		"  yonder endpoint drain cluster --reason \"the allocation ends\" --exit",
		func(ctx context.Context, c *client.Client, id yonder.ID) (yonder.Endpoint, error) {
			return c.DrainEndpoint(ctx, id, reason, exit)
		})
	cmd.Flags().StringVar(&reason, "reason", "", "a `text` for everybody whose tasks wait")
	cmd.Flags().BoolVar(&exit, "exit", false, "the agent ends once it has nothing left")
	return cmd
}

func newEndpointResume(a *app) *cobra.Command {
	return pauseCommand(a, "resume", "Give a paused or drained endpoint work again", "",
		"  yonder endpoint resume cluster",
		func(ctx context.Context, c *client.Client, id yonder.ID) (yonder.Endpoint, error) {
			return c.ResumeEndpoint(ctx, id)
		})
}

func pauseCommand(
	a *app, use, short, long, example string,
	do func(ctx context.Context, c *client.Client, id yonder.ID) (yonder.Endpoint, error),
) *cobra.Command {
	return &cobra.Command{
		Use: use + " NAME", Short: short, Long: long, Example: example, Args: needs(1, 1), ValidArgsFunction: complete(a, endpoints),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := named(cmd, a, endpoints, args[0])
			if err != nil {
				return err
			}
			e, err := do(cmd.Context(), c, id)
			if err != nil {
				return err
			}
			return a.Show(e, func() {
				word := "works again"
				if e.Paused != nil {
					word = "is " + e.Paused.Word()
				}
				a.Printf("The endpoint %s %s: %d tasks are queued, %d given to its agent.\n", e.Name, word, e.Queued, e.Outstanding)
			})
		},
	}
}

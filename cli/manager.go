package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/manager"
)

// newManager is what an agent's provider runs on each node.
func newManager(a *app) *cobra.Command {
	var config manager.Config
	var logs kit.LogFlags
	cmd := &cobra.Command{
		Use:     "manager --rendezvous FILE --block ID",
		Short:   "Run the manager of a node",
		Example: "  yonder manager --rendezvous state/rendezvous.json --block b1",
		Hidden:  true,
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if config.Rendezvous == "" {
				return kit.Usagef("say which agent: yonder manager --rendezvous FILE")
			}
			log, err := a.Logger(logs)
			if err != nil {
				return err
			}
			config.Logger = log
			return runManager(cmd.Context(), config)
		},
	}
	cmd.Flags().StringVar(&config.Rendezvous, "rendezvous", "", "file through which the agent is found")
	cmd.Flags().StringVar(&config.Block, "block", "", "block that the node belongs to")
	logs.Add(cmd.Flags())
	return cmd
}

func runManager(ctx context.Context, config manager.Config) error {
	err := manager.Run(ctx, config)
	if errors.Is(err, kit.ErrInterrupted) {
		return nil // it was told to end
	}
	return err
}

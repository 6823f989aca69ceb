package cli

import (
	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/manager/shellworker"
)

// newWorker is what managers start for functions of kind shell.
func newWorker() *cobra.Command {
	var socket, fork string
	cmd := &cobra.Command{
		Use:     "worker --socket FILE",
		Short:   "Run commands for a manager",
		Example: "  yonder worker --socket z1/socket",
		Hidden:  true,
		Args:    needs(0, 0),
		RunE: func(*cobra.Command, []string) error {
			switch {
			case socket == "":
				return kit.Usagef("say which manager: yonder worker --socket FILE")
			case fork == "":
				return shellworker.Zygote(socket)
			}
			return shellworker.Worker(socket, fork)
		},
	}
	cmd.Flags().StringVar(&socket, "socket", "", "Unix socket of the manager")
	cmd.Flags().StringVar(&fork, "fork", "", "what the manager asked for, in JSON")
	return cmd
}

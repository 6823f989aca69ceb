package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/manager/simworker"
)

func newSimulate(a *app) *cobra.Command {
	return parent("simulate", "Try a service and an agent with more than this machine has", newSimulateManagers(a), newSimulateEndpoints(a))
}

func newSimulateManagers(a *app) *cobra.Command {
	var crowd crowd
	var endpoint, work string
	var part bool
	cmd := &cobra.Command{
		Use:   "managers",
		Short: "Connect many managers with simulated workers to an endpoint of this machine",
		Long: "Runs managers whose workers are simulated, until it is told to end: everything is as on as many nodes, over\n" +
			"TLS, but a task does nothing (noop) or waits (sleep:10s), and answers with its own arguments as they were packed.\n\n" +
			"The endpoint takes them if its provider is \"none\". Its other managers, if it has any, run its functions for real.",
		Example: "  yonder endpoint configure scale --provider none\n" +
			"  yonder endpoint start scale\n" +
			"  yonder simulate managers --endpoint scale --managers 100 --workers 64 --work sleep:10s",
		Args: needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if crowd.work, err = simworker.ParseWork(work); err != nil {
				return kit.Usagef("%w", err)
			}
			if crowd.processes > crowd.managers {
				return kit.Usagef("%d managers cannot be in %d processes", crowd.managers, crowd.processes)
			}
			if crowd.rendezvous, err = a.rendezvousOf(endpoint); err != nil {
				return err
			}
			if crowd.log, err = a.Logger(crowd.logs); err != nil {
				return err
			}
			if !part {
				a.Notef("%d managers with %d workers each (%s) for %s; interrupt to end them\n",
					crowd.managers, crowd.workers, crowd.work, endpoint)
			}
			return crowd.run(cmd.Context(), func(managers int) []string {
				return []string{
					"simulate", "managers", "--part", "--endpoint", endpoint, "--managers", fmt.Sprint(managers),
					"--workers", fmt.Sprint(crowd.workers), "--work", work, "--log-level", crowd.logs.Level, "--log-format", crowd.logs.Format,
				}
			})
		},
	}
	cmd.Flags().StringVar(&endpoint, "endpoint", "", "an endpoint that is configured on this machine (required)")
	kit.Count(cmd.Flags(), &crowd.managers, "managers", 1, 1, "managers to connect")
	kit.Count(cmd.Flags(), &crowd.workers, "workers", 64, 1, "workers of each")
	kit.Count(cmd.Flags(), &crowd.processes, "processes", 1, 1, "processes to spread them over; a process has a descriptor for each")
	cmd.Flags().StringVar(&work, "work", "noop", "what a task does: noop, or sleep:10s")
	partOf(cmd, &part)
	quietly(cmd, &crowd.logs)
	return cmd
}

// partOf adds the flag of a process that was started by one that does the talking.
func partOf(cmd *cobra.Command, part *bool) {
	cmd.Flags().BoolVar(part, "part", false, "be one of several processes")
	_ = cmd.Flags().MarkHidden("part") // it is there
}

// quietly adds flags of a log that tells less than a daemon's: what many
// connect and end is no news.
func quietly(cmd *cobra.Command, logs *kit.LogFlags) {
	logs.Add(cmd.Flags())
	level := cmd.Flags().Lookup("log-level")
	level.DefValue, logs.Level = "warn", "warn"
}

// rendezvousOf is the file through which managers find the agent of an
// endpoint of this machine.
func (a *app) rendezvousOf(endpoint string) (string, error) {
	if endpoint == "" {
		return "", kit.Usagef("say which endpoint: yonder simulate managers --endpoint NAME")
	}
	e, config, err := a.configured(endpoint)
	if err != nil {
		return "", err
	}
	if !config.TakesStrangers() {
		return "", kit.Usagef("the endpoint %s starts its own managers: set provider.kind in %s to none, and restart it", endpoint, e.file())
	}
	return filepath.Join(config.StateDir, "rendezvous.json"), nil
}

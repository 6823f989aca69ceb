package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/endpoint/daemon"
)

func newEndpointStop(a *app) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "stop NAME",
		Short: "Stop an endpoint of this machine with all that it runs",
		Long: "Stops an endpoint of this machine. Running tasks may finish within its drain_grace; then managers and\n" +
			"agent end. Tasks that wait go on when it is started again.",
		Example:           "  yonder endpoint stop laptop",
		Args:              needs(1, 1),
		ValidArgsFunction: completeHere(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, config, err := a.running(args[0])
			if err != nil {
				return err
			}
			if timeout == 0 {
				timeout = config.DrainGrace + startWithin
			}
			if err := a.halt(cmd.Context(), config, daemon.Shutdown, timeout, stopping(config)); err != nil {
				return err
			}
			return a.Show(map[string]any{"name": e.Name, "stopped": true}, func() { a.Printf("Stopped the endpoint %s.\n", e.Name) })
		},
	}
	kit.Duration(cmd.Flags(), &timeout, "timeout", 0, "stop waiting after this long (default a little more than drain_grace)")
	return cmd
}

// stopping says what is waited for while an endpoint is stopped.
func stopping(config endpoint.Config) string {
	status, err := endpoint.ReadStatus(config.StateDir)
	if err != nil || status.Busy == 0 {
		return "stopping the agent and its managers"
	}
	return fmt.Sprintf("waiting for %s to end, for %s at most", counted(status.Busy, "running task"), config.DrainGrace)
}

func newEndpointRestart(a *app) *cobra.Command {
	var logs kit.LogFlags
	cmd := &cobra.Command{
		Use:               "restart NAME",
		Short:             "Start the agent of an endpoint anew; managers and running tasks go on",
		Example:           "  yonder endpoint restart laptop",
		Args:              needs(1, 1),
		ValidArgsFunction: completeHere(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, config, err := a.running(args[0])
			if err != nil {
				return err
			}
			if err := a.halt(cmd.Context(), config, daemon.Detach, startWithin, "stopping the agent"); err != nil {
				return err
			}
			return a.startHere(cmd.Context(), e, config, logs)
		},
	}
	logs.Add(cmd.Flags())
	return cmd
}

// running returns an endpoint of this machine whose agent runs on its own.
func (a *app) running(name string) (here, endpoint.Config, error) {
	e, config, err := a.configured(name)
	if err == nil {
		err = e.away()
	}
	if err == nil && e.State != hereRunning {
		err = yonder.Errorf(yonder.CodeNotRunning, "the agent of %s does not run: \"yonder endpoint start %s\" starts it", name, name)
	}
	if err != nil {
		return e, config, err
	}
	h, err := a.home()
	if err == nil {
		err = notOfUp(h, e)
	}
	return e, config, err
}

// notOfUp refuses to touch an agent that is part of `yonder up`.
func notOfUp(h home.Home, e here) error {
	if pid, err := h.Owner(); err == nil && pid == e.PID {
		return yonder.Errorf(yonder.CodeConflict, "the agent of %s is a part of \"yonder up\" (process %d): \"yonder down\" stops both", e.Name, pid)
	}
	return nil
}

func (a *app) halt(ctx context.Context, config endpoint.Config, mode daemon.Mode, timeout time.Duration, why string) error {
	progress := a.Progress(ctx, why)
	defer progress.Stop()
	waiting, cancel := context.WithTimeoutCause(ctx, timeout, errWaited)
	defer cancel()
	return daemon.Stop(waiting, config.StateDir, mode)
}

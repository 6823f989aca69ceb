package cli

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/cli/kit"
)

func newDown(a *app) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop what \"yonder up\" runs",
		Long: "Tells \"yonder up\" to end and waits until it has. Running tasks may finish within the endpoint's\n" +
			"drain_grace; what waits goes on at the next start.",
		Example: "  yonder down\n  yonder down --dir ./try",
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := a.home()
			if err != nil {
				return err
			}
			pid, err := h.Owner()
			if err != nil {
				return err
			}
			if err := a.down(cmd.Context(), h, pid, timeout); err != nil {
				return err
			}
			return a.Show(map[string]any{"stopped": true, "pid": pid}, func() { a.Printf("Yonder is down.\n") })
		},
	}
	kit.Duration(cmd.Flags(), &timeout, "timeout", 2*time.Minute, "stop waiting after this long")
	return cmd
}

func (a *app) down(ctx context.Context, h home.Home, pid int, timeout time.Duration) error {
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Signal(syscall.SIGTERM)
	}
	if err != nil {
		return fmt.Errorf("telling process %d to end: %w", pid, err)
	}
	progress := a.Progress(ctx, "waiting for running tasks to end")
	defer progress.Stop()
	waiting, cancel := context.WithTimeoutCause(ctx, timeout, errWaited)
	defer cancel()
	for {
		if owner, err := h.Owner(); yonder.CodeOf(err) == yonder.CodeNotRunning || err == nil && owner != pid {
			return nil
		}
		if pause(waiting, 20*time.Millisecond) != nil {
			return yonder.Errorf(yonder.CodeTimeout, "process %d has not ended yet: \"yonder down\" again stops running tasks at once", pid)
		}
	}
}

package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/endpoint/daemon"
)

func newDown(a *app) *cobra.Command {
	var timeout time.Duration
	var everything bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop what \"yonder up\" runs",
		Long: "Tells \"yonder up\" to end and waits until it has. Running tasks may finish within the endpoint's\n" +
			"drain_grace; what waits goes on at the next start. Agents that \"yonder endpoint start\" started go on,\n" +
			"and wait for the service, unless --all stops them too.",
		Example: "  yonder down\n  yonder down --all\n  yonder down --dir ./try",
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
			others, err := a.othersHere(h, pid)
			if err != nil {
				return err
			}
			d := downed{Stopped: true, PID: pid, Left: agentsOf(others)}
			if everything {
				if err := a.haltAll(cmd.Context(), others); err != nil {
					return err
				}
				d.Left, d.StoppedAgents = []leftAgent{}, d.Left
			}
			if err := a.down(cmd.Context(), h, pid, timeout); err != nil {
				return err
			}
			return a.Show(d, func() { a.showDown(d) })
		},
	}
	cmd.Flags().BoolVar(&everything, "all", false, "stop the agents of other endpoints of this machine as well")
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
	progress := a.Progress(ctx, "waiting for the end")
	defer progress.Stop()
	running := a.runningTasks(h)
	waiting, cancel := context.WithTimeoutCause(ctx, timeout, errWaited)
	defer cancel()
	for {
		if owner, err := h.Owner(); yonder.CodeOf(err) == yonder.CodeNotRunning || err == nil && owner != pid {
			return nil
		}
		n, grace := running()
		if n > 0 {
			progress.Sayf("waiting for %s to end, for %s at most; \"yonder down\" once more stops them", counted(n, "running task"), grace)
		}
		if pause(waiting, 20*time.Millisecond) != nil {
			return yonder.Errorf(yonder.CodeTimeout, "process %d has not ended yet, with %s: \"yonder down\" again stops them at once",
				pid, counted(n, "running task"))
		}
	}
}

// downed is what `yonder down --json` prints.
type downed struct {
	Stopped       bool        `json:"stopped"`
	PID           int         `json:"pid"`
	StoppedAgents []leftAgent `json:"stopped_agents,omitempty"`
	Left          []leftAgent `json:"left"` // agents that go on
}

type leftAgent struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
}

func (a *app) showDown(d downed) {
	for _, agent := range d.StoppedAgents {
		a.Printf("Stopped the endpoint %s.\n", agent.Name)
	}
	a.Printf("Yonder is down.\n")
	for _, agent := range d.Left {
		a.Notef("The agent of %s (process %d) goes on and waits for its service: \"yonder endpoint stop %s\" stops it.\n",
			agent.Name, agent.PID, agent.Name)
	}
}

// othersHere are the agents of this machine that are no part of `yonder up`.
func (a *app) othersHere(h home.Home, up int) ([]here, error) {
	all, err := allHere(h)
	return slices.DeleteFunc(all, func(e here) bool { return e.State != hereRunning || e.PID == up }), err
}

func agentsOf(all []here) []leftAgent {
	agents := []leftAgent{}
	for _, e := range all {
		agents = append(agents, leftAgent{e.Name, e.PID})
	}
	return agents
}

// haltAll stops agents while their service is there to hear their goodbye.
func (a *app) haltAll(ctx context.Context, agents []here) error {
	for _, e := range agents {
		if err := a.halt(ctx, e.config, daemon.Shutdown, e.config.DrainGrace+startWithin, "stopping the endpoint "+e.Name); err != nil {
			return err
		}
	}
	return nil
}

// runningTasks returns what says how many tasks run in `yonder up`, and how
// long they may go on.
func (a *app) runningTasks(h home.Home) func() (int, time.Duration) {
	e, err := lookHere(h, localEndpoint)
	if err != nil || e.State == hereBroken {
		return func() (int, time.Duration) { return 0, 0 }
	}
	n := 0
	return func() (int, time.Duration) {
		if status, err := endpoint.ReadStatus(e.config.StateDir); err == nil {
			n = status.Busy
		}
		return n, e.config.DrainGrace
	}
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

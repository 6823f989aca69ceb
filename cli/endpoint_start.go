package cli

import (
	"context"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/endpoint/daemon"
)

// startedAgent is what `yonder endpoint start --json` prints.
type startedAgent struct {
	Name      string    `json:"name"`
	ID        yonder.ID `json:"id"`
	PID       int       `json:"pid"`
	Log       string    `json:"log"`
	Connected bool      `json:"connected"`
	Trouble   string    `json:"trouble,omitempty"`
}

const (
	startWithin   = 30 * time.Second // until the agent is at work
	connectWithin = 10 * time.Second // until it has reached the service
)

func newEndpointStart(a *app) *cobra.Command {
	var foreground, detach bool
	var unit string
	var logs kit.LogFlags
	cmd := &cobra.Command{
		Use:   "start NAME",
		Short: "Start the agent of an endpoint of this machine",
		Long: "Starts the agent of an endpoint of this machine, in the background unless told otherwise, and waits\n" +
			"until it has reached the service. To have it started with the machine, let systemd do it.",
		Example: "  yonder endpoint start laptop\n" +
			"  yonder endpoint start laptop --foreground --log-level debug\n" +
			"  yonder endpoint start laptop --systemd-unit\n" +
			"  yonder endpoint start laptop --systemd-unit=install",
		Args:              needs(1, 1),
		ValidArgsFunction: completeHere(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			if foreground && detach {
				return kit.Usagef("--foreground and --detach exclude each other")
			}
			e, config, err := a.configured(args[0])
			if err != nil {
				return err
			}
			if unit != "" {
				return a.systemdUnit(e, unit)
			}
			if err := e.away(); err != nil {
				return err
			}
			if e.State == hereRunning {
				return yonder.Errorf(yonder.CodeAlreadyRunning,
					"the agent of %s runs already (process %d); \"yonder endpoint restart %s\" starts it anew", e.Name, e.PID, e.Name)
			}
			if foreground {
				log, err := a.Logger(logs)
				if err != nil {
					return err
				}
				return runAgent(cmd.Context(), config, log)
			}
			return a.startHere(cmd.Context(), e, config, logs)
		},
	}
	cmd.Flags().BoolVar(&foreground, "foreground", false, "run it in this terminal: SIGINT ends its managers too, SIGTERM does not")
	cmd.Flags().BoolVar(&detach, "detach", false, "run it in the background (default)")
	cmd.Flags().StringVar(&unit, "systemd-unit", "", "`print` a unit for systemd, or install it for this user")
	cmd.Flags().Lookup("systemd-unit").NoOptDefVal = "print"
	logs.Add(cmd.Flags())
	return cmd
}

// startHere starts the agent in the background and says whether it reached
// the service. What can be wrong is found out first, where it can be shown.
func (a *app) startHere(ctx context.Context, e here, config endpoint.Config, logs kit.LogFlags) error {
	progress := a.Progress(ctx, "starting the agent")
	defer progress.Stop()
	if _, err := config.ReadCredential(); err != nil {
		return err
	}
	if err := home.MakeDir(config.StateDir); err != nil {
		return err
	}
	if err := home.Usable(config.StateDir); err != nil {
		return err
	}
	if _, err := findPythons(ctx, config.Pythons, config.Kinds); err != nil {
		return err
	}
	command, err := agentCommand(e, "--background", "--json", "--log-level", logs.Level, "--log-format", logs.Format)
	if err != nil {
		return err
	}
	starting, cancel := context.WithTimeoutCause(ctx, startWithin, errWaited)
	defer cancel()
	status, err := daemon.Start(starting, config.StateDir, command)
	if err != nil {
		return lastWords(config, err)
	}
	progress.Sayf("waiting for the service")
	status, err = a.awaitConnection(ctx, config, status)
	progress.Stop()
	if err != nil {
		return lastWords(config, err)
	}
	if status.Refused != "" {
		return a.refused(ctx, e, config, status)
	}
	s := startedAgent{
		Name: e.Name, ID: config.Endpoint, PID: status.PID, Log: daemon.LogPath(config.StateDir),
		Connected: status.Connected, Trouble: status.Trouble,
	}
	return a.Show(s, func() {
		a.Printf("Started the agent of %s (process %d, log in %s).\n", s.Name, s.PID, s.Log)
		if !s.Connected {
			a.Notef("It has not reached the service yet and goes on trying: %s\n", s.Trouble)
		}
	})
}

func agentCommand(e here, more ...string) ([]string, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, yonder.Errorf(yonder.CodeInternal, "looking for this program's file: %w", err)
	}
	return append([]string{program, "agent", "--dir", e.Dir}, more...), nil
}

// lastWords finds out why an agent ended, from its log.
func lastWords(config endpoint.Config, otherwise error) error {
	if yonder.CodeOf(otherwise) != yonder.CodeNotRunning {
		return otherwise
	}
	data, err := os.ReadFile(daemon.LogPath(config.StateDir))
	if err != nil {
		return otherwise
	}
	if e := lastError(string(data)); e != nil {
		return e
	}
	return otherwise
}

// refused stops an agent that the service will not have: it could only go on
// asking.
func (a *app) refused(ctx context.Context, e here, config endpoint.Config, status endpoint.StatusFile) error {
	if err := a.halt(ctx, config, daemon.Detach, startWithin, "stopping the agent"); err != nil {
		return err
	}
	next := "\"yonder endpoint configure " + e.Name + " --reuse\" gets it a new credential"
	if status.Refused != yonder.CodeUnauthenticated && status.Refused != yonder.CodeTokenRevoked && status.Refused != yonder.CodeTokenExpired {
		next = daemon.LogPath(config.StateDir) + " says more"
	}
	return yonder.Errorf(status.Refused, "the service refuses the agent of %s, which was stopped again: %s; %s", e.Name, status.Trouble, next)
}

// awaitConnection looks until the agent, or the service, says that they are
// connected, or that they never will be. The service's answer comes sooner.
func (a *app) awaitConnection(ctx context.Context, config endpoint.Config, status endpoint.StatusFile) (endpoint.StatusFile, error) {
	waiting, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	c, _ := a.client() // one may start an endpoint without being logged in
	for {
		s, err := daemon.Status(config.StateDir)
		if err != nil {
			return status, err
		}
		status = s
		if !status.Connected && c != nil {
			if e, err := c.Endpoint(waiting, config.Endpoint); err != nil {
				c = nil
			} else {
				status.Connected = e.Online
			}
		}
		if status.Connected || status.Refused != "" || pause(waiting, 50*time.Millisecond) != nil {
			return status, nil
		}
	}
}

// systemdUnit prints or installs a unit that runs the agent.
func (a *app) systemdUnit(e here, what string) error {
	command, err := agentCommand(e)
	if err != nil {
		return err
	}
	unit := daemon.Unit{Name: e.Name, Command: command, User: os.Geteuid() != 0}
	if what == "print" {
		return a.Show(map[string]string{"unit": unit.Text()}, func() { a.Printf("%s", unit.Text()) })
	}
	if what != "install" {
		return kit.Usagef("--systemd-unit=%s: there are print and install", what)
	}
	dir, enable := "/etc/systemd/system", "systemctl"
	if unit.User {
		config, err := os.UserConfigDir()
		if err != nil {
			return yonder.Errorf(yonder.CodeInvalidConfig, "looking for this user's units: %w", err)
		}
		dir, enable = filepath.Join(config, "systemd", "user"), "systemctl --user"
	} else if me, err := user.Current(); err == nil {
		unit.Account = me.Username
	}
	if err := home.MakeDir(dir); err != nil {
		return err
	}
	file := filepath.Join(dir, "yonder-"+e.Name+".service")
	if err := home.WriteSecret(file, []byte(unit.Text())); err != nil {
		return err
	}
	return a.Show(map[string]string{"file": file}, func() {
		a.Printf("Wrote %s.\nNext: %s daemon-reload && %s enable --now yonder-%s\n", file, enable, enable, e.Name)
		if unit.User {
			a.Printf("So that it runs while you are logged out: loginctl enable-linger\n")
		}
	})
}

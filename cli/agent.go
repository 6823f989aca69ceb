package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/endpoint/daemon"
	"github.com/yonder-run/yonder/endpoint/pythons"
	"github.com/yonder-run/yonder/wire"
)

// logBytes is the size at which the log of an agent in the background turns.
const logBytes = 16 << 20

// newAgent is what `endpoint start` and systemd run.
func newAgent(a *app) *cobra.Command {
	var dir string
	var background bool
	var logs kit.LogFlags
	cmd := &cobra.Command{
		Use:     "agent --dir DIRECTORY",
		Short:   "Run the agent of an endpoint's directory",
		Example: "  yonder agent --dir ~/.yonder/endpoints/laptop",
		Hidden:  true,
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return kit.Usagef("say which endpoint: yonder agent --dir DIRECTORY")
			}
			config, err := endpoint.LoadConfig(filepath.Join(dir, configFile))
			if err != nil {
				return err
			}
			log, err := a.agentLog(config, logs, background)
			if err != nil {
				return err
			}
			return runAgent(cmd.Context(), config, log)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "the endpoint's directory")
	cmd.Flags().BoolVar(&background, "background", false, "log to the endpoint's log file")
	logs.Add(cmd.Flags())
	return cmd
}

func (a *app) agentLog(config endpoint.Config, logs kit.LogFlags, background bool) (*slog.Logger, error) {
	if !background {
		return a.Logger(logs)
	}
	out, err := daemon.OpenLog(daemon.LogPath(config.StateDir), logBytes) // until the process ends
	if err != nil {
		return nil, err
	}
	return kit.NewLogger(out, logs)
}

// runAgent runs an agent until a signal ends it: SIGTERM leaves its managers
// to the next agent, SIGINT ends them too.
func runAgent(ctx context.Context, config endpoint.Config, log *slog.Logger) error {
	found, err := findPythons(ctx, config.Pythons, config.Kinds)
	if err != nil {
		return err
	}
	agent, err := endpoint.New(config, endpoint.Options{Logger: log, Pythons: found})
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 2) // the second one makes it leave at once
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	err = daemon.Run(context.WithoutCancel(ctx), agent, signals)
	if err != nil && errors.Is(context.Cause(ctx), kit.ErrInterrupted) {
		log.Warn("did not end in order", slog.Any("error", err))
	}
	return err
}

// findPythons returns the interpreters for workers: those listed, or those of
// this machine. An endpoint for Python functions without any could only
// disappoint.
func findPythons(ctx context.Context, listed, kinds []string) ([]wire.Interpreter, error) {
	if !slices.Contains(kinds, yonder.KindPython) {
		return nil, nil
	}
	found, err := pythons.Load(ctx, listed)
	if err == nil && len(found) == 0 {
		err = yonder.Errorf(yonder.CodeNoInterpreter,
			"there is no Python 3.9 or newer on PATH to run functions with: install one, or name it with --python or, "+
				"for an endpoint that is configured, with pythons in its endpoint.yaml; an endpoint with kinds: [shell] needs none")
	}
	return found, err
}

package cli

import (
	"context"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/service"
)

// localEndpoint is the endpoint that `yonder up` runs.
const localEndpoint = "local"

// upFlags are what can be said of `yonder up`.
type upFlags struct {
	listen  string
	chosen  bool   // listen was
	last    string // address of the last time
	pythons []string
	slots   int
	logs    kit.LogFlags
}

func newUp(a *app) *cobra.Command {
	var flags upFlags
	var detach bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run a service and an endpoint on this machine, for yourself",
		Long: "Runs a service and an endpoint named \"local\" on this machine until it is told to end by SIGINT,\n" +
			"SIGTERM or \"yonder down\", and logs you in. Everything is kept in one directory: what was accepted\n" +
			"before goes on at the next start.",
		Example: "  yonder up\n  yonder up --detach && yonder endpoint list && yonder down\n  yonder up --dir ./try --listen 127.0.0.1:0",
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := a.home()
			if err != nil {
				return err
			}
			if err := h.Make(); err != nil {
				return err
			}
			flags.remember(h, cmd.Flags().Changed("listen"))
			if err := flags.check(h); err != nil {
				return err
			}
			if err := a.notUpYet(h); err != nil {
				return err
			}
			if detach {
				return a.upDetached(cmd, h, flags)
			}
			return a.up(cmd.Context(), h, flags)
		},
	}
	cmd.Flags().StringVar(&flags.listen, "listen", "127.0.0.1:8470",
		"address of the service on this machine, kept for the next time; port 0 takes any free one")
	cmd.Flags().StringSliceVar(&flags.pythons, "python", nil, "interpreters for the workers (default those beside this program and on PATH)")
	kit.Count(cmd.Flags(), &flags.slots, "slots", 0, 1, "tasks at once (default one for each CPU)")
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "go on in the background once everything runs")
	flags.logs.Add(cmd.Flags())
	return cmd
}

// remember takes the address of the last time, where endpoints look for the
// service, unless another one was chosen.
func (f *upFlags) remember(h home.Home, chosen bool) {
	f.chosen, f.last = chosen, h.LastAddress()
	if !chosen && f.last != "" {
		f.listen = f.last
	}
}

// check finds what is wrong with the flags before anything is started.
func (f upFlags) check(h home.Home) error {
	config := service.Defaults()
	config.Listen, config.StateDir = f.listen, h.Service()
	if err := config.Validate(); err != nil {
		return err
	}
	_, err := kit.NewLogger(io.Discard, f.logs)
	return err
}

// notUpYet says where it runs already.
func (a *app) notUpYet(h home.Home) error {
	pid, err := h.Owner()
	if yonder.CodeOf(err) == yonder.CodeNotRunning {
		return nil
	}
	if err != nil {
		return err
	}
	state, _ := h.ReadUp() // it may be only about to be written
	if state.URL == "" {
		state.URL = "an address that it has yet to open"
	}
	return yonder.Errorf(yonder.CodeAlreadyRunning, "\"yonder up\" runs already (process %d) at %s: \"yonder down\" stops it", pid, state.URL)
}

// up runs everything until it is told to end or a part of it fails.
func (a *app) up(ctx context.Context, h home.Home, flags upFlags) error {
	lock, err := h.TakeLock()
	if err != nil {
		return err
	}
	defer lock.Release()
	out, err := h.UpLog()
	if err != nil {
		return err
	}
	defer out.Close()
	log, err := kit.NewLogger(out, flags.logs)
	if err != nil {
		return err
	}
	s, err := a.raise(ctx, h, flags, log)
	if err != nil {
		return err
	}
	defer s.service.Stop()
	err = a.whileUp(ctx, h, s)
	a.lower(ctx, s, log)
	return err
}

func (a *app) whileUp(ctx context.Context, h home.Home, s *site) error {
	if err := h.WriteUp(s.state); err != nil {
		return err
	}
	defer h.RemoveUp()
	if err := a.greet(s.state); err != nil {
		return err
	}
	a.noteStranded(h, s.state.URL)
	select {
	case <-ctx.Done():
		return nil
	case <-s.service.Done():
		return s.service.Err()
	case <-s.agent.Done():
		return s.agent.Err()
	}
}

// lower ends the endpoint with its managers. Being told to end once more cuts
// the waiting for running tasks short.
func (a *app) lower(ctx context.Context, s *site, log *slog.Logger) {
	again, stop := interruptible(context.WithoutCancel(ctx))
	defer stop()
	progress := a.Progress(again, "waiting for running tasks to end; interrupt once more to stop them")
	defer progress.Stop()
	if err := s.agent.Shutdown(again); err != nil {
		log.Error("could not end the endpoint in order", slog.Any("error", err))
	}
}

// greet says what runs and what to do with it.
func (a *app) greet(state home.Up) error {
	return a.Show(state, func() {
		a.Printf("Yonder is up at %s (state in %s).\n\n", state.URL, state.Dir)
		a.Printf("  Python   with yonder.Executor() as executor: print(executor.submit(pow, 2, 10).result())\n")
		a.Printf("  Shell    yonder endpoint list; yonder task list\n")
		a.Printf("  Stop     yonder down\n")
		if a.dir != "" {
			a.Printf("\nFor all of these, in the same shell: export YONDER_HOME=%s\n", state.Dir)
		}
	})
}

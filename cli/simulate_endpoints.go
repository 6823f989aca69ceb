package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/endpoint/link"
	"github.com/yonder-run/yonder/endpoint/simulated"
)

// perProcess is how many endpoints a process has if nobody says: each takes a
// descriptor, and most machines allow a process 4,096 or more.
const perProcess = 2500

func newSimulateEndpoints(a *app) *cobra.Command {
	f := fleet{app: a}
	var part bool
	cmd := &cobra.Command{
		Use:   "endpoints",
		Short: "Register many endpoints, and connect an agent that is simulated for each",
		Long: "Registers endpoints at the service that you are logged in to, connects an agent for each until it is told to end,\n" +
			"and then deletes them.\n\n" +
			"What the service sees is real: each endpoint has its registration and credential, a connection of its own,\n" +
			"a session with heartbeats, and accepts a task before it reports its result. What is simulated is all behind that:\n" +
			"there are no managers and workers, a task answers with its own arguments at once; and no journal, so an\n" +
			"endpoint that ends has forgotten what it held.",
		Example: "  yonder simulate endpoints --endpoints 100\n" +
			"  yonder simulate endpoints --endpoints 10000 --processes 4 --name load --json",
		Args: needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if part {
				return f.part(cmd.Context())
			}
			if f.processes == 0 {
				f.processes = (f.count + perProcess - 1) / perProcess
			}
			if f.processes > f.count {
				return kit.Usagef("%d endpoints cannot be in %d processes", f.count, f.processes)
			}
			return f.run(cmd.Context())
		},
	}
	kit.Count(cmd.Flags(), &f.count, "endpoints", 10, 1, "endpoints to connect")
	kit.Count(cmd.Flags(), &f.processes, "processes", 0, 1,
		fmt.Sprintf("processes to spread them over (default one for %d); a process has a descriptor for each", perProcess))
	cmd.Flags().StringVar(&f.name, "name", "simulated", "what their names begin with, before a number")
	cmd.Flags().BoolVar(&f.keep, "keep", false, "leave them registered at the end")
	cmd.Flags().BoolVar(&f.reuse, "reuse", false, "take over those that are registered already; their old credentials stop working")
	cmd.Flags().BoolVar(&f.allowHTTP, "allow-http", false, "speak http to a service on another machine")
	partOf(cmd, &part)
	quietly(cmd, &f.logs)
	return cmd
}

// crew is what a process is told, by its standard input: secrets are nobody
// else's business.
type crew struct {
	URL       string     `json:"url"`
	CAFile    string     `json:"ca_file"`
	Endpoints []enrolled `json:"endpoints"`
}

// enrolled is an endpoint with the credential of its agent.
type enrolled struct {
	ID         yonder.ID `json:"id"`
	Credential string    `json:"credential"`
}

// tellEvery is how often a process says how far it is.
const tellEvery = 500 * time.Millisecond

// part runs the endpoints of one process.
func (f *fleet) part(ctx context.Context) error {
	log, err := f.Logger(f.logs)
	if err != nil {
		return err
	}
	var crew crew
	if err := json.NewDecoder(f.In).Decode(&crew); err != nil {
		return fmt.Errorf("reading which endpoints to be: %w", err)
	}
	configs := make([]link.Config, len(crew.Endpoints))
	for i, e := range crew.Endpoints {
		configs[i] = link.Config{URL: crew.URL, CAFile: crew.CAFile, Endpoint: e.ID, Credential: e.Credential, Logger: log}
	}
	crowd, err := simulated.New(configs)
	if err != nil {
		return err
	}
	over := errors.New("the endpoints have ended")
	telling, cancel := context.WithCancelCause(context.WithoutCancel(ctx)) // to the crowd's end
	group := errgroup.Group{}
	group.Go(func() error { return tell(telling, crowd) })
	group.Go(func() error {
		defer cancel(over)
		return crowd.Run(ctx)
	})
	return group.Wait()
}

// tell writes how far the crowd is, until ctx ends and once after that. Nobody reads it any more
// once the process is gone that started this one: writing then ends this one too.
func tell(ctx context.Context, crowd *simulated.Crowd) error {
	out := json.NewEncoder(os.Stdout)
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for over := false; !over; {
		select {
		case <-ctx.Done():
			over = true
		case <-tick.C:
		}
		if err := out.Encode(crowd.Counts()); err != nil {
			return fmt.Errorf("telling how far it is: %w", err)
		}
	}
	return nil
}

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/endpoint/simulated"
	"github.com/yonder-run/yonder/wire"
)

// fleet is many simulated endpoints, in processes of their own.
type fleet struct {
	*app

	count, processes       int
	name                   string
	keep, reuse, allowHTTP bool
	logs                   kit.LogFlags

	endpoints []enrolled
	mu        sync.Mutex
	counts    []simulated.Counts // of each process
}

// fleetReport is what is told at the end.
type fleetReport struct {
	Endpoints   int     `json:"endpoints"`
	Processes   int     `json:"processes"`
	RegisteredS float64 `json:"registered_s"`
	ConnectedS  float64 `json:"connected_s"` // 0: not all of them ever were
	Tasks       int64   `json:"tasks"`
	Beats       int64   `json:"beats"`
}

// asking is how many requests about single endpoints are under way at once.
const asking = 16

// run registers the endpoints, has them served until ctx ends, and deletes them.
func (f *fleet) run(ctx context.Context) error {
	login, err := f.login()
	if err != nil {
		return err
	}
	if err := f.checkURL(login.URL); err != nil {
		return err
	}
	c, err := f.client()
	if err != nil {
		return err
	}
	report := fleetReport{Endpoints: f.count, Processes: f.processes}
	began := time.Now()
	err = f.enrol(ctx, c)
	report.RegisteredS = time.Since(began).Seconds()
	if err == nil {
		began = time.Now()
		err = f.serve(ctx, login.URL, absolute(login.CAFile), func() { report.ConnectedS = time.Since(began).Seconds() })
	}
	if !f.keep {
		err = errors.Join(err, f.dismiss(context.WithoutCancel(ctx), c))
	}
	if err != nil {
		return err
	}
	total := f.total()
	report.Tasks, report.Beats = total.Tasks, total.Beats
	return f.Show(report, func() {
		f.Printf("%d endpoints have answered %d tasks.\n", f.count, report.Tasks)
	})
}

// checkURL refuses what an agent's configuration would refuse.
func (f *fleet) checkURL(url string) error {
	config := endpoint.Defaults()
	config.Service, config.AllowHTTP = url, f.allowHTTP
	config.Endpoint, config.Credential, config.StateDir = yonder.NewID(), credentialFile, "state"
	return config.Validate()
}

// enrol registers the endpoints, or takes them over.
func (f *fleet) enrol(ctx context.Context, c *client.Client) error {
	known := map[string]yonder.ID{}
	if f.reuse {
		me, err := c.Whoami(ctx)
		if err != nil {
			return err
		}
		for e, err := range c.Endpoints(ctx, client.Find{Owner: me.Identity.ID}) {
			if err != nil {
				return err
			}
			known[e.Name] = e.ID
		}
	}
	f.endpoints = make([]enrolled, f.count)
	return f.eachOf(ctx, "registering endpoints", func(ctx context.Context, i int) (err error) {
		name := fmt.Sprintf("%s-%05d", f.name, i+1)
		if id, there := known[name]; there {
			f.endpoints[i].ID = id
			f.endpoints[i].Credential, err = c.ReplaceCredential(ctx, id)
			return err
		}
		return f.register(ctx, c, name, &f.endpoints[i])
	})
}

// register registers an endpoint under an id that is known before: whatever
// becomes of the request, the endpoint can be deleted.
func (f *fleet) register(ctx context.Context, c *client.Client, name string, e *enrolled) error {
	e.ID = yonder.NewID()
	made, err := c.RegisterEndpoint(ctx, wire.RegisterEndpoint{ID: e.ID, Name: name, Description: "simulated"})
	e.Credential = made.Credential
	if yonder.CodeOf(err) == yonder.CodeConflict {
		return yonder.Errorf(yonder.CodeConflict,
			"you have registered an endpoint %s before: choose another --name, or take over what is there with --reuse", name)
	}
	return err
}

// dismiss deletes what was registered.
func (f *fleet) dismiss(ctx context.Context, c *client.Client) error {
	return f.eachOf(ctx, "deleting endpoints", func(ctx context.Context, i int) error {
		if i >= len(f.endpoints) || f.endpoints[i].ID.IsZero() {
			return nil
		}
		err := c.Delete(ctx, "endpoints", f.endpoints[i].ID)
		if yonder.CodeOf(err) == yonder.CodeNotFound { // deleted from elsewhere
			return nil
		}
		return err
	})
}

// eachOf does something for each endpoint, and shows how far it is. What was
// asked of the service is waited for: nobody would know what came of it.
func (f *fleet) eachOf(ctx context.Context, what string, do func(ctx context.Context, i int) error) error {
	progress := f.Progress(ctx, what)
	defer progress.Stop()
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(asking)
	for i := range f.count {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			err := do(context.WithoutCancel(ctx), i)
			progress.Sayf("%s: %d of %d", what, done.Add(1), f.count)
			return err
		})
	}
	return group.Wait()
}

// serve has processes serve the endpoints until ctx ends. Connected is called
// when all of them are.
func (f *fleet) serve(ctx context.Context, url, caFile string, connected func()) error {
	progress := f.Progress(ctx, "connecting endpoints")
	defer progress.Stop()
	f.counts = make([]simulated.Counts, f.processes)
	all := sync.OnceFunc(func() {
		connected()
		progress.Stop()
		f.Notef("%d endpoints are connected; interrupt to end them\n", f.count)
	})
	group, ctx := errgroup.WithContext(ctx)
	rest := f.endpoints
	for i := range f.processes {
		n := share(f.count, f.processes, i)
		part := crew{URL: url, CAFile: caFile, Endpoints: rest[:n]}
		rest = rest[n:]
		group.Go(func() error {
			return f.process(ctx, part, func(counts simulated.Counts) {
				total := f.note(i, counts)
				progress.Sayf("connecting endpoints: %d of %d", total.Connected, f.count)
				if total.Connected == f.count {
					all()
				}
			})
		})
	}
	return group.Wait()
}

// note takes down what a process says, and returns what all have said.
func (f *fleet) note(process int, counts simulated.Counts) simulated.Counts {
	f.mu.Lock()
	f.counts[process] = counts
	f.mu.Unlock()
	return f.total()
}

func (f *fleet) total() (total simulated.Counts) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, counts := range f.counts {
		total = total.Add(counts)
	}
	return total
}

// process runs one process, and hears what it says of itself.
func (f *fleet) process(ctx context.Context, part crew, hear func(simulated.Counts)) error {
	child, err := childOf(ctx, "simulate", "endpoints", "--part", "--log-level", f.logs.Level, "--log-format", f.logs.Format)
	if err != nil {
		return err
	}
	orders, err := json.Marshal(part)
	if err != nil {
		return fmt.Errorf("encoding what a process is to be: %w", err)
	}
	child.Stdin = bytes.NewReader(orders)
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		return fmt.Errorf("starting a process with endpoints: %w", err)
	}
	said := json.NewDecoder(out)
	for {
		var counts simulated.Counts
		if err = said.Decode(&counts); err != nil {
			break
		}
		hear(counts)
	}
	_, _ = io.Copy(io.Discard, out) // it must be able to end, whatever it says
	return endOf(ctx, child.Wait(), fmt.Sprintf("%d endpoints", len(part.Endpoints)))
}

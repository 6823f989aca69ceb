package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/e2e/chaos/route"
	"github.com/yonder-run/yonder/e2e/system"
	"github.com/yonder-run/yonder/internal/pgtest"
)

// world is the system under test: real processes, and the routes between them.
type world struct {
	options
	dir    string
	binary string
	events func(format string, args ...any)

	database  *pgtest.Server // nil with SQLite
	services  []*child
	addresses []string // of the services, without a route
	agents    []*child
	clients   []*child
	routes    map[Class][]*route.Route
	disks     map[Class][]*disk
	token     string
	function  yonder.ID
	endpoints []yonder.ID
}

// Sizes of the small disks, in MiB: room for a long run.
const (
	serviceDiskSize = 768
	agentDiskSize   = 192
	managerDiskSize = 96
)

const slots = 8 // of an endpoint

// topology says what the faults may happen to.
func (w *world) topology() Topology {
	t := Topology{
		Service: w.replicas(), Agent: w.Endpoints, Manager: w.Endpoints, Worker: w.Endpoints, Client: w.Clients,
		ClientRoute: w.Clients, AgentRoute: w.Endpoints,
	}
	if w.disked() {
		t[AgentDisk], t[ManagerDisk] = w.Endpoints, w.Endpoints
		if w.Store == storeSQLite {
			t[ServiceDisk] = 1
		}
	}
	if w.Store == storePostgres {
		t[Database], t[StoreRoute], t[ClusterRoute] = 1, w.replicas(), w.replicas()
	}
	if w.Only != "" {
		only := strings.Split(w.Only, ",")
		maps.DeleteFunc(t, func(class Class, _ int) bool { return !slices.Contains(only, string(class)) })
	}
	return t
}

func (w *world) disked() bool { return contained() }

func (w *world) replicas() int {
	if w.Store == storePostgres {
		return 3
	}
	return 1
}

// build starts everything but the clients.
func (w *world) build(ctx context.Context) (err error) {
	w.routes, w.disks = map[Class][]*route.Route{}, map[Class][]*disk{}
	var flags []string
	if w.Race {
		flags = append(flags, "-race")
	}
	w.binary = w.path("yonder")
	if err := system.Compile(w.binary, flags...); err != nil {
		return err
	}
	if w.Store == storePostgres {
		if w.database, err = pgtest.NewServer(); err != nil {
			return err
		}
	}
	if w.database != nil {
		w.events("the database's socket is in %s", w.database.Dir())
	}
	for i := range w.replicas() {
		if err := w.addService(ctx, i); err != nil {
			return err
		}
	}
	token, err := os.ReadFile(w.path("service-0", "admin.token"))
	if err != nil {
		return err
	}
	w.token = strings.TrimSpace(string(token))
	for i := range w.Endpoints {
		if err := w.addEndpoint(ctx, i); err != nil {
			return err
		}
	}
	return w.register(ctx)
}

func (w *world) path(names ...string) string {
	return filepath.Join(append([]string{w.dir}, names...)...)
}

// newDisk makes a directory that can be filled, or a plain one.
func (w *world) newDisk(class Class, dir string, mebibytes int) error {
	if !w.disked() || w.topology()[class] == 0 {
		return os.MkdirAll(dir, 0o700)
	}
	d, err := newDisk(dir, mebibytes)
	w.disks[class] = append(w.disks[class], d)
	return err
}

func (w *world) newRoute(ctx context.Context, class Class, targets ...string) (string, error) {
	listen := route.Listen
	if w.poor(class) {
		listen = func(ctx context.Context, targets ...string) (*route.Route, error) {
			return route.ListenLossy(ctx, "127.0.0.1:0", w.Seed+uint64(len(w.routes[class])), targets...)
		}
	}
	r, err := listen(ctx, targets...)
	if err != nil {
		return "", err
	}
	r.Set(w.usual(class))
	w.routes[class] = append(w.routes[class], r)
	return r.Addr(), nil
}

func (w *world) addService(ctx context.Context, i int) error {
	name := fmt.Sprintf("service-%d", i)
	address, err := system.Free(ctx)
	if err != nil {
		return err
	}
	if err := w.newDisk(ServiceDisk, w.path(name), serviceDiskSize); err != nil {
		return err
	}
	args := []string{"serve", "--listen", address, "--state-dir", w.path(name), "--heartbeat", "1s", "--silence", "4s"}
	if w.database != nil {
		more, err := w.replicaArgs(ctx)
		if err != nil {
			return err
		}
		args = append(args, more...)
	}
	w.addresses = append(w.addresses, address)
	p := w.process(name, w.dir, nil, args...)
	w.services = append(w.services, p)
	if err := p.start(ctx); err != nil {
		return err
	}
	c, err := client.New("http://"+address, "")
	if err != nil {
		return err
	}
	return until(ctx, "the service is ready", func() error {
		_, err := c.Version(ctx)
		return err
	})
}

// replicaArgs make a service one of several: the database and the other
// replicas are reached over routes.
func (w *world) replicaArgs(ctx context.Context) ([]string, error) {
	database, err := w.newRoute(ctx, StoreRoute, filepath.Join(w.database.Dir(), ".s.PGSQL.5432"))
	if err != nil {
		return nil, err
	}
	listen, err := system.Free(ctx)
	if err != nil {
		return nil, err
	}
	advertise, err := w.newRoute(ctx, ClusterRoute, listen)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: database, Path: "/postgres", RawQuery: "sslmode=disable"}
	return []string{
		"--database", u.String(), "--blob-dir", w.path("blobs"), "--cluster-listen", listen, "--cluster-advertise", advertise,
	}, nil
}

func endpointName(i int) string { return fmt.Sprintf("endpoint-%d", i) }

// stateDir is where the endpoint's agent has its state.
func (w *world) stateDir(i int) string {
	return w.path(endpointName(i), "endpoints", endpointName(i), "state")
}

// runs is the file where the endpoint's executions are noted, which no fault touches.
func (w *world) runs(i int) string { return w.path(endpointName(i) + ".runs") }

func (w *world) addEndpoint(ctx context.Context, i int) error {
	name := endpointName(i)
	address, err := w.newRoute(ctx, AgentRoute, w.addresses...)
	if err != nil {
		return err
	}
	home, temporary := w.path(name), w.path(fmt.Sprintf("tmp-%d", i))
	if err := w.newDisk(ManagerDisk, temporary, managerDiskSize); err != nil {
		return err
	}
	if _, err := w.run(ctx, home, w.token, w.binary, "login", "http://"+address); err != nil {
		return err
	}
	args := []string{"endpoint", "configure", name, "--slots", strconv.Itoa(slots), "--python", os.Getenv(envPython), "--json"}
	out, err := w.run(ctx, home, "", w.binary, args...)
	if err != nil {
		return err
	}
	var made struct {
		ID yonder.ID `json:"id"`
	}
	if err := json.Unmarshal(out, &made); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	w.endpoints = append(w.endpoints, made.ID)
	if err := w.hurry(w.path(name, "endpoints", name, "endpoint.yaml")); err != nil {
		return err
	}
	if err := w.newDisk(AgentDisk, w.stateDir(i), agentDiskSize); err != nil {
		return err
	}
	p := w.process(fmt.Sprintf("agent-%d", i), home, []string{"TMPDIR=" + temporary}, "agent", "--dir", w.path(name, "endpoints", name))
	w.agents = append(w.agents, p)
	return p.start(ctx)
}

// hurry shortens times in an endpoint's configuration, so that what follows a
// fault fits into a run.
func (w *world) hurry(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text := string(data)
	for before, after := range map[string]string{"  heartbeat: 5s": "  heartbeat: 1s", "  grace: 2m0s": "  grace: 5s"} {
		if !strings.Contains(text, before) {
			return fmt.Errorf("%s does not say %q", file, before)
		}
		text = strings.Replace(text, before, after, 1)
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

// register brings the function that is called to the service.
func (w *world) register(ctx context.Context) error {
	out, err := w.run(ctx, w.path(endpointName(0)), "", os.Getenv(envPython), w.path("work.py"))
	if err != nil {
		return err
	}
	_, id, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	w.function, err = yonder.ParseID(id)
	return err
}

// startClients starts the clients; they end when all of their tasks have.
func (w *world) startClients(ctx context.Context, begin time.Time) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for i := range w.Clients {
		address, err := w.newRoute(ctx, ClientRoute, w.addresses...)
		if err != nil {
			return err
		}
		file := w.path(fmt.Sprintf("client-%d.json", i))
		config := clientConfig{
			URL: "http://" + address, Token: w.token, Notes: w.notes(i), Seed: w.Seed, Number: i, Tasks: w.tasksOf(i),
			Outstanding: max(w.Outstanding/w.Clients, 500), Start: begin, Over: w.Seconds, Function: w.function, Endpoints: w.endpoints,
		}
		for e := range w.Endpoints {
			config.Runs = append(config.Runs, w.runs(e))
		}
		data, err := json.Marshal(config)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return err
		}
		p := w.process(fmt.Sprintf("client-%d", i), w.dir, nil)
		p.once, p.make = true, func() *exec.Cmd {
			cmd := exec.Command(self, file)
			cmd.Env = append(os.Environ(), envRole+"="+roleClient)
			return cmd
		}
		w.clients = append(w.clients, p)
		if err := p.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) notes(i int) string { return w.path(fmt.Sprintf("client-%d.notes", i)) }

// tasksOf is the client's share of the tasks.
func (w *world) tasksOf(i int) int {
	return w.Tasks*(i+1)/w.Clients - w.Tasks*i/w.Clients
}

// process describes one of our program.
func (w *world) process(name, home string, env []string, args ...string) *child {
	return &child{name: name, log: w.path("logs", name+".log"), events: w.events, make: func() *exec.Cmd {
		cmd := exec.Command(w.binary, args...)
		cmd.Dir, cmd.Env = w.dir, append(w.environ(home), env...)
		return cmd
	}}
}

func (w *world) environ(home string) []string {
	return append(os.Environ(), "YONDER_HOME="+home, "YONDER_URL=", "YONDER_TOKEN=", "YONDER_CA_FILE=")
}

// run runs a command to its end and returns what it printed.
func (w *world) run(ctx context.Context, home, stdin, program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Stdin = w.environ(home), strings.NewReader(stdin)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", filepath.Base(program), strings.Join(args, " "), err)
	}
	return out, nil
}

// patience bounds what should take moments.
const patience = time.Minute

// until tries again until there is no error.
func until(ctx context.Context, what string, try func() error) error {
	over := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(over) {
			return fmt.Errorf("waited for %s until %v: %w", patience, what, err)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// end ends all processes: the supervised ones first, lest they come back, and
// then what these had started.
func (w *world) end() {
	for _, all := range [][]*child{w.clients, w.agents, w.services} {
		for _, p := range all {
			if p.stop != nil {
				p.kill()
			}
		}
	}
	for i := range w.Endpoints {
		for _, m := range managersOf(w.stateDir(i)) {
			_ = m.SendSignalWithContext(context.Background(), sigKill)
		}
	}
	for _, routes := range w.routes {
		for _, r := range routes {
			r.Close()
		}
	}
	if w.database != nil {
		w.database.Close()
	}
}

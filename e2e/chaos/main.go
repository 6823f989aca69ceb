// Package main is the chaos run: the real program in real processes under a
// mixed load from clients that die themselves, while a seeded schedule kills,
// stops, cuts off and starves every part of it. At the end every task must
// have had exactly one right result, and no attempt may have started twice.
//
//	go run ./e2e/chaos --seed 7 --store postgres --tasks 100000 --faults 300
//	go run ./e2e/chaos --partition 5m
//	go run ./e2e/chaos --loss 5 --delay 25ms
//
// With --loss, the ways of clients and agents to the service lead through TCP
// stacks in user space, which lose single packets (e2e/lossy); without it ways
// lose time and connections.
//
// The last line is one JSON object. A seed that fails is tried again with the
// same faults and the same load at the same times; what the machine makes of
// them differs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// Roles of this program. It starts itself again to have namespaces of its own,
// and for every client.
const (
	envRole    = "YONDER_CHAOS_ROLE"
	envPython  = "YONDER_PYTHON"
	roleStart  = "start"
	roleInit   = "init"
	roleRun    = "run"
	roleClient = "client"
)

const (
	storeSQLite   = "sqlite"
	storePostgres = "postgres"
)

func main() { os.Exit(program()) }

// program plays the role that the environment gives it.
func program() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	code, err := play(ctx, os.Getenv(envRole))
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "chaos:", err)
		return 2
	}
	return code
}

func play(ctx context.Context, role string) (int, error) {
	if role == roleClient {
		return 0, runClient(ctx, os.Args[1])
	}
	if role == roleInit {
		return first()
	}
	o, err := parse(os.Args[1:])
	if err != nil {
		return 2, err
	}
	if role != roleRun && canContain() {
		return contain()
	}
	return run(ctx, o)
}

// options are what can be set of a run.
type options struct {
	Seed        uint64
	Store       string
	Tasks       int
	Faults      int
	Seconds     float64
	Endpoints   int
	Clients     int
	Outstanding int
	Patience    time.Duration
	Only        string
	Partition   time.Duration
	Loss        float64
	Delay       time.Duration
	Race        bool
	Keep        bool
}

func parse(args []string) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.Uint64Var(&o.Seed, "seed", uint64(time.Now().UnixNano()), "of the load and the faults")
	flags.StringVar(&o.Store, "store", storeSQLite, "sqlite: one service; postgres: three replicas")
	flags.IntVar(&o.Tasks, "tasks", 10_000, "in all")
	flags.IntVar(&o.Faults, "faults", 50, "in all")
	flags.Float64Var(&o.Seconds, "seconds", 0, "over which tasks and faults are spread (default 2 for each fault)")
	flags.IntVar(&o.Endpoints, "endpoints", 3, "with an agent each")
	flags.IntVar(&o.Clients, "clients", 4, "processes that submit")
	flags.IntVar(&o.Outstanding, "outstanding", 4000, "most tasks without a result")
	flags.DurationVar(&o.Patience, "patience", 2*time.Minute, "without any progress after the last fault, until what is left counts as stuck")
	flags.StringVar(&o.Only, "only", "", "classes of parts, with commas between, that faults are drawn for (default all)")
	flags.DurationVar(&o.Partition, "partition", 0,
		"instead of the drawn faults cut agents off for so long, while all ways are slow and break now and then")
	flags.Float64Var(&o.Loss, "loss", 0, "percent of packets that the ways of clients and agents to the service lose, each way")
	flags.DurationVar(&o.Delay, "delay", 0, "of each packet of these ways")
	flags.BoolVar(&o.Race, "race", false, "build the program with the race detector")
	flags.BoolVar(&o.Keep, "keep", false, "keep logs and state after a good run too")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.Seconds == 0 {
		o.Seconds = max(2*float64(o.Faults), 1.2*o.Partition.Seconds())
	}
	switch {
	case o.Store != storeSQLite && o.Store != storePostgres:
		return o, fmt.Errorf("--store is %s or %s", storeSQLite, storePostgres)
	case o.Tasks < 1 || o.Faults < 0 || o.Seconds <= 0 || o.Endpoints < 1 || o.Clients < 1 || o.Outstanding < 1:
		return o, errors.New("--tasks, --seconds, --endpoints, --clients and --outstanding must be at least 1")
	case o.Loss < 0 || o.Loss > 50 || o.Delay < 0 || o.Delay > time.Second:
		return o, errors.New("--loss is 0 to 50 percent, --delay at most 1s: beyond that TCP itself gives up")
	case os.Getenv(envPython) == "":
		return o, errors.New("YONDER_PYTHON is not set: run tools/setup, then source .cache/env")
	}
	return o, nil
}

// Command load submits single calls to an endpoint whose workers are simulated
// and checks every result: each has to be the arguments of its own call. It
// packs calls into bundles as the SDK does with what comes while a request is
// under way, and follows the results over one stream. With -each it submits to
// many endpoints at a steady rate instead, and measures from when a task was due
// until its result is there. Its last line is a JSON object.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
)

// options are what the run is told.
type options struct {
	endpoint      string
	tasks, bundle int
	senders       int
	timeout       time.Duration
	submitOnly    bool
	single        bool
	group         string
	cancel        string

	each    string
	rate    float64
	last    time.Duration
	clients int
}

// result is what is printed.
type result struct {
	Tasks      int       `json:"tasks"`
	Verified   int       `json:"verified"`
	Wrong      int       `json:"wrong"`
	SubmitS    float64   `json:"submit_s"`
	Seconds    float64   `json:"seconds"`
	PerS       float64   `json:"tasks_per_s"`
	Concurrent int       `json:"concurrent"`
	Rates      []float64 `json:"submit_rates,omitempty"` // of each tenth
	// Tenths are when each tenth was accepted, in Unix seconds.
	Tenths []float64 `json:"tenths,omitempty"`
	Group  yonder.ID `json:"group"`
}

func main() {
	var o options
	flag.StringVar(&o.endpoint, "endpoint", "", "name of the endpoint")
	flag.IntVar(&o.tasks, "tasks", 10_000, "calls to submit")
	flag.IntVar(&o.bundle, "bundle", 1000, "calls packed while a request is under way")
	flag.IntVar(&o.senders, "senders", 4, "requests under way at once")
	flag.DurationVar(&o.timeout, "timeout", 10*time.Minute, "for everything")
	flag.BoolVar(&o.submitOnly, "submit-only", false, "leave the results to a later run with -group")
	flag.BoolVar(&o.single, "single", false, "every call is a bundle of its own; a request has as many as -bundle says")
	flag.StringVar(&o.cancel, "cancel", "", "cancel all calls, by group, endpoint or user, while YONDER_OTHER_TOKEN's identity submits")
	flag.StringVar(&o.group, "group", "", "only collect the results of a group of an earlier run with as many tasks")
	flag.StringVar(&o.each, "each", "", "submit to every endpoint whose name begins so")
	flag.Float64Var(&o.rate, "rate", 1, "with -each: tasks a second for each endpoint")
	flag.DurationVar(&o.last, "for", 10*time.Second, "with -each: how long to submit")
	flag.IntVar(&o.clients, "clients", 4, "with -each: clients, with a group and a stream of results of their own")
	flag.Parse()
	good, err := o.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
	}
	if !good {
		os.Exit(1)
	}
}

// run prints a result, and says whether it is as it should be.
func (o options) run() (good bool, err error) {
	var answer any
	switch {
	case o.cancel != "":
		answer, err = cancelled(o)
		good = err == nil
	case o.each != "":
		r, failed := each(o)
		answer, good, err = r, failed == nil && r.Wrong == 0 && r.Verified == r.Tasks, failed
	default:
		r, failed := one(o)
		answer, good, err = r, failed == nil && r.Wrong == 0 && (o.submitOnly || r.Verified == o.tasks), failed
	}
	if err != nil {
		return false, err
	}
	line, err := json.Marshal(answer)
	if err != nil {
		return false, fmt.Errorf("encoding the result: %w", err)
	}
	fmt.Println(string(line))
	return good, nil
}

func one(o options) (result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	c, err := client.FromEnvironment(client.WaitWhenFull(nil))
	if err != nil {
		return result{}, err
	}
	l := &load{options: o, client: c, group: yonder.NewID(), ledger: newLedger(o.tasks)}
	if o.group == "" {
		return l.everything(ctx)
	}
	if l.group, err = yonder.ParseID(o.group); err != nil {
		return result{}, err
	}
	l.begin = time.Now()
	err = l.collect(ctx)
	return l.result(), err
}

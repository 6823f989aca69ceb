// Command load submits single calls to an endpoint whose workers are simulated
// and checks every result: each has to be the arguments of its own call. It
// packs calls into bundles as the SDK does with what comes while a request is
// under way, and follows the results over one stream. Its last line is a JSON
// object.
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
	group         string
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
	Group      yonder.ID `json:"group"`
}

func main() {
	var o options
	flag.StringVar(&o.endpoint, "endpoint", "", "name of the endpoint")
	flag.IntVar(&o.tasks, "tasks", 10_000, "calls to submit")
	flag.IntVar(&o.bundle, "bundle", 1000, "calls packed while a request is under way")
	flag.IntVar(&o.senders, "senders", 4, "requests under way at once")
	flag.DurationVar(&o.timeout, "timeout", 10*time.Minute, "for everything")
	flag.BoolVar(&o.submitOnly, "submit-only", false, "leave the results to a later run with -group")
	flag.StringVar(&o.group, "group", "", "only collect the results of a group of an earlier run with as many tasks")
	flag.Parse()
	answer, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	line, err := json.Marshal(answer)
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	fmt.Println(string(line))
	if answer.Wrong > 0 || !o.submitOnly && answer.Verified != o.tasks {
		os.Exit(1)
	}
}

func run(o options) (result, error) {
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

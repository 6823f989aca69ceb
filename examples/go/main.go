// Command go shows the Go SDK: it registers a shell function and runs it over
// some texts, then calls a registered Python function with JSON arguments.
//
//	yonder up --detach
//	yonder function register simulate.py:simulate
//	go run ./examples/go -python simulate
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
	"github.com/yonder-run/yonder/wire/shell"
)

func main() {
	endpoint := flag.String("endpoint", "local", "name of the endpoint to run at")
	python := flag.String("python", "", "name of a registered Python function that takes a number and a keyword seed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *endpoint, *python)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(yonder.CodeOf(err).Info().Exit)
	}
}

func run(ctx context.Context, endpoint, python string) error {
	c, err := client.FromEnvironment()
	if err != nil {
		return err
	}
	e, err := c.EndpointNamed(ctx, endpoint)
	if err != nil {
		return err
	}
	if err := countWords(ctx, c, e.ID); err != nil {
		return err
	}
	if python == "" {
		return nil
	}
	return callPython(ctx, c, e.ID, python)
}

// countWords submits many calls of a command and reads results as they come.
func countWords(ctx context.Context, c *client.Client, endpoint yonder.ID) error {
	text := "{text}"
	f, err := c.RegisterShell(ctx, "count-words", shell.Function{
		Command: "wc -w > count.txt; echo {title}: $(cat count.txt)",
		Params:  []shell.Param{{Name: "title"}, {Name: "text"}},
		Stdin:   &text,
		Outputs: []string{"count.txt"},
	})
	if err != nil {
		return err
	}
	work := wire.Bundle{Group: yonder.NewID(), Function: f.ID, Endpoint: endpoint, Label: "words"}
	_, err = c.RunAll(ctx, work,
		client.Args("one", "word"), client.Args("it's $(two)", "two words"), client.Args("three", "not one but three"))
	if err != nil {
		return err
	}
	for r, err := range c.Follow(ctx, work.Group, 0) {
		if err != nil {
			return err
		}
		result, err := client.Value[shell.Result](r)
		if err != nil {
			return err
		}
		fmt.Printf("%s (return code %d, %s holds %s)\n",
			strings.TrimSpace(result.Stdout), result.ReturnCode, result.Files[0].Name, strings.TrimSpace(string(result.Files[0].Data)))
	}
	return nil
}

// callPython calls a function that was registered from Python. Its result is
// JSON because its arguments are.
func callPython(ctx context.Context, c *client.Client, endpoint yonder.ID, name string) error {
	f, err := c.FunctionNamed(ctx, name)
	if err != nil {
		return err
	}
	work := wire.Bundle{Group: yonder.NewID(), Function: f.ID, Endpoint: endpoint}
	tasks, err := c.RunAll(ctx, work,
		wire.Call{Args: []any{1000}, Kwargs: map[string]any{"seed": 42}},
		wire.Call{Args: []any{"many"}})
	if err != nil {
		return err
	}
	for _, task := range tasks {
		r, err := c.Wait(ctx, task)
		if err != nil {
			return err
		}
		value, err := client.Value[float64](r)
		var raised *client.RemoteError
		switch {
		case errors.As(err, &raised):
			fmt.Printf("%s raised %s: %s\n", name, raised.Type, raised.Message)
		case err != nil:
			return err
		default:
			fmt.Printf("%s returned %.4f\n", name, value)
		}
	}
	return nil
}

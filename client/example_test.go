package client_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
	"github.com/yonder-run/yonder/wire/shell"
)

// Register a command, run it once, and read what it left.
func Example() {
	ctx := context.Background()
	c, endpoint := yours() // client.FromEnvironment(), c.EndpointNamed(ctx, "local")
	f, err := c.RegisterShell(ctx, "greet", shell.Function{
		Command: "echo hello {name}", Params: []shell.Param{{Name: "name"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	task, err := c.Run(ctx, wire.Bundle{Function: f.ID, Endpoint: endpoint}, "it's $USER")
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := c.Wait(ctx, task)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := client.Value[shell.Result](r)
	fmt.Print(result.Stdout)
	fmt.Println(result.ReturnCode, err)
	// Output:
	// hello it's $USER
	// 0 <nil>
}

// Many calls travel together; their results come in the order in which they
// end, and a cursor lets another process go on reading.
func ExampleClient_RunAll() {
	ctx := context.Background()
	c, endpoint := yours()
	f, err := c.RegisterShell(ctx, "exit", shell.Function{
		Command: "exit {code}", Params: []shell.Param{{Name: "code", Type: shell.Integer}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	work := wire.Bundle{Group: yonder.NewID(), Function: f.ID, Endpoint: endpoint}
	if _, err = c.RunAll(ctx, work, client.Args(0), client.Args(1), client.Args(2)); err != nil {
		fmt.Println(err)
		return
	}
	sum := 0
	for r, err := range c.Follow(ctx, work.Group, 0) {
		if err != nil {
			fmt.Println(err)
			return
		}
		result, err := client.Value[shell.Result](r)
		if err != nil {
			fmt.Println(err)
			return
		}
		sum += result.ReturnCode
	}
	fmt.Println(sum)
	// Output: 3
}

// Errors have codes; what a function raised has more.
func ExampleValue() {
	ctx := context.Background()
	c, endpoint := yours()
	f, err := c.RegisterShell(ctx, "strict", shell.Function{Command: "echo no such thing >&2; exit 3", Check: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = c.Run(ctx, wire.Bundle{Function: f.ID, Endpoint: endpoint}, "too", "many")
	fmt.Println(yonder.CodeOf(err))
	task, err := c.Run(ctx, wire.Bundle{Function: f.ID, Endpoint: endpoint})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := c.Wait(ctx, task)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Value[shell.Result](r)
	var raised *client.RemoteError
	if errors.As(err, &raised) {
		fmt.Println(raised.Type, "-", raised.Message)
	}
	// Output:
	// invalid_arguments
	// ShellError - the command ended with return code 3: no such thing
}

// A context ends a wait, not the task; Cancel ends that.
func ExampleClient_Cancel() {
	ctx := context.Background()
	c, endpoint := yours()
	f, err := c.RegisterShell(ctx, "sleep", shell.Function{Command: "sleep 600"})
	if err != nil {
		fmt.Println(err)
		return
	}
	task, err := c.Run(ctx, wire.Bundle{Function: f.ID, Endpoint: endpoint})
	if err != nil {
		fmt.Println(err)
		return
	}
	soon, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	_, err = c.Wait(soon, task)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	if _, err := c.Cancel(ctx, "tasks", task); err != nil {
		fmt.Println(err)
		return
	}
	r, err := c.Wait(ctx, task)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(yonder.CodeOf(client.Err(r)))
	// Output:
	// true
	// task_cancelled
}

// Listings ask for the next page when it is needed.
func ExampleClient_Functions() {
	ctx := context.Background()
	c, _ := yours()
	if _, err := c.RegisterShell(ctx, "listed", shell.Function{Command: "true"}); err != nil {
		fmt.Println(err)
		return
	}
	for f, err := range c.Functions(ctx, client.Find{Name: "listed"}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(f.Name, f.Kind, f.Version)
	}
	// Output: listed shell 1
}

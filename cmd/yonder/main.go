// Command yonder is everything: the service, the endpoint's agent, the manager
// on its nodes, and the command line.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/yonder-run/yonder/cli"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/internal/profile"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	end, err := profile.Begin(os.Getenv(profile.Variable), profile.Name(args))
	if err != nil {
		fmt.Fprintf(os.Stderr, "yonder: %v\n", err)
		return 1
	}
	code := cli.Main(context.Background(), kit.OS(), args)
	if err := end(); err != nil {
		fmt.Fprintf(os.Stderr, "yonder: %v\n", err)
	}
	return code
}

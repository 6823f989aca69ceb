// Command yonder is everything: the service, the endpoint's agent, the manager
// on its nodes, and the command line.
package main

import (
	"context"
	"os"

	"github.com/yonder-run/yonder/cli"
	"github.com/yonder-run/yonder/cli/kit"
)

func main() {
	os.Exit(cli.Main(context.Background(), kit.OS(), os.Args[1:]))
}

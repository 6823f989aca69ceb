package cli

import (
	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/endpoint"
)

// What follows is for the reference in docs/: it shows what people would see.

// Root returns the tree of all commands.
func Root() *cobra.Command { return newRoot(&app{Console: kit.OS()}) }

// EndpointSample returns the configuration file that an endpoint gets.
func EndpointSample(config endpoint.Config, id yonder.ID) ([]byte, error) { return render(config, id) }

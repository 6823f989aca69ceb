package cli

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder/internal/version"
	"github.com/yonder-run/yonder/wire"
)

// versions is what `yonder version --json` prints.
type versions struct {
	Version    string            `json:"version"`
	Build      string            `json:"build"`
	Platform   string            `json:"platform"`
	WireOldest int               `json:"wire_oldest"`
	WireNewest int               `json:"wire_newest"`
	Service    *wire.VersionInfo `json:"service,omitempty"`
}

func newVersion(a *app) *cobra.Command {
	var ask bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Show the version of this program, and of the service",
		Example: "  yonder version\n  yonder version --service --json",
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versions{
				Version: version.Version, Build: version.String(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
				WireOldest: wire.Oldest, WireNewest: wire.Version,
			}
			if ask {
				c, err := a.client()
				if err != nil {
					return err
				}
				service, err := c.Version(cmd.Context())
				if err != nil {
					return err
				}
				v.Service = &service
			}
			return a.Show(v, func() { a.versions(v) })
		},
	}
	cmd.Flags().BoolVar(&ask, "service", false, "ask the service for its version too")
	return cmd
}

func (a *app) versions(v versions) {
	a.Printf("%s, wire %d to %d\n", v.Build, v.WireOldest, v.WireNewest)
	if v.Service != nil {
		a.Printf("service %s, wire %d to %d\n", v.Service.Version, v.Service.WireOldest, v.Service.WireNewest)
	}
}

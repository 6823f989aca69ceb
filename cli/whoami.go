package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

func newWhoami(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "whoami",
		Short:   "Show who you are to the service, and what your token allows",
		Example: "  yonder whoami\n  yonder whoami --json | jq -r .identity.id",
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			me, err := c.Whoami(cmd.Context())
			if err != nil {
				return err
			}
			return a.Show(me, func() {
				a.Fields("name", me.Identity.Name, "kind", me.Identity.Kind, "id", me.Identity.ID, "admin", me.Identity.Admin,
					"service", c.URL(), "token", me.Token.Label, "scopes", strings.Join(me.Token.Scopes, ", "), "expires", me.Token.Expires)
			})
		},
	}
}

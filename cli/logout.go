package cli

import (
	"github.com/spf13/cobra"
)

func newLogout(a *app) *cobra.Command {
	var revoke bool
	cmd := &cobra.Command{
		Use:     "logout",
		Short:   "Forget the login",
		Long:    "Removes login.json. The token goes on working wherever else it is kept, unless it is revoked.",
		Example: "  yonder logout\n  yonder logout --revoke",
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := a.home()
			if err != nil {
				return err
			}
			if revoke {
				if err := a.revokeOwn(cmd); err != nil {
					return err
				}
			}
			if err := h.RemoveLogin(); err != nil {
				return err
			}
			return a.Show(map[string]any{"logged_out": true, "revoked": revoke}, func() { a.Printf("Logged out.\n") })
		},
	}
	cmd.Flags().BoolVar(&revoke, "revoke", false, "revoke the token too")
	return cmd
}

func (a *app) revokeOwn(cmd *cobra.Command) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	me, err := c.Whoami(cmd.Context())
	if err != nil {
		return err
	}
	return c.Delete(cmd.Context(), "tokens", me.Token.ID)
}

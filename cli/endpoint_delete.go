package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
)

func newEndpointDelete(a *app) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete an endpoint at the service, and its files on this machine",
		Example: "  yonder endpoint delete laptop\n" +
			"  yonder endpoint delete laptop --yes",
		Args:              needs(1, 1),
		ValidArgsFunction: complete(a, endpoints),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := a.home()
			if err != nil {
				return err
			}
			if err := a.Confirm(yes, "Delete the endpoint %s? Its unfinished tasks fail.", args[0]); err != nil {
				return err
			}
			if !isHere(h, args[0]) {
				c, id, err := named(cmd, a, endpoints, args[0])
				if err != nil {
					return err
				}
				if err := c.Delete(cmd.Context(), "endpoints", id); err != nil {
					return err
				}
				return a.deleted(id, "endpoint "+args[0])
			}
			e, err := lookHere(h, args[0])
			if err != nil {
				return err
			}
			return a.deleteHere(cmd, e)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// deleteHere removes the endpoint at the service first: without its files
// nobody could do that any more.
func (a *app) deleteHere(cmd *cobra.Command, e here) error {
	h, err := a.home()
	if err != nil {
		return err
	}
	if err := notOfUp(h, e); err != nil {
		return err
	}
	if err := e.away(); err != nil {
		return err
	}
	if e.State == hereRunning {
		return yonder.Errorf(yonder.CodeConflict, "the agent of %s runs (process %d): stop it first with \"yonder endpoint stop %s\"",
			e.Name, e.PID, e.Name)
	}
	config, err := e.usable()
	if err != nil {
		return err
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	err = c.Delete(cmd.Context(), "endpoints", config.Endpoint)
	if err != nil && yonder.CodeOf(err) != yonder.CodeNotFound { // deleted from elsewhere
		return err
	}
	if err := os.RemoveAll(e.Dir); err != nil {
		return fmt.Errorf("removing the endpoint's files: %w", err)
	}
	return a.deleted(config.Endpoint, "endpoint "+e.Name)
}

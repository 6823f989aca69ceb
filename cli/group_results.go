package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

func newGroupResults(a *app) *cobra.Command {
	var follow bool
	cmd := groupCommand(a, "results", "Print the results that a group has, in the order in which they came", " --follow",
		func(ctx context.Context, c *client.Client, id yonder.ID) error {
			err := a.groupResults(ctx, c, id, follow)
			return waitedFor(ctx, ctx, 0, err, "the tasks go on: \"yonder group results "+id.String()+"\" has what ended")
		})
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until every task of the group has ended")
	return cmd
}

// groupResults prints what there is; following, until there can be no more.
func (a *app) groupResults(ctx context.Context, c *client.Client, id yonder.ID, follow bool) error {
	progress := a.Progress(ctx, "reading results")
	defer progress.Stop()
	group, err := c.Group(ctx, id)
	if err != nil {
		return err
	}
	output, away := ordered{app: a}, outage{met: true}
	var cursor int64
	for {
		wait := nextWait
		if !follow || group.Done >= group.Tasks {
			wait = 0
		}
		results, err := patiently(ctx, progress, &away, func() ([]wire.Result, error) { return c.Results(ctx, id, cursor, wait) })
		if err != nil {
			return err
		}
		if len(results) == 0 && wait == 0 {
			return output.end()
		}
		if len(results) > 0 {
			cursor = results[len(results)-1].Cursor
		}
		if err := output.addAll(ctx, c, results); err != nil {
			return err
		}
		if group, err = patiently(ctx, progress, &away, func() (yonder.Group, error) { return c.Group(ctx, id) }); err != nil {
			return err
		}
		progress.Sayf("%d of %d ended", group.Done, group.Tasks)
	}
}

package cli

import (
	"context"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

func newGroup(a *app) *cobra.Command {
	return parent("group", "Follow and cancel tasks that were submitted together",
		newGroupList(a), newGroupShow(a), newGroupWait(a), newGroupResults(a), newGroupCancel(a))
}

func newGroupList(a *app) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List your task groups, newest first",
		Example: "  yonder group list\n  yonder group list --limit 0 --json",
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			groups, err := most[yonder.Group](cmd.Context(), c, "groups", url.Values{}, limit)
			if err != nil {
				return err
			}
			return a.Show(list(groups), func() {
				table := kit.NewTable("ID", "LABEL", "TASKS", "DONE", "FAILED", "CREATED")
				for _, g := range groups {
					table.Add(g.ID, kit.Short(g.Label), g.Tasks, g.Done, g.Failed, g.Created)
				}
				a.Table(table, "No task groups.")
			})
		},
	}
	kit.Count(cmd.Flags(), &limit, "limit", defaultShown, 0, "show at most so many; 0 shows all")
	return cmd
}

// groupCommand returns a command about one group.
func groupCommand(a *app, use, short, example string, run func(ctx context.Context, c *client.Client, id yonder.ID) error) *cobra.Command {
	return &cobra.Command{
		Use: use + " ID", Short: short, Args: needs(1, 1), ValidArgsFunction: completeGroups(a, false),
		Example: "  yonder group " + use + " 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000" + example,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := a.taskID(args[0])
			if err != nil {
				return err
			}
			return run(cmd.Context(), c, id)
		},
	}
}

func newGroupShow(a *app) *cobra.Command {
	return groupCommand(a, "show", "Show how far a group is", "", func(ctx context.Context, c *client.Client, id yonder.ID) error {
		g, err := c.Group(ctx, id)
		if err != nil {
			return err
		}
		return a.showGroup(g)
	})
}

func (a *app) showGroup(g yonder.Group) error {
	return a.Show(g, func() {
		a.Fields("id", g.ID, "label", g.Label, "tasks", g.Tasks, "done", g.Done, "failed", g.Failed, "created", g.Created)
	})
}

func newGroupWait(a *app) *cobra.Command {
	var timeout time.Duration
	cmd := groupCommand(a, "wait", "Wait until every task of a group has ended", " --timeout 1h",
		func(ctx context.Context, c *client.Client, id yonder.ID) error {
			waiting, cancel := within(ctx, timeout)
			defer cancel()
			g, err := a.waitGroup(waiting, c, id)
			if err != nil {
				return waitedFor(ctx, waiting, timeout, err, "the tasks go on: \"yonder group wait "+id.String()+"\" waits for them again")
			}
			if err := a.showGroup(g); err != nil || g.Failed == 0 {
				return err
			}
			return yonder.Errorf(yonder.CodeFunctionFailed, "%d of %d tasks failed: \"yonder task list --group %s --state failed\" says why",
				g.Failed, g.Tasks, id)
		})
	kit.Duration(cmd.Flags(), &timeout, "timeout", 0, "stop waiting after this long (default never)")
	return cmd
}

// waitGroup looks whenever there are new results.
func (a *app) waitGroup(ctx context.Context, c *client.Client, id yonder.ID) (yonder.Group, error) {
	progress := a.Progress(ctx, "waiting for the group "+id.String())
	defer progress.Stop()
	var away outage
	for {
		g, err := patiently(ctx, progress, &away, func() (yonder.Group, error) { return c.Group(ctx, id) })
		if err != nil || g.Done >= g.Tasks {
			return g, err
		}
		progress.Sayf("%d of %d done, %d failed", g.Done, g.Tasks, g.Failed)
		if _, err := patiently(ctx, progress, &away, func() ([]wire.Result, error) { return c.Results(ctx, id, g.Cursor, nextWait) }); err != nil {
			return g, err
		}
	}
}

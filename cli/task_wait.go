package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

func newTaskWait(a *app) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait ID…",
		Short: "Wait until all of several tasks have ended",
		Long: "Waits until all of the tasks have ended and shows how. The command fails if any of them did; \"yonder\n" +
			"task result\" has a task's value.",
		Example: "  yonder task wait $(yonder run simulate 1 --no-wait) $(yonder run simulate 2 --no-wait)\n" +
			"  yonder task wait 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000 --timeout 1h --json",
		Args:              needs(1, -1),
		ValidArgsFunction: completeTasks(a, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := parseIDs(args)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			waiting, cancel := within(cmd.Context(), timeout)
			defer cancel()
			tasks, err := a.waitTasks(waiting, c, ids)
			if err != nil {
				return waitedFor(cmd.Context(), waiting, timeout, err, "the tasks go on: \"yonder task wait\" waits for them again")
			}
			if err := a.Show(tasks, func() { a.taskTable(cmd.Context(), c, tasks) }); err != nil {
				return err
			}
			return failures(tasks)
		},
	}
	kit.Duration(cmd.Flags(), &timeout, "timeout", 0, "stop waiting after this long (default never)")
	return cmd
}

func parseIDs(args []string) ([]yonder.ID, error) {
	ids := make([]yonder.ID, len(args))
	for i, arg := range args {
		var err error
		if ids[i], err = parseID(arg); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// waitTasks waits for one after the other: all have to end anyway.
func (a *app) waitTasks(ctx context.Context, c *client.Client, ids []yonder.ID) ([]yonder.Task, error) {
	progress := a.Progress(ctx, "waiting for the tasks")
	defer progress.Stop()
	tasks := make([]yonder.Task, len(ids))
	var away outage
	for i, id := range ids {
		progress.Sayf("%d of %d ended, waiting for %s", i, len(ids), id)
		for {
			_, err := patiently(ctx, progress, &away, func() (wire.Result, error) { return c.Result(ctx, id, nextWait) })
			if yonder.CodeOf(err) != yonder.CodeNotFound && yonder.CodeOf(err) != yonder.CodeResultExpired && err != nil {
				return nil, err
			}
			task, err := patiently(ctx, progress, &away, func() (yonder.Task, error) { return c.Task(ctx, id) })
			if err != nil {
				return nil, err
			}
			if task.Finished != nil {
				tasks[i] = task
				break
			}
		}
	}
	return tasks, nil
}

// failures is the error of tasks that did not all succeed.
func failures(tasks []yonder.Task) error {
	var failed int
	var worst yonder.Code
	for _, t := range tasks {
		if t.State != yonder.TaskSucceeded {
			failed, worst = failed+1, t.Code
		}
	}
	if failed == 0 {
		return nil
	}
	return yonder.Errorf(worst, "%d of %d tasks failed: the messages above say why, \"yonder task result ID\" says more", failed, len(tasks))
}

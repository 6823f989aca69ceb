package cli

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

func newTask(a *app) *cobra.Command {
	return parent("task", "Follow and cancel tasks",
		newTaskList(a), newTaskShow(a), newTaskLogs(a), newTaskResult(a), newTaskWait(a), newTaskCancel(a))
}

// defaultShown is how much of a long listing is shown unless all is wanted.
const defaultShown = 20

// taskStates are the outward states of a task.
var taskStates = []string{
	string(yonder.RangeQueued), string(yonder.RangeOffered), string(yonder.RangeAccepted), string(yonder.RangeStarted),
	string(yonder.TaskSucceeded), string(yonder.TaskFailed), string(yonder.TaskCancelled),
}

func newTaskList(a *app) *cobra.Command {
	var state, endpoint, function, group string
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List your tasks, newest first",
		Example: "  yonder task list --state failed\n  yonder task list --endpoint cluster --limit 0 --json",
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			filters, err := taskFilters(cmd.Context(), c, state, group, endpoint, function)
			if err != nil {
				return err
			}
			tasks, err := most[yonder.Task](cmd.Context(), c, "tasks", filters, limit)
			if err != nil {
				return err
			}
			return a.Show(list(tasks), func() { a.taskTable(cmd.Context(), c, tasks) })
		},
	}
	kit.Choice(cmd.Flags(), &state, "state", "", taskStates, "only tasks in this state: "+strings.Join(taskStates, ", "))
	cmd.Flags().StringVarP(&endpoint, "endpoint", "e", "", "only of this endpoint")
	cmd.Flags().StringVarP(&function, "function", "f", "", "only of this function")
	cmd.Flags().StringVarP(&group, "group", "g", "", "only of the group with this `id`")
	kit.Count(cmd.Flags(), &limit, "limit", defaultShown, 0, "show at most so many; 0 shows all")
	completeFlag(cmd, "endpoint", complete(a, endpoints))
	completeFlag(cmd, "function", complete(a, functions))
	completeFlag(cmd, "group", completeGroups(a, false))
	completeFlag(cmd, "state", cobra.FixedCompletions(taskStates, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func taskFilters(ctx context.Context, c *client.Client, state, group, endpoint, function string) (url.Values, error) {
	filters := url.Values{}
	if state != "" {
		filters.Set("state", state)
	}
	if group != "" {
		id, err := parseID(group)
		if err != nil {
			return nil, err
		}
		filters.Set("group", id.String())
	}
	if endpoint != "" {
		id, err := endpoints.resolve(ctx, c, endpoint)
		if err != nil {
			return nil, err
		}
		filters.Set("endpoint", id.String())
	}
	if function != "" {
		id, err := functions.resolve(ctx, c, function)
		if err != nil {
			return nil, err
		}
		filters.Set("function", id.String())
	}
	return filters, nil
}

// most reads at most limit items of a listing; 0 is no limit.
func most[T any](ctx context.Context, c *client.Client, what string, filters url.Values, limit int) ([]T, error) {
	if limit <= 0 {
		return client.All[T](ctx, c, what, filters)
	}
	filters.Set("limit", strconv.Itoa(min(limit, pageLimit)))
	var items []T
	for {
		page, err := client.List[T](ctx, c, what, filters)
		if err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if len(items) >= limit || page.Next == "" {
			return items[:min(len(items), limit)], nil
		}
		filters.Set("after", page.Next)
	}
}

// pageLimit is the most that the service puts on a page.
const pageLimit = 1000

func (a *app) taskTable(ctx context.Context, c *client.Client, tasks []yonder.Task) {
	table := kit.NewTable("ID", "STATE", "FUNCTION", "LABEL", "SUBMITTED", "TOOK", "ATTEMPT", "MESSAGE")
	names := functionNames(ctx, c, tasks)
	for _, t := range tasks {
		table.Add(t.ID, t.State, kit.Short(names[t.Function]), kit.Short(t.Label), t.Submitted, took(t), t.Attempt, kit.Short(t.Message))
	}
	a.Table(table, "No tasks.")
}

// maxNames bounds how many functions a listing looks up.
const maxNames = 50

// functionNames looks up what the tasks ran; a function may be deleted.
func functionNames(ctx context.Context, c *client.Client, tasks []yonder.Task) map[yonder.ID]string {
	names := map[yonder.ID]string{}
	for _, t := range tasks {
		if _, known := names[t.Function]; known || len(names) >= maxNames {
			continue
		}
		f, _ := c.Function(ctx, t.Function, 0)
		names[t.Function] = f.Name
	}
	return names
}

func took(t yonder.Task) string {
	if t.Started == nil || t.Finished == nil {
		return ""
	}
	return t.Finished.Sub(*t.Started).Round(time.Millisecond).String()
}

func newTaskShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "show ID",
		Short:             "Show what a task is doing",
		Example:           "  yonder task show 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000",
		ValidArgsFunction: completeTasks(a, false),
		Args:              needs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := a.taskID(args[0])
			if err != nil {
				return err
			}
			t, err := c.Task(cmd.Context(), id)
			if err != nil {
				return err
			}
			progress := progressOf(cmd.Context(), c, t)
			return a.Show(shownTask{t, progress}, func() {
				a.Fields("id", t.ID, "state", t.State, "progress", progressText(progress), "label", t.Label, "code", t.Code, "message", t.Message,
					"submitted", t.Submitted, "started", t.Started, "finished", t.Finished, "took", took(t), "attempt", t.Attempt,
					"cancel", strings.TrimPrefix(map[bool]string{true: "requested"}[t.Cancel], "-"),
					"function", t.Function, "version", t.Version, "endpoint", t.Endpoint, "group", t.Group)
			})
		},
	}
}

// shownTask is a task with what only its endpoint knows.
type shownTask struct {
	yonder.Task

	Progress *yonder.Progress `json:"progress,omitempty"`
}

// progressOf asks how far a running task is. Without an answer there is none.
func progressOf(ctx context.Context, c *client.Client, t yonder.Task) *yonder.Progress {
	if t.State != yonder.RangeStarted && t.State != yonder.RangeAccepted {
		return nil
	}
	logs, err := c.Logs(ctx, t.ID, client.OnlyProgress)
	if err != nil {
		return nil
	}
	for _, e := range logs.Events {
		if e.Event == wire.EventProgress {
			return e.Progress
		}
	}
	return nil
}

// taskID checks the id before anything is asked.
func (a *app) taskID(text string) (*client.Client, yonder.ID, error) {
	id, err := parseID(text)
	if err != nil {
		return nil, id, err
	}
	c, err := a.client()
	return c, id, err
}

func newTaskResult(a *app) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "result ID",
		Short: "Wait for a task's result and print it",
		Example: "  yonder task result 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000\n" +
			"  yonder task result 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000 --timeout 10s --json",
		ValidArgsFunction: completeTasks(a, false),
		Args:              needs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := a.taskID(args[0])
			if err != nil {
				return err
			}
			return a.finish(cmd.Context(), c, id, timeout, outage{})
		},
	}
	kit.Duration(cmd.Flags(), &timeout, "timeout", 0, "stop waiting after this long (default never)")
	cmd.Flags().StringVar(&a.files, "files", "", "save the output files of a shell function in this `directory`")
	return cmd
}

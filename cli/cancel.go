package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// cancelFlags are what every cancel takes.
type cancelFlags struct{ reason string }

func (f *cancelFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.reason, "reason", "", "a `text` for the tasks' records and errors")
}

func newTaskCancel(a *app) *cobra.Command {
	var flags cancelFlags
	var all, yes bool
	var endpoint string
	cmd := &cobra.Command{
		Use:   "cancel ID…",
		Short: "Cancel tasks, also those that run",
		Long: "Cancels tasks. Those that wait end at once; a running one gets SIGTERM and, after the endpoint's grace\n" +
			"period, SIGKILL, with all that it has started. Its record then says how it ended.",
		Example: "  yonder task cancel 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000 --reason \"wrong input\"\n" +
			"  yonder task cancel --all --endpoint cluster",
		Args: needs(0, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case all == (len(args) > 0):
				return kit.Usagef("name tasks by their ids, or use --all to cancel all of yours")
			case !all && endpoint != "":
				return kit.Usagef("--endpoint goes with --all: a task's id says where it is")
			case !all:
				return a.cancel(cmd.Context(), "tasks", args, flags.reason)
			}
			return a.cancelMine(cmd, endpoint, flags.reason, yes)
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "cancel all your tasks")
	cmd.Flags().StringVarP(&endpoint, "endpoint", "e", "", "with --all: only those of this endpoint")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) cancelMine(cmd *cobra.Command, endpoint, reason string, yes bool) error {
	if endpoint != "" {
		return a.cancelEndpoint(cmd, endpoint, reason, yes)
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	if err := a.Confirm(yes, "Cancel all your tasks, at every endpoint?"); err != nil {
		return err
	}
	return a.cancelled(cmd.Context(), func(progress func(wire.Cancelled)) (wire.Cancelled, error) {
		return c.CancelAll(cmd.Context(), reason, progress)
	})
}

func newGroupCancel(a *app) *cobra.Command {
	var flags cancelFlags
	cmd := &cobra.Command{
		Use:     "cancel ID…",
		Short:   "Cancel all tasks of groups, also those that run",
		Example: "  yonder group cancel 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000",
		Args:    needs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.cancel(cmd.Context(), "groups", args, flags.reason)
		},
	}
	flags.add(cmd)
	return cmd
}

func newEndpointCancel(a *app) *cobra.Command {
	var flags cancelFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "cancel NAME",
		Short: "Cancel all tasks of an endpoint: everybody's if it is yours, else your own",
		Example: "  yonder endpoint cancel laptop --reason \"the machine is needed\"\n" +
			"  yonder endpoint cancel cluster --yes",
		Args:              needs(1, 1),
		ValidArgsFunction: complete(a, endpoints),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.cancelEndpoint(cmd, args[0], flags.reason, yes)
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) cancelEndpoint(cmd *cobra.Command, ref, reason string, yes bool) error {
	c, id, err := named(cmd, a, endpoints, ref)
	if err != nil {
		return err
	}
	if err := a.Confirm(yes, "Cancel the tasks of the endpoint %s, everybody's if it is yours?", ref); err != nil {
		return err
	}
	return a.cancelled(cmd.Context(), func(progress func(wire.Cancelled)) (wire.Cancelled, error) {
		return c.CancelBecause(cmd.Context(), "endpoints", id, reason, progress)
	})
}

// cancel cancels what the ids name.
func (a *app) cancel(ctx context.Context, what string, args []string, reason string) error {
	ids := make([]yonder.ID, len(args))
	for i, arg := range args {
		var err error
		if ids[i], err = parseID(arg); err != nil {
			return err
		}
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	return a.cancelled(ctx, func(progress func(wire.Cancelled)) (wire.Cancelled, error) {
		return cancelAll(ctx, c, what, ids, reason, progress)
	})
}

func cancelAll(
	ctx context.Context, c *client.Client, what string, ids []yonder.ID, reason string, progress func(wire.Cancelled),
) (total wire.Cancelled, err error) {
	for _, id := range ids {
		one, err := c.CancelBecause(ctx, what, id, reason, func(some wire.Cancelled) { progress(total.Add(some)) })
		total = total.Add(one)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// cancelled shows how far a cancel is, and what it did.
func (a *app) cancelled(ctx context.Context, do func(progress func(wire.Cancelled)) (wire.Cancelled, error)) error {
	progress := a.Progress(ctx, "cancelling")
	total, err := do(func(some wire.Cancelled) { progress.Sayf("cancelling: %d so far", some.Cancelled+some.Stopping) })
	progress.Stop()
	if err != nil {
		return err
	}
	return a.Show(total, func() {
		a.Printf("%d cancelled, %d being stopped at the endpoint, %d had ended before.\n", total.Cancelled, total.Stopping, total.Done)
	})
}

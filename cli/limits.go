package cli

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

func newLimits(a *app) *cobra.Command {
	var whose limited
	cmd := &cobra.Command{
		Use:   "limits",
		Short: "Show limits and what counts against them",
		Long: "Show your limits and what counts against them, or those of an identity (for admins) or an endpoint.\n" +
			"At a limit, clients slow down and say why.",
		Example: "  yonder limits\n  yonder limits --identity ada\n  yonder limits set --identity ada --queued-tasks 1000000 --weight 3",
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			id, err := whose.resolve(cmd.Context(), c)
			if err != nil {
				return err
			}
			limits, err := c.Limits(cmd.Context(), whose.what(), id)
			if err != nil {
				return err
			}
			return a.showLimits(limits)
		},
	}
	whose.flags(cmd)
	cmd.AddCommand(newLimitsSet(a))
	return cmd
}

func newLimitsSet(a *app) *cobra.Command {
	var whose limited
	var set yonder.Allowance
	cmd := &cobra.Command{
		Use:     "set",
		Short:   "Set limits of an identity or an endpoint",
		Long:    "Set limits of an identity (for admins) or an endpoint (for its owner). What is not given stays; 0 is as configured.",
		Example: "  yonder limits set --identity ada --running-tasks 100\n  yonder limits set --endpoint cluster --queued-tasks 50000",
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			id, err := whose.resolve(cmd.Context(), c)
			if err != nil {
				return err
			}
			if id.IsZero() {
				return yonder.Errorf(yonder.CodeInvalidRequest, "say whose limits to set: with --identity or --endpoint")
			}
			there, err := c.Limits(cmd.Context(), whose.what(), id)
			if err != nil {
				return err
			}
			limits, err := c.SetLimits(cmd.Context(), whose.what(), id, changed(cmd, set, there.Set))
			if err != nil {
				return err
			}
			return a.showLimits(limits)
		},
	}
	whose.flags(cmd)
	for _, row := range limitRows(&set) {
		cmd.Flags().Int64Var(row.value, row.flag, 0, row.means)
	}
	return cmd
}

// limited is whose limits are meant; the user's own if neither is given.
type limited struct{ identity, endpoint string }

func (l *limited) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&l.identity, "identity", "", "`identity` whose limits are meant")
	cmd.Flags().StringVar(&l.endpoint, "endpoint", "", "`endpoint` whose limits are meant")
}

func (l *limited) what() string {
	if l.endpoint != "" {
		return endpoints.listing
	}
	return identities.listing
}

func (l *limited) resolve(ctx context.Context, c *client.Client) (yonder.ID, error) {
	switch {
	case l.identity != "" && l.endpoint != "":
		return yonder.ID{}, kit.Usagef("limits are of an identity or of an endpoint: give --identity or --endpoint")
	case l.endpoint != "":
		return endpoints.resolve(ctx, c, l.endpoint)
	case l.identity != "":
		return identities.resolve(ctx, c, l.identity)
	}
	return yonder.ID{}, nil
}

type limitRow struct {
	flag, means string
	value       *int64
}

// limitRows names the parts of an allowance.
func limitRows(l *yonder.Allowance) []limitRow {
	return []limitRow{
		{"queued-tasks", "most tasks that wait", &l.QueuedTasks},
		{"queued-bytes", "most bytes of arguments that wait", &l.QueuedBytes},
		{"running-tasks", "most tasks of one identity that an endpoint is given", &l.RunningTasks},
		{"bundles", "most bundles with unfinished tasks", &l.Bundles},
		{"blob-bytes", "most bytes of large payloads and results", &l.BlobBytes},
		{"streams", "most streams of results at a time", &l.Streams},
		{"weight", "share of an endpoint beside others", &l.Weight},
	}
}

// changed takes from the flags what was given, and the rest from what is there.
func changed(cmd *cobra.Command, given, there yonder.Allowance) yonder.Allowance {
	to := limitRows(&there)
	for i, row := range limitRows(&given) {
		if cmd.Flags().Changed(row.flag) {
			*to[i].value = *row.value
		}
	}
	return there
}

func (a *app) showLimits(l wire.LimitsOf) error {
	return a.Show(l, func() {
		table := kit.NewTable("LIMIT", "USED", "MAXIMUM", "SET", "MEANS")
		set, used := limitRows(&l.Set), limitRows(&l.Used)
		for i, row := range limitRows(&l.Effective) {
			if cmp.Or(*row.value, *used[i].value) != 0 {
				table.Add(row.flag, *used[i].value, *row.value, *set[i].value, row.means)
			}
		}
		a.Table(table, "No limits.")
	})
}

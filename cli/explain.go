package cli

import (
	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/wire"
)

func newExplain(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "explain TASK",
		Short: "Say why a task is where it is, and what to do about it",
		Long: "Says why a task is where it is: the whole chain from submission to result, with times and causes, every\n" +
			"attempt, and what its endpoint says at this moment.",
		Example: "  yonder explain 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000\n" +
			"  yonder explain 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000 --json | jq -r .summary",
		Args: needs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := a.taskID(args[0])
			if err != nil {
				return err
			}
			e, err := c.Explain(cmd.Context(), "tasks", id)
			if err != nil {
				return err
			}
			return a.showExplanation("task "+id.String(), e)
		},
	}
}

func newEndpointExplain(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "explain NAME",
		Short:             "Say how an endpoint is, why it does or does not work, and what to do about it",
		Example:           "  yonder endpoint explain cluster\n  yonder endpoint explain cluster --json | jq -r .summary",
		Args:              needs(1, 1),
		ValidArgsFunction: complete(a, endpoints),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := named(cmd, a, endpoints, args[0])
			if err != nil {
				return err
			}
			e, err := c.Explain(cmd.Context(), "endpoints", id)
			if err != nil {
				return err
			}
			return a.showExplanation("endpoint "+args[0], e)
		},
	}
}

// stepMarks stand before steps.
var stepMarks = map[string]string{wire.StepDone: "✓", wire.StepNow: "▸", wire.StepWaiting: "…", wire.StepFailed: "✗"}

func (a *app) showExplanation(what string, e wire.Explanation) error {
	return a.Show(e, func() {
		a.Printf("%s: %s.\n", kit.Clean(what), kit.Clean(e.Summary))
		if e.Next != "" {
			a.Printf("Next: %s.\n", kit.Clean(e.Next))
		}
		a.Printf("\n")
		table := kit.NewTable("", "STEP", "SINCE", "UNTIL", "WHAT")
		for _, s := range e.Steps {
			table.Add(stepMarks[s.State], s.Step, s.Since, s.Until, s.Text)
		}
		a.Table(table, "Nothing is known.")
	})
}

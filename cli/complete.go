package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder/client"
)

// completeWithin bounds how long a shell waits for the service.
const completeWithin = time.Second

// complete offers the names that the service lists, for the first argument.
func complete[T any](a *app, r resource[T]) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, err := a.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
		defer cancel()
		page, err := client.List[T](ctx, c, r.listing, nil)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []cobra.Completion
		for _, item := range page.Items {
			names = append(names, r.name(item))
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

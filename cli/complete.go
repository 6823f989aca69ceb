package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
)

// completeWithin bounds how long a shell waits for the service.
const completeWithin = time.Second

// suggest offers the words that a source has, for the first argument only or
// for all. A source that fails has none: there is nowhere to say why.
func suggest(many bool, source func(ctx context.Context) ([]cobra.Completion, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 && !many {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWithin)
		defer cancel()
		words, err := source(ctx)
		if err != nil {
			words = nil
		}
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// complete offers the names that the service lists.
func complete[T any](a *app, r resource[T]) cobra.CompletionFunc {
	return suggest(false, listed(a, r.listing, func(item T) cobra.Completion { return r.name(item) }))
}

// listed is a page of a listing as words for a shell.
func listed[T any](a *app, listing string, word func(T) cobra.Completion) func(ctx context.Context) ([]cobra.Completion, error) {
	return func(ctx context.Context) ([]cobra.Completion, error) {
		c, err := a.client()
		if err != nil {
			return nil, err
		}
		page, err := client.List[T](ctx, c, listing, nil)
		words := make([]cobra.Completion, 0, len(page.Items))
		for _, item := range page.Items {
			words = append(words, word(item))
		}
		return words, err
	}
}

// completeHere offers the endpoints of this machine, without asking anybody.
func completeHere(a *app) cobra.CompletionFunc {
	return suggest(false, func(context.Context) ([]cobra.Completion, error) {
		h, err := a.home()
		if err != nil {
			return nil, err
		}
		return h.EndpointNames()
	})
}

// completeTasks offers the newest tasks by id, and says what they are.
func completeTasks(a *app, many bool) cobra.CompletionFunc {
	return suggest(many, listed(a, "tasks", func(t yonder.Task) cobra.Completion {
		return cobra.CompletionWithDesc(t.ID.String(), string(t.State)+" "+kit.Short(t.Label))
	}))
}

// completeGroups offers the newest groups by id, and says what they are.
func completeGroups(a *app, many bool) cobra.CompletionFunc {
	return suggest(many, listed(a, "groups", func(g yonder.Group) cobra.Completion {
		return cobra.CompletionWithDesc(g.ID.String(), kit.Short(g.Label))
	}))
}

// completeFlag offers the same for the value of a flag.
func completeFlag(cmd *cobra.Command, flag string, words cobra.CompletionFunc) {
	_ = cmd.RegisterFlagCompletionFunc(flag, // which the command has
		func(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return words(cmd, nil, word)
		})
}

package cli

import (
	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder/wire"
)

func newFunctionMemo(a *app) *cobra.Command {
	var scope string
	var forget bool
	cmd := &cobra.Command{
		Use:   "memo FUNCTION",
		Short: "Show, change or forget the results that answer equal calls",
		Long: "A function with a memo is run once for the same arguments: the service keeps its result, and answers equal calls\n" +
			"with it at once. Turn it on only for functions whose results depend on nothing but their arguments. Another\n" +
			"version of the function, or other bytes of arguments, make another call. Failures are never kept, nor results\n" +
			"over 64 KiB.",
		Example: "  yonder function memo simulate\n" +
			"  yonder function memo simulate --scope private   # keep results of each caller for themselves\n" +
			"  yonder function memo simulate --scope shared    # all who may run it share results\n" +
			"  yonder function memo simulate --forget          # its data has changed: run everything anew",
		Args:              needs(1, 1),
		ValidArgsFunction: complete(a, functions),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := named(cmd, a, functions, args[0])
			if err != nil {
				return err
			}
			ctx, memo := cmd.Context(), wire.MemoReport{}
			if scope != "" {
				memo, err = c.SetMemo(ctx, id, scope)
			}
			if forget && err == nil {
				memo, err = c.ForgetMemo(ctx, id)
			}
			if scope == "" && !forget {
				memo, err = c.Memo(ctx, id)
			}
			if err != nil {
				return err
			}
			return a.Show(memo, func() { a.showMemo(memo) })
		},
	}
	cmd.Flags().StringVar(&scope, "scope", "", "`whose` results answer equal calls: private, shared or off")
	cmd.Flags().BoolVar(&forget, "forget", false, "forget the results that are kept")
	return cmd
}

func (a *app) showMemo(m wire.MemoReport) {
	a.Fields("scope", m.Scope, "results kept", m.Results, "bytes", m.Bytes,
		"calls answered", m.Hits, "calls not known", m.Misses, "times forgotten", m.Generation)
}

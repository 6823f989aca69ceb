package cli

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
)

func newFunction(a *app) *cobra.Command {
	cmd := parent("function", "Register, list and share functions",
		newFunctionRegister(a), newFunctionList(a), newFunctionSearch(a), newFunctionShow(a), newFunctionShare(a),
		newFunctionMemo(a), newFunctionDelete(a))
	cmd.Long = "Functions are commands of the shell, see \"yonder function register --help\", or Python's. These are registered\n" +
		"from Python, which packs them with the code that they use:\n\n" +
		"  yonder.Client().register_function(simulate)\n\n" +
		"or with \"yonder function register\", which does the same for a function of a file."
	return cmd
}

func newFunctionList(a *app) *cobra.Command {
	var mine, all bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the functions that you may run",
		Example: "  yonder function list\n  yonder function list --mine --json | jq -r '.[].name'",
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			filters := url.Values{}
			if all {
				filters.Set("all", "true")
			}
			return a.listFunctions(cmd.Context(), filters, mine)
		},
	}
	cmd.Flags().BoolVar(&mine, "mine", false, "only your own")
	cmd.Flags().BoolVar(&all, "all", false, "also what was submitted from Python and never registered")
	return cmd
}

func newFunctionSearch(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "search WORDS…",
		Short:   "Search names, descriptions and docstrings for all of the words",
		Example: "  yonder function search fourier transform",
		Args:    needs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.listFunctions(cmd.Context(), url.Values{"q": {strings.Join(args, " ")}}, false)
		},
	}
}

func (a *app) listFunctions(ctx context.Context, filters url.Values, mine bool) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	if mine {
		me, err := c.Whoami(ctx)
		if err != nil {
			return err
		}
		filters.Set("owner", me.Identity.ID.String())
	}
	all, err := client.All[yonder.Function](ctx, c, "functions", filters)
	if err != nil {
		return err
	}
	return a.Show(list(all), func() {
		table := kit.NewTable("NAME", "VERSION", "OWNER", "PYTHON", "REGISTERED", "ID", "DESCRIPTION")
		for _, f := range all {
			table.Add(kit.Short(f.Name), f.Version, f.OwnerName, f.Requirements.Python, f.Created, f.ID, kit.Short(about(f)))
		}
		a.Table(table, "No functions.")
	})
}

func about(f yonder.Function) string {
	if f.Description != "" {
		return f.Description
	}
	return f.Docstring
}

// list makes an empty listing an empty array, not null.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

func newFunctionShow(a *app) *cobra.Command {
	var version int
	cmd := &cobra.Command{
		Use:               "show FUNCTION",
		Short:             "Show a function's signature, requirements and sharing",
		Example:           "  yonder function show hello\n  yonder function show hello --version 2 --json",
		Args:              needs(1, 1),
		ValidArgsFunction: complete(a, functions),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := named(cmd, a, functions, args[0])
			if err != nil {
				return err
			}
			f, err := c.Function(cmd.Context(), id, version)
			if err != nil {
				return err
			}
			err = a.Show(f, func() { a.showFunction(f, a.namesOf(cmd.Context(), c, f.Sharing)) })
			if err == nil && !a.JSON {
				err = a.showCommand(cmd.Context(), c, f)
			}
			return err
		},
	}
	kit.Count(cmd.Flags(), &version, "version", 0, 1, "a `number`, instead of the newest version")
	return cmd
}

func (a *app) showFunction(f yonder.Function, names map[yonder.ID]string) {
	created := "registered"
	if f.Anonymous {
		created = "not registered, submitted"
	}
	a.Fields("name", f.Name, "signature", signature(f), "id", f.ID, "version", f.Version, "kind", f.Kind, "owner", f.OwnerName,
		"shared with", shared(f.Sharing, names), "python", f.Requirements.Python, "packages", strings.Join(f.Requirements.Packages, ", "),
		"retries", retries(f.Retry), "memo", f.Memo.Scope, created, f.Created, "hash", f.Hash, "description", f.Description)
	if f.Docstring != "" {
		a.Printf("\n%s\n", kit.Printable(f.Docstring))
	}
}

// retries says in words what a policy says.
func retries(r yonder.Retry) string {
	var parts []string
	if r.MaxAttempts > 0 {
		parts = append(parts, fmt.Sprintf("at most %d attempts", r.MaxAttempts))
	}
	if len(r.On) > 0 {
		parts = append(parts, fmt.Sprintf("after %v", r.On))
	}
	if r.Backoff > 0 {
		parts = append(parts, "waiting "+r.Wait(1).String()+" at first")
	}
	return strings.Join(parts, ", ")
}

// signature writes the parameters as Python does; a default is shown as "=…".
func signature(f yonder.Function) string {
	if f.Signature == nil {
		return ""
	}
	var parts []string
	last, star := "", false
	for _, p := range f.Signature.Params {
		if last == yonder.ParamPositionalOnly && p.Kind != last {
			parts = append(parts, "/")
		}
		if p.Kind == yonder.ParamKeywordOnly && !star {
			parts, star = append(parts, "*"), true
		}
		star = star || p.Kind == yonder.ParamVarPositional
		parts, last = append(parts, param(p)), p.Kind
	}
	if last == yonder.ParamPositionalOnly {
		parts = append(parts, "/")
	}
	return f.Name + "(" + strings.Join(parts, ", ") + ")"
}

func param(p yonder.Param) string {
	switch {
	case p.Kind == yonder.ParamVarPositional:
		return "*" + p.Name
	case p.Kind == yonder.ParamVarKeyword:
		return "**" + p.Name
	case p.Required:
		return p.Name
	}
	return p.Name + "=…"
}

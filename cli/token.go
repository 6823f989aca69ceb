package cli

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

func newToken(a *app) *cobra.Command {
	return parent("token", "Make, list and revoke tokens", newTokenCreate(a), newTokenList(a), newTokenRevoke(a))
}

func newTokenCreate(a *app) *cobra.Command {
	var want wire.CreateToken
	var expires time.Duration
	var person string
	var out secretFile
	cmd := &cobra.Command{
		Use:   "create [LABEL]",
		Short: "Make a token; its secret is shown once",
		Long: "Makes a token and prints its secret, which the service does not keep. A token can do at most what\n" +
			"the token can that makes it. Scopes: all, admin, functions, endpoints, submit, read, tokens.",
		Example: "  yonder token create ci --scope submit,read --expires 720h --out ci.token\n" +
			"  yonder token create --for ada",
		Args: needs(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			want.Label = strings.Join(args, "")
			want.Seconds = int64(expires / time.Second)
			if err := out.check(); err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			if person != "" {
				ids, err := resolveAll(cmd.Context(), c, []string{person})
				if err != nil {
					return err
				}
				want.Identity = &ids[0]
			}
			token, err := c.CreateToken(cmd.Context(), want)
			if err != nil {
				return err
			}
			return a.showSecret(token, out.path)
		},
	}
	cmd.Flags().StringSliceVar(&want.Scopes, "scope", nil, "what it allows (default all)")
	kit.Duration(cmd.Flags(), &expires, "expires", 0, "how long it works, such as 720h (default for ever)")
	cmd.Flags().StringVar(&person, "for", "", "for another `identity`; only admins may")
	cmd.Flags().StringVar(&out.path, "out", "", "write the secret to a `file` that only you may read")
	cmd.Flags().BoolVar(&out.force, "force", false, "replace the file if it is there")
	return cmd
}

// secretFile is where a secret is to be written.
type secretFile struct {
	path  string
	force bool
}

// check refuses a file that is there, before there is a secret for it: it may
// hold the only copy of another one.
func (f secretFile) check() error {
	if f.path == "" || f.force {
		return nil
	}
	_, err := os.Lstat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "out", "looking for the file: %w", err)
	}
	return yonder.FieldErrorf(yonder.CodeConflict, "out", "the file %s is there already: name another one, or replace it with --force", f.path)
}

func (a *app) showSecret(token yonder.Token, file string) error {
	if file != "" {
		if err := home.WriteSecret(file, []byte(token.Secret+"\n")); err != nil {
			return err
		}
		token.Secret = ""
		return a.Show(token, func() { a.Printf("The token %s is in %s.\n", token.ID, file) })
	}
	return a.Show(token, func() {
		a.Printf("%s\n", token.Secret)
		a.Notef("Keep it: it is not shown again. \"yonder token revoke %s\" ends it.\n", token.ID)
	})
}

func newTokenList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List your tokens, without their secrets",
		Example: "  yonder token list\n  yonder token list --json",
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.All[yonder.Token](cmd.Context(), c, "tokens", nil)
			if err != nil {
				return err
			}
			return a.Show(list(all), func() {
				table := kit.NewTable("LABEL", "SCOPES", "STATE", "CREATED", "LAST USED", "EXPIRES", "ID")
				for _, t := range all {
					table.Add(kit.Short(t.Label), strings.Join(t.Scopes, ","), tokenState(t, time.Now()), t.Created, t.LastUsed, t.Expires, t.ID)
				}
				a.Table(table, "No tokens.")
			})
		},
	}
}

func tokenState(t yonder.Token, now time.Time) string {
	switch {
	case t.Revoked != nil:
		return "revoked"
	case t.Expires != nil && now.After(*t.Expires):
		return "expired"
	}
	return "valid"
}

func newTokenRevoke(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "End a token at once, wherever it is kept",
		Example: "  yonder token revoke 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000",
		ValidArgsFunction: suggest(false, listed(a, "tokens", func(t yonder.Token) cobra.Completion {
			return cobra.CompletionWithDesc(t.ID.String(), kit.Short(t.Label))
		})),
		Args: needs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			if err := c.Delete(cmd.Context(), "tokens", id); err != nil {
				return err
			}
			return a.Show(map[string]any{"id": id, "revoked": true}, func() { a.Printf("Revoked the token %s.\n", id) })
		},
	}
}

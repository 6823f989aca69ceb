package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// sharing is how the flags of the share commands change who may use a thing.
type sharing struct {
	with, without    []string
	everyone, nobody bool
}

func (s *sharing) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&s.with, "with", nil, "add `identities`: names or ids of people, service accounts or groups")
	flags.StringSliceVar(&s.without, "without", nil, "take `identities` out")
	flags.BoolVar(&s.everyone, "everyone", false, "share with every identity of the service")
	flags.BoolVar(&s.nobody, "nobody", false, "stop sharing")
}

// apply returns the sharing after the change, or as it is without any flag.
func (s *sharing) apply(ctx context.Context, c *client.Client, now yonder.Sharing) (yonder.Sharing, error) {
	if s.nobody && (s.everyone || len(s.with) > 0) {
		return now, kit.Usagef("--nobody excludes --everyone and --with")
	}
	in, err := resolveAll(ctx, c, s.with)
	if err != nil {
		return now, err
	}
	out, err := resolveAll(ctx, c, s.without)
	if err != nil {
		return now, err
	}
	if s.nobody {
		return yonder.Sharing{}, nil
	}
	now.Everyone = now.Everyone || s.everyone
	ids := slices.DeleteFunc(append(slices.Clone(now.Identities), in...), func(id yonder.ID) bool { return slices.Contains(out, id) })
	slices.SortFunc(ids, func(x, y yonder.ID) int { return strings.Compare(x.String(), y.String()) })
	now.Identities = slices.Compact(ids)
	return now, nil
}

func (s *sharing) changes() bool {
	return s.nobody || s.everyone || len(s.with)+len(s.without) > 0
}

// shared says in words with whom a thing is shared.
func shared(s yonder.Sharing, names map[yonder.ID]string) string {
	switch {
	case s.Everyone:
		return "everyone"
	case len(s.Identities) == 0:
		return "nobody"
	}
	words := make([]string, len(s.Identities))
	for i, id := range s.Identities {
		words[i] = id.String()
		if name := names[id]; name != "" {
			words[i] = name
		}
	}
	return strings.Join(words, ", ")
}

// maxShared bounds the names that are looked up for one line.
const maxShared = 20

// namesOf looks up who something is shared with. Only admins may: others see ids.
func (a *app) namesOf(ctx context.Context, c *client.Client, s yonder.Sharing) map[yonder.ID]string {
	names := map[yonder.ID]string{}
	if a.JSON || c == nil {
		return names
	}
	for _, id := range s.Identities[:min(len(s.Identities), maxShared)] {
		i, err := c.Identity(ctx, id)
		if yonder.CodeOf(err) == yonder.CodeForbidden {
			break
		}
		names[id] = i.Name // empty for one that was deleted
	}
	return names
}

func newFunctionShare(a *app) *cobra.Command {
	var change sharing
	cmd := &cobra.Command{
		Use:               "share FUNCTION",
		Short:             "Say who besides you may run a function",
		Example:           "  yonder function share hello --with ada,0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000\n  yonder function share hello --nobody",
		Args:              needs(1, 1),
		ValidArgsFunction: complete(a, functions),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := named(cmd, a, functions, args[0])
			if err != nil {
				return err
			}
			f, err := c.Function(cmd.Context(), id, 0)
			if err != nil {
				return err
			}
			if f.Sharing, err = change.apply(cmd.Context(), c, f.Sharing); err != nil {
				return err
			}
			if change.changes() {
				if err := c.ShareFunction(cmd.Context(), id, f.Sharing); err != nil {
					return err
				}
			}
			return a.showSharing(f.ID, f.Name, f.Sharing, a.namesOf(cmd.Context(), c, f.Sharing))
		},
	}
	change.flags(cmd)
	return cmd
}

func newEndpointShare(a *app) *cobra.Command {
	var change sharing
	cmd := &cobra.Command{
		Use:   "share NAME",
		Short: "Say who besides you may submit to an endpoint",
		Long: "Says who besides you may submit to an endpoint. The agent admits others only where its workers are\n" +
			"isolated from each other and from the agent.",
		Example:           "  yonder endpoint share laptop --with lab\n  yonder endpoint share laptop --without ada",
		Args:              needs(1, 1),
		ValidArgsFunction: complete(a, endpoints),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := named(cmd, a, endpoints, args[0])
			if err != nil {
				return err
			}
			e, err := c.Endpoint(cmd.Context(), id)
			if err != nil {
				return err
			}
			want, err := change.apply(cmd.Context(), c, e.Sharing)
			if err != nil {
				return err
			}
			if change.changes() {
				if e, err = c.ChangeEndpoint(cmd.Context(), id, wire.ChangeEndpoint{Sharing: &want}); err != nil {
					return err
				}
			}
			return a.showSharing(e.ID, e.Name, e.Sharing, a.namesOf(cmd.Context(), c, e.Sharing))
		},
	}
	change.flags(cmd)
	return cmd
}

func (a *app) showSharing(id yonder.ID, name string, s yonder.Sharing, names map[yonder.ID]string) error {
	answer := struct {
		ID      yonder.ID      `json:"id"`
		Name    string         `json:"name"`
		Sharing yonder.Sharing `json:"sharing"`
	}{id, name, s}
	return a.Show(answer, func() { a.Printf("%s is shared with %s.\n", name, shared(s, names)) })
}

// named returns the client and the id of what an argument names.
func named[T any](cmd *cobra.Command, a *app, r resource[T], ref string) (*client.Client, yonder.ID, error) {
	c, err := a.client()
	if err != nil {
		return nil, yonder.ID{}, err
	}
	id, err := r.resolve(cmd.Context(), c, ref)
	return c, id, err
}

// newDelete returns the command that deletes a thing of the kind.
func newDelete[T any](a *app, r resource[T], consequence string) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:               "delete " + strings.ToUpper(r.noun),
		Short:             fmt.Sprintf("Delete %s %s", article(r.noun), r.noun),
		Example:           fmt.Sprintf("  yonder %s delete old\n  yonder %s delete old --yes", r.noun, r.noun),
		Args:              needs(1, 1),
		ValidArgsFunction: complete(a, r),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := named(cmd, a, r, args[0])
			if err != nil {
				return err
			}
			if err := a.Confirm(yes, "Delete the %s %s? %s", r.noun, args[0], consequence); err != nil {
				return err
			}
			if err := c.Delete(cmd.Context(), r.listing, id); err != nil {
				return err
			}
			return a.deleted(id, r.noun+" "+args[0])
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func newFunctionDelete(a *app) *cobra.Command {
	return newDelete(a, functions, "Tasks that were accepted before still run.")
}

func (a *app) deleted(id yonder.ID, what string) error {
	return a.Show(map[string]any{"id": id, "deleted": true}, func() { a.Printf("Deleted the %s.\n", what) })
}

func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiou") {
		return "an"
	}
	return "a"
}

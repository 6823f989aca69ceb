package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

func newIdentity(a *app) *cobra.Command {
	cmd := parent("identity", "Manage people, service accounts and groups",
		newIdentityCreate(a), newIdentityList(a), newDelete(a, identities, "Its tokens stop working."),
		newIdentityMember(a, "add", "Add identities to a group", true), newIdentityMember(a, "remove", "Take identities out of a group", false))
	cmd.Aliases = []string{"user"}
	return cmd
}

func newIdentityCreate(a *app) *cobra.Command {
	var want wire.CreateIdentity
	var members []string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a person, a service account or a group",
		Example: "  yonder identity create ada && yonder token create --for ada\n" +
			"  yonder identity create lab --kind group --member ada,grace",
		Args: needs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			want.Name = args[0]
			if want.Members, err = resolveAll(cmd.Context(), c, members); err != nil {
				return err
			}
			made, err := c.CreateIdentity(cmd.Context(), want)
			if err != nil {
				return err
			}
			return a.Show(made, func() {
				a.Printf("Made the %s %s (%s).\n", made.Kind, made.Name, made.ID)
				if made.Kind != yonder.IdentityGroup {
					a.Notef("Next: \"yonder token create --for %s\" makes a token to log in with.\n", made.Name)
				}
			})
		},
	}
	kinds := []string{yonder.IdentityPerson, yonder.IdentityService, yonder.IdentityGroup}
	kit.Choice(cmd.Flags(), &want.Kind, "kind", yonder.IdentityPerson, kinds, strings.Join(kinds, ", "))
	cmd.Flags().BoolVar(&want.Admin, "admin", false, "may manage identities and see everything")
	cmd.Flags().StringSliceVar(&members, "member", nil, "first `identities` of a group")
	return cmd
}

func newIdentityList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List identities",
		Example: "  yonder identity list\n  yonder identity list --json",
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.All[yonder.Identity](cmd.Context(), c, "identities", nil)
			if err != nil {
				return err
			}
			return a.Show(list(all), func() {
				table := kit.NewTable("NAME", "KIND", "ADMIN", "MEMBERS", "CREATED", "ID")
				for _, i := range all {
					var members any
					if i.Kind == yonder.IdentityGroup {
						members = len(i.Members)
					}
					table.Add(kit.Short(i.Name), i.Kind, i.Admin, members, i.Created, i.ID)
				}
				a.Table(table, "No identities.")
			})
		},
	}
}

// membership is what the add and remove commands print as JSON.
type membership struct {
	Group   yonder.ID   `json:"group"`
	Members []yonder.ID `json:"members"`
	In      bool        `json:"in"`
}

func newIdentityMember(a *app, use, short string, in bool) *cobra.Command {
	return &cobra.Command{
		Use:               use + " GROUP MEMBER…",
		Short:             short,
		Example:           "  yonder identity " + use + " lab ada grace",
		Args:              needs(2, -1),
		ValidArgsFunction: complete(a, identities),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			ids, err := resolveAll(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			for _, member := range ids[1:] {
				if err := c.SetMember(cmd.Context(), ids[0], member, in); err != nil {
					return err
				}
			}
			return a.Show(membership{Group: ids[0], Members: ids[1:], In: in}, func() {
				a.Printf("%s: %d changed.\n", args[0], len(ids)-1)
			})
		},
	}
}

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
)

// listedEndpoint is an endpoint as this machine and the service know it.
type listedEndpoint struct {
	Name    string           `json:"name"`
	ID      yonder.ID        `json:"id"`
	Here    *here            `json:"here,omitempty"`
	Service *yonder.Endpoint `json:"service,omitempty"`
}

func newEndpointList(a *app) *cobra.Command {
	var online bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the endpoints of this machine and those of the service that you may use",
		Long: "Lists the endpoints of this machine and those of the service that you may use. HERE is the state of\n" +
			"the agent on this machine, SERVICE what the service hears of it.",
		Example: "  yonder endpoint list\n  yonder endpoint list --online --json | jq -r '.[].name'",
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := a.home()
			if err != nil {
				return err
			}
			local, err := allHere(h)
			if err != nil {
				return err
			}
			remote, err := a.remoteEndpoints(cmd.Context())
			if err != nil && (len(local) == 0 || online) {
				return err
			}
			all := merge(local, remote)
			if online {
				all = slices.DeleteFunc(all, func(e listedEndpoint) bool { return e.Service == nil || !e.Service.Online })
			}
			return errors.Join(a.Show(list(all), func() { a.endpointTable(all) }), unasked(err))
		},
	}
	cmd.Flags().BoolVar(&online, "online", false, "only those that the service hears")
	return cmd
}

// unasked is what is to be said below the endpoints of this machine when the
// service could not be asked for its own.
func unasked(err error) error {
	if err == nil {
		return nil
	}
	return yonder.Errorf(yonder.CodeOf(err), "these are this machine's endpoints only, the service's are not known: %w", err)
}

func (a *app) remoteEndpoints(ctx context.Context) ([]yonder.Endpoint, error) {
	c, err := a.client()
	if err != nil {
		return nil, err
	}
	return client.All[yonder.Endpoint](ctx, c, "endpoints", nil)
}

// merge joins both views by id, those of this machine first.
func merge(local []here, remote []yonder.Endpoint) []listedEndpoint {
	byID := map[yonder.ID]*yonder.Endpoint{}
	for i := range remote {
		byID[remote[i].ID] = &remote[i]
	}
	var all []listedEndpoint
	for i := range local {
		id := local[i].config.Endpoint
		all = append(all, listedEndpoint{Name: local[i].Name, ID: id, Here: &local[i], Service: byID[id]})
		delete(byID, id)
	}
	ours := len(all)
	for id, e := range byID {
		all = append(all, listedEndpoint{Name: e.Name, ID: id, Service: e})
	}
	slices.SortFunc(all[ours:], func(x, y listedEndpoint) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID.String(), y.ID.String()))
	})
	return all
}

func (a *app) endpointTable(all []listedEndpoint) {
	table := kit.NewTable("NAME", "HERE", "SERVICE", "BUSY", "QUEUED", "OWNER", "LAST SEEN", "ID", "TROUBLE")
	for _, e := range all {
		var local, owner, queued, seen, id any
		if e.Here != nil {
			local = e.Here.where()
		}
		if e.Service != nil {
			owner, queued, seen = e.Service.OwnerName, e.Service.Queued, e.Service.LastSeen
		}
		if !e.ID.IsZero() {
			id = e.ID
		}
		table.Add(kit.Short(e.Name), local, heard(e.Service), busy(e.Service), queued, owner, seen, id, kit.Short(trouble(e)))
	}
	a.Table(table, "No endpoints. \"yonder endpoint configure NAME\" makes one on this machine.")
}

// heard is what the service says of an endpoint in one word.
func heard(e *yonder.Endpoint) string {
	switch {
	case e == nil:
		return ""
	case e.Paused != nil && e.Online:
		return e.Paused.Word()
	case e.Online:
		return "online"
	case e.LastSeen == nil:
		return "never seen"
	}
	return "offline"
}

func busy(e *yonder.Endpoint) string {
	if e == nil || e.Status == nil || !e.Online {
		return ""
	}
	return fmt.Sprintf("%d/%d", e.Status.Busy, e.Status.Slots)
}

// trouble is why nothing moves, as whoever is nearer says it.
func trouble(e listedEndpoint) string {
	switch {
	case e.Here != nil && e.Here.Problem != "":
		return e.Here.Problem
	case e.Here != nil && e.Here.Status != nil:
		return e.Here.Status.Trouble
	case e.Service != nil && e.Service.Status != nil && e.Service.Online:
		return e.Service.Status.Trouble
	}
	return ""
}

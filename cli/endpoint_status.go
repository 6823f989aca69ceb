package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/cli/kit"
)

func newEndpointStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "status NAME",
		Short:             "Show how an endpoint is, here and at the service",
		Example:           "  yonder endpoint status laptop\n  yonder endpoint status laptop --json | jq .service.queued",
		Args:              needs(1, 1),
		ValidArgsFunction: complete(a, endpoints),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := a.home()
			if err != nil {
				return err
			}
			e, err := a.endpointStatus(cmd, h, args[0])
			if err != nil {
				return err
			}
			return a.Show(e, func() { a.showEndpoint(e, a.sharers(cmd.Context(), e)) })
		},
	}
}

// endpointStatus asks both sides; for an endpoint of this machine it does
// without the service's answer.
func (a *app) endpointStatus(cmd *cobra.Command, h home.Home, ref string) (listedEndpoint, error) {
	e := listedEndpoint{Name: ref}
	if isHere(h, ref) {
		local, err := lookHere(h, ref)
		if err != nil {
			return e, err
		}
		e.Here, e.ID = &local, local.config.Endpoint
	}
	c, err := a.client()
	if err == nil && e.ID.IsZero() {
		e.ID, err = endpoints.resolve(cmd.Context(), c, ref)
	}
	if err == nil {
		var remote yonder.Endpoint
		if remote, err = c.Endpoint(cmd.Context(), e.ID); err == nil {
			e.Service, e.Name = &remote, remote.Name
		}
	}
	if err != nil && e.Here == nil {
		return e, err
	}
	if err != nil {
		a.Notef("Only what this machine knows: %s\n", err)
	}
	return e, nil
}

// sharers are the names of those whom the service says it is shared with.
func (a *app) sharers(ctx context.Context, e listedEndpoint) map[yonder.ID]string {
	c, err := a.client()
	if err != nil || e.Service == nil {
		return nil
	}
	return a.namesOf(ctx, c, e.Service.Sharing)
}

func (a *app) showEndpoint(e listedEndpoint, names map[yonder.ID]string) {
	fields := []any{"name", e.Name, "id", text(e.ID), "trouble", trouble(e)}
	if e.Here != nil {
		fields = append(fields, "here", e.Here.where(), "process", number(e.Here.PID), "directory", e.Here.Dir)
		if s := e.Here.Status; s != nil {
			fields = append(fields, "connected", s.Connected, "blocks", s.Blocks, "managers", s.Managers,
				"busy", fmt.Sprintf("%d/%d", s.Busy, s.Slots), "held", s.Held, "reported", s.Updated)
		}
	}
	if s := e.Service; s != nil {
		fields = append(fields, "service", heard(s), "last seen", s.LastSeen, "queued", s.Queued, "outstanding", s.Outstanding,
			"owner", s.OwnerName, "shared with", shared(s.Sharing, names), "description", kit.Short(s.Description))
		if p := s.Paused; p != nil {
			fields = append(fields, p.Word()+" since", p.Since, "reason", p.Reason)
		}
		if e.Here == nil || e.Here.Status == nil {
			fields = append(fields, "busy", busy(s))
		}
	}
	a.Fields(append(fields, "given up", givenUp(e))...)
}

// givenUp lists what the agent has stopped to try.
func givenUp(e listedEndpoint) string {
	var breakers []yonder.Breaker
	switch {
	case e.Here != nil && e.Here.Status != nil:
		breakers = e.Here.Status.Breakers
	case e.Service != nil && e.Service.Status != nil:
		breakers = e.Service.Status.Breakers
	}
	var all []string
	for _, b := range breakers {
		all = append(all, fmt.Sprintf("%s since %s: %s", b.What, b.Since.Local().Format(time.DateTime), b.Reason))
	}
	return kit.Short(strings.Join(all, "; "))
}

// text and number leave out what is not set.
func text(id yonder.ID) any {
	if id.IsZero() {
		return nil
	}
	return id
}

func number(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

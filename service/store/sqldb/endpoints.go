package sqldb

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// CreateEndpoint stores the endpoint with its agent's token.
func (s *Store) CreateEndpoint(ctx context.Context, e yonder.Endpoint, token yonder.Token, hash []byte) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		n, err := q.InsertEndpoint(ctx, gen.InsertEndpointParams{
			ID: e.ID, Owner: e.Owner, Name: text(e.Name), Description: text(e.Description),
			Everyone: e.Sharing.Everyone, Sharing: document(e.Sharing), Functions: document(e.Functions), Created: micros(e.Created),
		})
		if err := changed(n, err, yonder.CodeConflict, "you have an endpoint called %q already", e.Name); err != nil {
			return err
		}
		if err := q.InsertSession(ctx, e.ID, yonder.SessionMachine.Start); err != nil {
			return err
		}
		if err := share(ctx, q, e.ID, e.Sharing); err != nil {
			return err
		}
		return insertToken(ctx, q, token, hash)
	})
}

// Endpoint returns the endpoint with its newest session's state.
func (s *Store) Endpoint(ctx context.Context, id yonder.ID) (e yonder.Endpoint, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		e, err = getEndpoint(ctx, q, id)
		return err
	})
	return e, err
}

// EndpointTerms returns what of the endpoint changes only by a write of its own.
func (s *Store) EndpointTerms(ctx context.Context, id yonder.ID) (store.Terms, error) {
	return look(&s.known.endpoints, id, func() (store.Terms, error) {
		e, err := s.Endpoint(ctx, id)
		return terms(e), err
	})
}

func terms(e yonder.Endpoint) store.Terms {
	t := store.Terms{Endpoint: yonder.Endpoint{
		ID: e.ID, Name: e.Name, Owner: e.Owner, OwnerName: e.OwnerName, Description: e.Description,
		Sharing: e.Sharing, Functions: e.Functions, Capabilities: e.Capabilities, Created: e.Created,
	}}
	if len(e.Capabilities) > 0 { // what is no capabilities, of a newer agent perhaps, counts as none
		t.Reported = json.Unmarshal([]byte(document(e.Capabilities)), &t.Agent) == nil
	}
	return t
}

func getEndpoint(ctx context.Context, q *gen.Queries, id yonder.ID) (yonder.Endpoint, error) {
	row, err := q.GetEndpoint(ctx, id)
	if err != nil {
		return yonder.Endpoint{}, found(err, "there is no endpoint %s", id)
	}
	return endpointOf(gen.ListEndpointsRow(row))
}

// ListEndpoints lists endpoints that the viewer may see, newest first.
func (s *Store) ListEndpoints(ctx context.Context, filter store.EndpointFilter) (list []yonder.Endpoint, err error) {
	arg := gen.ListEndpointsParams{
		Before: after(filter.Page), Owner: filter.Owner, Name: orNull(text(filter.Name)),
		Admin: filter.Viewer.Admin, Viewer: filter.Viewer.Identity, Count: limit(filter.Page),
	}
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		rows, err := q.ListEndpoints(ctx, arg)
		list = make([]yonder.Endpoint, len(rows))
		for i := 0; i < len(rows) && err == nil; i++ {
			list[i], err = endpointOf(rows[i])
		}
		return err
	})
	return list, err
}

// ChangeEndpoint changes what is given and returns the endpoint after it.
func (s *Store) ChangeEndpoint(ctx context.Context, id yonder.ID, change wire.ChangeEndpoint) (e yonder.Endpoint, err error) {
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		// Two changes of different fields at once must both stay.
		if _, err := q.LockSession(ctx, id); err != nil {
			return found(err, "there is no endpoint %s", id)
		}
		if e, err = getEndpoint(ctx, q, id); err != nil {
			return err
		}
		if change.Description != nil {
			e.Description = text(*change.Description)
		}
		if change.Functions != nil {
			e.Functions = *change.Functions
		}
		if change.Sharing != nil {
			e.Sharing = *change.Sharing
			if err := share(ctx, q, id, e.Sharing); err != nil {
				return err
			}
		}
		return q.UpdateEndpoint(ctx, gen.UpdateEndpointParams{
			ID: id, Description: e.Description, Everyone: e.Sharing.Everyone,
			Sharing: document(e.Sharing), Functions: document(e.Functions),
		})
	})
	return e, err
}

func endpointOf(row gen.ListEndpointsRow) (yonder.Endpoint, error) {
	session := row.Session
	e := yonder.Endpoint{
		ID: row.Endpoint.ID, Name: row.Endpoint.Name, Owner: row.Endpoint.Owner, OwnerName: row.OwnerName,
		Description: row.Endpoint.Description, Created: moment(row.Endpoint.Created),
		Online: session.State == yonder.SessionLive, Session: session.State, Epoch: session.Epoch,
		LastSeen: momentUnlessZero(session.LastSeen),
		Queued:   int(session.QueuedTasks), Outstanding: int(session.OutstandingTasks),
	}
	if session.State == yonder.SessionConnecting {
		e.Session = "" // there was none yet
	}
	return e, errors.Join(
		parse(row.Endpoint.Sharing, &e.Sharing),
		parse(row.Endpoint.Functions, &e.Functions),
		parse(session.Capabilities, &e.Capabilities),
		parse(session.Status, &e.Status),
		parse(session.Paused, &e.Paused),
	)
}

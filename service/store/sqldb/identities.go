package sqldb

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// CreateIdentity stores the identity, and its members if it is a group.
func (s *Store) CreateIdentity(ctx context.Context, identity yonder.Identity) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		n, err := q.InsertIdentity(ctx, gen.InsertIdentityParams{
			ID: identity.ID, Name: text(identity.Name), Kind: identity.Kind,
			Admin: identity.Admin, Created: micros(identity.Created),
		})
		if err := changed(n, err, yonder.CodeConflict, "an identity called %q is there already", identity.Name); err != nil {
			return err
		}
		for _, member := range identity.Members {
			if err := addMember(ctx, q, identity.ID, member); err != nil {
				return err
			}
		}
		return nil
	})
}

// Identity returns the identity, with its members if it is a group.
func (s *Store) Identity(ctx context.Context, id yonder.ID) (identity yonder.Identity, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		row, err := q.GetIdentity(ctx, id)
		if err != nil {
			return found(err, "there is no identity %s", id)
		}
		identity, err = identityOf(ctx, q, row)
		return err
	})
	return identity, err
}

// IdentityByName returns the identity called so.
func (s *Store) IdentityByName(ctx context.Context, name string) (identity yonder.Identity, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		row, err := q.GetIdentityByName(ctx, text(name))
		if err != nil {
			return found(err, "there is no identity called %q", name)
		}
		identity, err = identityOf(ctx, q, row)
		return err
	})
	return identity, err
}

// ListIdentities lists identities, newest first.
func (s *Store) ListIdentities(ctx context.Context, page store.Page) (list []yonder.Identity, err error) {
	err = s.engine.Snapshot(ctx, func(ctx context.Context, q *gen.Queries) error {
		rows, err := q.ListIdentities(ctx, after(page), limit(page))
		list = make([]yonder.Identity, len(rows))
		for i := 0; i < len(rows) && err == nil; i++ {
			list[i], err = identityOf(ctx, q, rows[i])
		}
		return err
	})
	return list, err
}

func identityOf(ctx context.Context, q *gen.Queries, row gen.Identity) (yonder.Identity, error) {
	identity := yonder.Identity{
		ID: row.ID, Name: row.Name, Kind: row.Kind, Admin: row.Admin, Created: moment(row.Created),
	}
	if row.Kind != yonder.IdentityGroup {
		return identity, nil
	}
	var err error
	identity.Members, err = q.MembersOf(ctx, row.ID)
	return identity, err
}

// DeleteIdentity deletes it, revokes its tokens and ends its memberships.
func (s *Store) DeleteIdentity(ctx context.Context, id yonder.ID) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		owned, err := q.CountOwned(ctx, id)
		if err != nil {
			return err
		}
		if owned.Endpoints+owned.Functions > 0 {
			return yonder.Errorf(yonder.CodeConflict, "the identity owns %d endpoints and %d functions: delete these first",
				owned.Endpoints, owned.Functions)
		}
		n, err := q.DeleteIdentity(ctx, id)
		if err := changed(n, err, yonder.CodeNotFound, "there is no identity %s", id); err != nil {
			return err
		}
		return q.RevokeIdentityTokens(ctx, id, some(micros(time.Now())))
	})
}

// AddMember puts an identity into a group; being in it already is fine.
func (s *Store) AddMember(ctx context.Context, group, member yonder.ID) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		return addMember(ctx, q, group, member)
	})
}

func addMember(ctx context.Context, q *gen.Queries, group, member yonder.ID) error {
	g, err := q.GetIdentity(ctx, group)
	if err != nil {
		return found(err, "there is no identity %s", group)
	}
	m, err := q.GetIdentity(ctx, member)
	if err != nil {
		return found(err, "there is no identity %s to be a member", member)
	}
	if g.Kind != yonder.IdentityGroup || m.Kind == yonder.IdentityGroup {
		return yonder.Errorf(yonder.CodeInvalidRequest, "%q is a %s and %q a %s: only groups have members, and groups are not members",
			g.Name, g.Kind, m.Name, m.Kind)
	}
	return q.InsertMember(ctx, group, member)
}

// RemoveMember takes an identity out of a group.
func (s *Store) RemoveMember(ctx context.Context, group, member yonder.ID) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		n, err := q.DeleteMember(ctx, group, member)
		return changed(n, err, yonder.CodeNotFound, "%s is not a member of %s", member, group)
	})
}

// Viewer returns the identity with its groups.
func (s *Store) Viewer(ctx context.Context, id yonder.ID) (viewer store.Viewer, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		row, err := q.GetIdentity(ctx, id)
		if err != nil {
			return found(err, "there is no identity %s", id)
		}
		viewer, err = viewerOf(ctx, q, row)
		return err
	})
	return viewer, err
}

func viewerOf(ctx context.Context, q *gen.Queries, row gen.Identity) (store.Viewer, error) {
	groups, err := q.GroupsOf(ctx, row.ID)
	return store.Viewer{Identity: row.ID, Groups: groups, Admin: row.Admin}, err
}

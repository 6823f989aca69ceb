package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// CreateToken stores the token with the hash of its secret.
func (s *Store) CreateToken(ctx context.Context, token yonder.Token, hash []byte) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		return insertToken(ctx, q, token, hash)
	})
}

// RenewToken gives a token that was never used another secret.
func (s *Store) RenewToken(ctx context.Context, id yonder.ID, hash []byte) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		n, err := q.RenewToken(ctx, id, hash)
		return changed(n, err, yonder.CodeConflict, "token %s is in use, or was revoked: make another one", id)
	})
}

func insertToken(ctx context.Context, q *gen.Queries, token yonder.Token, hash []byte) error {
	var endpoint yonder.ID
	if token.Endpoint != nil {
		endpoint = *token.Endpoint
	}
	n, err := q.InsertToken(ctx, gen.InsertTokenParams{
		ID: token.ID, Identity: token.Identity, Endpoint: endpoint, Label: text(token.Label),
		Scopes: document(token.Scopes), Hash: hash, Expires: maybeMicros(token.Expires), Created: micros(token.Created),
	})
	return changed(n, err, yonder.CodeConflict, "token %s is there already", token.ID)
}

// TokenRecord returns the token, revoked ones too, with its identity. A token
// whose identity is gone has no name.
func (s *Store) TokenRecord(ctx context.Context, id yonder.ID) (store.TokenRecord, error) {
	return look(&s.known.tokens, id, func() (store.TokenRecord, error) { return s.readToken(ctx, id) })
}

func (s *Store) readToken(ctx context.Context, id yonder.ID) (record store.TokenRecord, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		row, err := q.GetToken(ctx, id)
		if err != nil {
			return found(err, "there is no token %s", id)
		}
		record = store.TokenRecord{Hash: row.Hash, Viewer: store.Viewer{Identity: row.Identity}}
		if record.Token, err = tokenOf(row); err != nil {
			return err
		}
		identity, err := q.GetIdentity(ctx, row.Identity)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		record.Name = identity.Name
		record.Viewer, err = viewerOf(ctx, q, identity)
		return err
	})
	return record, err
}

// ListTokens lists an identity's tokens, newest first.
func (s *Store) ListTokens(ctx context.Context, identity yonder.ID, page store.Page) (list []yonder.Token, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		rows, err := q.ListTokens(ctx, identity, after(page), limit(page))
		list = make([]yonder.Token, len(rows))
		for i := 0; i < len(rows) && err == nil; i++ {
			list[i], err = tokenOf(rows[i])
		}
		return err
	})
	return list, err
}

func tokenOf(row gen.Token) (yonder.Token, error) {
	token := yonder.Token{
		ID: row.ID, Identity: row.Identity, Label: row.Label, Created: moment(row.Created),
		Expires: maybeMoment(row.Expires), Revoked: maybeMoment(row.Revoked), LastUsed: maybeMoment(row.LastUsed),
	}
	if !row.Endpoint.IsZero() {
		token.Endpoint = &row.Endpoint
	}
	return token, parse(row.Scopes, &token.Scopes)
}

// RevokeToken ends a token; the first time it was revoked stays.
func (s *Store) RevokeToken(ctx context.Context, id yonder.ID, at time.Time) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		n, err := q.RevokeToken(ctx, id, some(micros(at)))
		return changed(n, err, yonder.CodeNotFound, "there is no token %s", id)
	})
}

// ReplaceAgentToken revokes every agent token of the endpoint and stores the
// new one.
func (s *Store) ReplaceAgentToken(ctx context.Context, token yonder.Token, hash []byte) error {
	if token.Endpoint == nil {
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "endpoint", "an agent's token needs an endpoint")
	}
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		// The lock makes one of two replacements at once the later one.
		if _, err := q.LockSession(ctx, *token.Endpoint); err != nil {
			return found(err, "there is no endpoint %s", *token.Endpoint)
		}
		if err := q.RevokeEndpointTokens(ctx, *token.Endpoint, some(micros(token.Created))); err != nil {
			return err
		}
		return insertToken(ctx, q, token, hash)
	})
}

// TouchTokens records when tokens were last used.
func (s *Store) TouchTokens(ctx context.Context, used map[yonder.ID]time.Time) error {
	if len(used) == 0 {
		return nil
	}
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		for _, id := range sortedKeys(used) {
			if err := q.TouchToken(ctx, id, some(micros(used[id]))); err != nil {
				return err
			}
		}
		return nil
	})
}

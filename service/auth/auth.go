// Package auth decides who is asking and what they may do: bearer tokens,
// scopes, and the rights of owners, those shared with, and admins.
package auth

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
)

// Records is where tokens are kept.
type Records interface {
	TokenRecord(ctx context.Context, id yonder.ID) (store.TokenRecord, error)
	TouchTokens(ctx context.Context, used map[yonder.ID]time.Time) error
}

// Auth checks bearer tokens. It is a service because it writes down when
// tokens were last used, in batches; checking works without it running.
type Auth struct {
	touches

	records Records
	now     func() time.Time
}

// New returns an Auth over the records.
func New(records Records, now func() time.Time, log *slog.Logger) *Auth {
	return &Auth{records: records, now: now, touches: touches{records: records, log: log}}
}

// Authenticate returns who holds the secret. Its errors have the codes
// unauthenticated, token_expired and token_revoked; the last two are given
// only to holders of the right secret.
func (a *Auth) Authenticate(ctx context.Context, secret string) (Principal, error) {
	id, kind, ok := parseSecret(secret)
	if !ok {
		return Principal{}, errUnknown()
	}
	record, err := a.records.TokenRecord(ctx, id)
	if yonder.CodeOf(err) == yonder.CodeNotFound {
		return Principal{}, errUnknown()
	}
	if err != nil {
		return Principal{}, err
	}
	if subtle.ConstantTimeCompare(hashSecret(secret), record.Hash) != 1 || isAgent(record.Token) != (kind == kindAgent) {
		return Principal{}, errUnknown()
	}
	now := a.now()
	if err := current(record.Token, now); err != nil {
		return Principal{}, err
	}
	a.touch(id, now)
	return newPrincipal(record), nil
}

// Recheck says whether a principal that was authenticated before still may
// act: long-lived connections ask from time to time.
func (a *Auth) Recheck(ctx context.Context, token yonder.ID) error {
	record, err := a.records.TokenRecord(ctx, token)
	if yonder.CodeOf(err) == yonder.CodeNotFound {
		return errUnknown()
	}
	if err != nil {
		return err
	}
	return current(record.Token, a.now())
}

// current says whether the token's time is still running.
func current(t yonder.Token, now time.Time) error {
	if t.Revoked != nil {
		return yonder.Errorf(yonder.CodeTokenRevoked, "this token was revoked at %s: get a new one",
			t.Revoked.UTC().Format(time.RFC3339))
	}
	if t.Expires != nil && !now.Before(*t.Expires) {
		return yonder.Errorf(yonder.CodeTokenExpired, "this token expired at %s: get a new one",
			t.Expires.UTC().Format(time.RFC3339))
	}
	return nil
}

func errUnknown() error {
	return yonder.Errorf(yonder.CodeUnauthenticated,
		"the service does not know this token: it is incomplete, or of another service; get one from an admin of this service")
}

package storetest

import (
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// seen is what requests ask for again and again.
type seen struct {
	token    store.TokenRecord
	function yonder.Function
	terms    store.Terms
}

func (b *bench) see(token yonder.ID) seen {
	b.Helper()
	var s seen
	var err error
	s.token, err = b.replica.TokenRecord(b.Context(), token)
	require.NoError(b, err)
	s.function, err = b.replica.Function(b.Context(), b.function.ID, 0)
	if err != nil {
		requireCode(b, yonder.CodeNotFound, err)
	}
	s.terms, err = b.replica.EndpointTerms(b.Context(), b.endpoint)
	if err != nil {
		requireCode(b, yonder.CodeNotFound, err)
	}
	return s
}

var often = []behaviour{
	{"sees every change that was made before", func(b *bench) {
		token := yonder.Token{ID: nextID(), Identity: b.other, Scopes: []string{yonder.ScopeAll}, Created: b.now}
		require.NoError(b, b.CreateToken(b.Context(), token, []byte("hash")))
		team := nextID()
		require.NoError(b, b.CreateIdentity(b.Context(), yonder.Identity{ID: team, Name: "team", Kind: yonder.IdentityGroup, Created: b.now}))
		before := b.see(token.ID)
		require.Equal(b, before, b.see(token.ID))
		for _, change := range b.changes(token.ID, team) {
			require.NoError(b, change.make(), change.what)
			after := b.see(token.ID)
			require.NotEqual(b, before, after, change.what)
			change.check(after)
			before = after
			require.Equal(b, before, b.see(token.ID), change.what)
		}
	}},
	{"sees a revocation, however many look meanwhile", func(b *bench) {
		for range 20 {
			token := yonder.Token{ID: nextID(), Identity: b.other, Scopes: []string{yonder.ScopeAll}, Created: b.now}
			require.NoError(b, b.CreateToken(b.Context(), token, []byte("hash")))
			var looking sync.WaitGroup
			done := make(chan struct{})
			for range 4 {
				looking.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
							_, _ = b.TokenRecord(b.Context(), token.ID)
						}
					}
				})
			}
			require.NoError(b, b.RevokeToken(b.Context(), token.ID, b.now))
			record, err := b.TokenRecord(b.Context(), token.ID)
			close(done)
			looking.Wait()
			require.NoError(b, err)
			require.NotNil(b, record.Token.Revoked)
		}
	}},
	{"terms leave out what the session says, but for capabilities", func(b *bench) {
		b.live(b.endpoint, 5)
		b.submit(b.bundle(nextID(), 2))
		whole, err := b.Endpoint(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.True(b, whole.Online)
		terms, err := b.EndpointTerms(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.Equal(b, yonder.Endpoint{
			ID: whole.ID, Name: whole.Name, Owner: whole.Owner, OwnerName: whole.OwnerName,
			Capabilities: whole.Capabilities, Created: whole.Created,
		}, terms.Endpoint)
		_, err = b.EndpointTerms(b.Context(), nextID())
		requireCode(b, yonder.CodeNotFound, err)
	}},
}

// change is a write, and what is seen after it.
type change struct {
	what  string
	make  func() error
	check func(seen)
}

func (b *bench) changes(token, team yonder.ID) []change {
	ctx, shared := b.Context(), yonder.Sharing{Identities: []yonder.ID{b.other}}
	return []change{
		{
			"a member more", func() error { return b.AddMember(ctx, team, b.other) },
			func(s seen) { require.Equal(b, []yonder.ID{team}, s.token.Viewer.Groups) },
		},
		{
			"a member less", func() error { return b.RemoveMember(ctx, team, b.other) },
			func(s seen) { require.Empty(b, s.token.Viewer.Groups) },
		},
		{
			"sharing of a function", func() error { return b.SetFunctionSharing(ctx, b.function.ID, shared) },
			func(s seen) { require.Equal(b, shared, s.function.Sharing) },
		},
		{
			"a version", func() error { b.newFunction(b.function.Name, "another body"); return nil },
			func(s seen) { require.Equal(b, 2, s.function.Version) },
		},
		{
			"a memo", func() error { return b.SetMemo(ctx, b.function.ID, yonder.MemoPrivate) },
			func(s seen) { require.Equal(b, yonder.MemoPrivate, s.function.Memo.Scope) },
		},
		{
			"a memo's generation", func() error { return b.ForgetMemo(ctx, b.function.ID) },
			func(s seen) { require.EqualValues(b, 1, s.function.Memo.Generation) },
		},
		{
			"sharing of an endpoint", func() error {
				_, err := b.ChangeEndpoint(ctx, b.endpoint, wire.ChangeEndpoint{Sharing: &shared})
				return err
			},
			func(s seen) { require.Equal(b, shared, s.terms.Endpoint.Sharing) },
		},
		{
			"capabilities", func() error {
				_, err := b.OpenSession(ctx, b.endpoint, wire.SessionOpen{
					Instance: nextID(), Journal: nextID(), Capabilities: wire.Capabilities{Hostname: "node7"},
				}, b.now)
				return err
			},
			func(s seen) { require.Equal(b, "node7", s.terms.Agent.Hostname) },
		},
		{
			"a revocation", func() error { return b.RevokeToken(ctx, token, b.now) },
			func(s seen) { require.NotNil(b, s.token.Token.Revoked) },
		},
		{
			"the end of an identity", func() error { return b.DeleteIdentity(ctx, b.other) },
			func(s seen) { require.Empty(b, s.token.Name) },
		},
		{
			"the end of a function", func() error { return b.DeleteFunction(ctx, b.function.ID) },
			func(s seen) { require.Zero(b, s.function) },
		},
		{
			"the end of an endpoint", func() error { _, err := b.DeleteEndpoint(ctx, b.endpoint); return err },
			func(s seen) { require.Zero(b, s.terms) },
		},
	}
}

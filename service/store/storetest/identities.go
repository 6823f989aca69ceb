package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
)

var identities = []behaviour{
	{"are found by id and by name", func(b *bench) {
		want := yonder.Identity{ID: nextID(), Name: "carol", Kind: yonder.IdentityService, Admin: true, Created: b.now}
		require.NoError(b, b.CreateIdentity(b.Context(), want))
		got, err := b.Identity(b.Context(), want.ID)
		require.NoError(b, err)
		require.Equal(b, want, got)
		got, err = b.IdentityByName(b.Context(), "carol")
		require.NoError(b, err)
		require.Equal(b, want, got)
	}},
	{"that are not there are not found", func(b *bench) {
		_, err := b.Identity(b.Context(), yonder.NewID())
		requireCode(b, yonder.CodeNotFound, err)
		_, err = b.IdentityByName(b.Context(), "nobody")
		requireCode(b, yonder.CodeNotFound, err)
		_, err = b.Viewer(b.Context(), yonder.NewID())
		requireCode(b, yonder.CodeNotFound, err)
		requireCode(b, yonder.CodeNotFound, b.DeleteIdentity(b.Context(), yonder.NewID()))
	}},
	{"have unique names", func(b *bench) {
		err := b.CreateIdentity(b.Context(), yonder.Identity{ID: nextID(), Name: "ada", Kind: yonder.IdentityPerson, Created: b.now})
		requireCode(b, yonder.CodeConflict, err)
	}},
	{"are listed newest first, and pages do not move", func(b *bench) {
		var want []yonder.ID
		for _, name := range []string{"p1", "p2", "p3"} {
			want = append([]yonder.ID{b.person(name)}, want...)
		}
		first, err := b.ListIdentities(b.Context(), store.Page{Limit: 2})
		require.NoError(b, err)
		b.person("late")
		rest, err := b.ListIdentities(b.Context(), store.Page{Limit: 2, After: first[1].ID})
		require.NoError(b, err)
		require.Equal(b, []yonder.ID{first[0].ID, first[1].ID, rest[0].ID, rest[1].ID}, append(want, b.other))
	}},
	{"in groups are members", func(b *bench) {
		lab := b.group("lab", b.owner)
		require.NoError(b, b.AddMember(b.Context(), lab, b.other))
		require.NoError(b, b.AddMember(b.Context(), lab, b.other), "once more changes nothing")
		group, err := b.Identity(b.Context(), lab)
		require.NoError(b, err)
		require.Equal(b, []yonder.ID{b.owner, b.other}, group.Members)

		viewer, err := b.Viewer(b.Context(), b.other)
		require.NoError(b, err)
		require.Equal(b, store.Viewer{Identity: b.other, Groups: []yonder.ID{lab}}, viewer)

		require.NoError(b, b.RemoveMember(b.Context(), lab, b.other))
		requireCode(b, yonder.CodeNotFound, b.RemoveMember(b.Context(), lab, b.other))
		viewer, err = b.Viewer(b.Context(), b.other)
		require.NoError(b, err)
		require.Empty(b, viewer.Groups)
	}},
	{"that are no groups have no members, and groups are not members", func(b *bench) {
		lab := b.group("lab")
		requireCode(b, yonder.CodeInvalidRequest, b.AddMember(b.Context(), b.owner, b.other))
		requireCode(b, yonder.CodeInvalidRequest, b.AddMember(b.Context(), lab, b.group("other lab")))
		requireCode(b, yonder.CodeNotFound, b.AddMember(b.Context(), lab, yonder.NewID()))
		requireCode(b, yonder.CodeNotFound, b.AddMember(b.Context(), yonder.NewID(), b.owner))
	}},
	{"with an unknown member are not stored at all", func(b *bench) {
		err := b.CreateIdentity(b.Context(), yonder.Identity{
			ID: nextID(), Name: "ghosts", Kind: yonder.IdentityGroup, Members: []yonder.ID{yonder.NewID()}, Created: b.now,
		})
		requireCode(b, yonder.CodeNotFound, err)
		_, err = b.IdentityByName(b.Context(), "ghosts")
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"that own something stay", func(b *bench) {
		requireCode(b, yonder.CodeConflict, b.DeleteIdentity(b.Context(), b.owner))
	}},
	{"take memberships and tokens with them", func(b *bench) {
		lab := b.group("lab", b.other)
		token := yonder.Token{ID: nextID(), Identity: b.other, Scopes: []string{yonder.ScopeAll}, Created: b.now}
		require.NoError(b, b.CreateToken(b.Context(), token, []byte("h")))
		require.NoError(b, b.DeleteIdentity(b.Context(), b.other))
		group, err := b.Identity(b.Context(), lab)
		require.NoError(b, err)
		require.Empty(b, group.Members)
		record, err := b.TokenRecord(b.Context(), token.ID)
		require.NoError(b, err)
		require.NotNil(b, record.Token.Revoked)
		require.Empty(b, record.Name)
	}},
}

func (b *bench) group(name string, members ...yonder.ID) yonder.ID {
	b.Helper()
	id := nextID()
	err := b.CreateIdentity(b.Context(), yonder.Identity{
		ID: id, Name: name, Kind: yonder.IdentityGroup, Members: members, Created: b.now,
	})
	require.NoError(b, err)
	return id
}

var tokens = []behaviour{
	{"are checked in one look-up", func(b *bench) {
		lab := b.group("lab", b.owner)
		expires := b.now.Add(time.Hour)
		want := yonder.Token{
			ID: nextID(), Identity: b.owner, Label: "notebook", Scopes: []string{yonder.ScopeSubmit, yonder.ScopeRead},
			Expires: &expires, Created: b.now,
		}
		require.NoError(b, b.CreateToken(b.Context(), want, []byte("secret's hash")))
		record, err := b.TokenRecord(b.Context(), want.ID)
		require.NoError(b, err)
		require.Equal(b, store.TokenRecord{
			Token: want, Hash: []byte("secret's hash"), Name: "ada",
			Viewer: store.Viewer{Identity: b.owner, Groups: []yonder.ID{lab}},
		}, record)
	}},
	{"are unique", func(b *bench) {
		token := yonder.Token{ID: nextID(), Identity: b.owner, Created: b.now}
		require.NoError(b, b.CreateToken(b.Context(), token, []byte("h")))
		requireCode(b, yonder.CodeConflict, b.CreateToken(b.Context(), token, []byte("h")))
		_, err := b.TokenRecord(b.Context(), yonder.NewID())
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"keep the first time of revoking", func(b *bench) {
		token := yonder.Token{ID: nextID(), Identity: b.owner, Created: b.now}
		require.NoError(b, b.CreateToken(b.Context(), token, []byte("h")))
		require.NoError(b, b.RevokeToken(b.Context(), token.ID, b.now.Add(time.Minute)))
		require.NoError(b, b.RevokeToken(b.Context(), token.ID, b.now.Add(time.Hour)))
		record, err := b.TokenRecord(b.Context(), token.ID)
		require.NoError(b, err)
		require.Equal(b, b.now.Add(time.Minute), *record.Token.Revoked)
		requireCode(b, yonder.CodeNotFound, b.RevokeToken(b.Context(), yonder.NewID(), b.now))
	}},
	{"of an identity are listed newest first", func(b *bench) {
		var want []yonder.ID
		for range 3 {
			token := yonder.Token{ID: nextID(), Identity: b.other, Created: b.now}
			require.NoError(b, b.CreateToken(b.Context(), token, []byte("h")))
			want = append([]yonder.ID{token.ID}, want...)
		}
		first, err := b.ListTokens(b.Context(), b.other, store.Page{Limit: 2})
		require.NoError(b, err)
		rest, err := b.ListTokens(b.Context(), b.other, store.Page{Limit: 2, After: first[1].ID})
		require.NoError(b, err)
		require.Len(b, rest, 1)
		require.Equal(b, want, []yonder.ID{first[0].ID, first[1].ID, rest[0].ID})
	}},
	{"of agents are replaced", func(b *bench) {
		first, second := b.agentToken(b.endpoint), b.agentToken(b.endpoint)
		require.NoError(b, b.ReplaceAgentToken(b.Context(), first, []byte("1")))
		require.NoError(b, b.ReplaceAgentToken(b.Context(), second, []byte("2")))
		record, err := b.TokenRecord(b.Context(), first.ID)
		require.NoError(b, err)
		require.NotNil(b, record.Token.Revoked)
		record, err = b.TokenRecord(b.Context(), second.ID)
		require.NoError(b, err)
		require.Nil(b, record.Token.Revoked)
		require.Equal(b, b.endpoint, *record.Token.Endpoint)
		requireCode(b, yonder.CodeNotFound, b.ReplaceAgentToken(b.Context(), b.agentToken(yonder.NewID()), []byte("3")))
		requireCode(b, yonder.CodeInvalidRequest, b.ReplaceAgentToken(b.Context(), yonder.Token{ID: nextID()}, []byte("3")))
	}},
	{"remember their latest use", func(b *bench) {
		token := yonder.Token{ID: nextID(), Identity: b.owner, Created: b.now}
		require.NoError(b, b.CreateToken(b.Context(), token, []byte("h")))
		for _, at := range []time.Time{b.now.Add(time.Minute), b.now} {
			require.NoError(b, b.TouchTokens(b.Context(), map[yonder.ID]time.Time{token.ID: at, yonder.NewID(): at}))
		}
		record, err := b.TokenRecord(b.Context(), token.ID)
		require.NoError(b, err)
		require.Equal(b, b.now.Add(time.Minute), *record.Token.LastUsed)
		require.NoError(b, b.TouchTokens(b.Context(), nil))
	}},
}

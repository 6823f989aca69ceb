package auth

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
)

func TestAccess(t *testing.T) {
	t.Parallel()
	owner, friend, group, stranger := yonder.NewID(), yonder.NewID(), yonder.NewID(), yonder.NewID()
	viewer := func(id yonder.ID, groups ...yonder.ID) store.Viewer {
		return store.Viewer{Identity: id, Groups: groups}
	}
	admin := store.Viewer{Identity: stranger, Admin: true}
	to := func(ids ...yonder.ID) yonder.Sharing { return yonder.Sharing{Identities: ids} }

	for name, c := range map[string]struct {
		viewer            store.Viewer
		sharing           yonder.Sharing
		see, use, control bool
	}{
		"owner":                    {viewer(owner), yonder.Sharing{}, true, true, true},
		"stranger":                 {viewer(stranger), yonder.Sharing{}, false, false, false},
		"stranger, shared with":    {viewer(friend), to(friend), true, true, false},
		"stranger, others shared":  {viewer(stranger), to(friend, group), false, false, false},
		"member of shared group":   {viewer(friend, group), to(group), true, true, false},
		"member of another group":  {viewer(friend, yonder.NewID()), to(group), false, false, false},
		"the group itself":         {viewer(group), to(group), true, true, false},
		"everyone":                 {viewer(stranger), yonder.Sharing{Everyone: true}, true, true, false},
		"admin":                    {admin, yonder.Sharing{}, true, false, true},
		"admin, shared with":       {admin, to(stranger), true, true, true},
		"nobody at all":            {store.Viewer{}, yonder.Sharing{}, false, false, false},
		"nobody, zero in the list": {viewer(stranger), to(yonder.ID{}), false, false, false},
	} {
		require.Equal(t, c.see, MaySee(c.viewer, owner, c.sharing), "%s sees", name)
		require.Equal(t, c.use, MayUse(c.viewer, owner, c.sharing), "%s uses", name)
		require.Equal(t, c.control, MayManage(c.viewer, owner), "%s manages", name)
		require.Equal(t, c.control, MayRead(c.viewer, owner), "%s reads", name)
	}
}

func principal(admin bool, scopes ...string) Principal {
	return newPrincipal(store.TokenRecord{
		Token: yonder.Token{Scopes: scopes}, Viewer: store.Viewer{Identity: yonder.NewID(), Admin: admin}, Name: "ada",
	})
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p     Principal
		scope string
		code  yonder.Code
	}{
		{principal(false, yonder.ScopeRead), yonder.ScopeRead, ""},
		{principal(false, yonder.ScopeRead), "", ""},
		{principal(false, yonder.ScopeRead), yonder.ScopeSubmit, yonder.CodeForbidden},
		{principal(false, yonder.ScopeAll), yonder.ScopeSubmit, ""},
		{principal(false, yonder.ScopeAll), yonder.ScopeTokens, ""},
		{principal(false, yonder.ScopeAll), yonder.ScopeAgent, yonder.CodeForbidden},
		{principal(true, yonder.ScopeAll), yonder.ScopeAdmin, yonder.CodeForbidden},
		{principal(true, yonder.ScopeAdmin), yonder.ScopeAdmin, ""},
		{principal(true, yonder.ScopeAdmin), yonder.ScopeRead, yonder.CodeForbidden},
		{principal(false, yonder.ScopeAdmin), yonder.ScopeAdmin, yonder.CodeForbidden},
		{principal(false, yonder.ScopeAgent), yonder.ScopeRead, yonder.CodeForbidden},
		{principal(false), "", ""},
	} {
		require.Equal(t, c.code, yonder.CodeOf(c.p.Require(c.scope)), "%v needs %q", c.p.Token.Scopes, c.scope)
	}
}

func TestOnlyAnAdminsAdminTokenIsAnAdmins(t *testing.T) {
	t.Parallel()
	require.True(t, principal(true, yonder.ScopeAdmin).Viewer.Admin)
	require.False(t, principal(true, yonder.ScopeAll).Viewer.Admin)
	require.False(t, principal(false, yonder.ScopeAdmin).Viewer.Admin)
}

func TestNobodyGrantsMoreThanTheyHave(t *testing.T) {
	t.Parallel()
	person, admin := yonder.Identity{Name: "bob"}, yonder.Identity{Name: "root", Admin: true}
	for _, c := range []struct {
		p     Principal
		asked []string
		to    yonder.Identity
		gives []string
		code  yonder.Code
	}{
		{principal(false, yonder.ScopeTokens, yonder.ScopeRead), nil, person, []string{yonder.ScopeRead, yonder.ScopeTokens}, ""},
		{principal(false, yonder.ScopeAll), nil, person, []string{yonder.ScopeAll}, ""},
		{principal(false, yonder.ScopeAll), []string{"read", "read"}, person, []string{yonder.ScopeRead}, ""},
		{principal(false, yonder.ScopeTokens), []string{yonder.ScopeAll}, person, nil, yonder.CodeForbidden},
		{principal(false, yonder.ScopeTokens), []string{yonder.ScopeRead}, person, nil, yonder.CodeForbidden},
		{principal(false, yonder.ScopeAll), []string{yonder.ScopeAdmin}, admin, nil, yonder.CodeForbidden},
		{principal(true, yonder.ScopeAll), []string{yonder.ScopeAdmin}, admin, nil, yonder.CodeForbidden},
		{principal(true, yonder.ScopeAdmin, yonder.ScopeAll), []string{yonder.ScopeAdmin}, admin, []string{yonder.ScopeAdmin}, ""},
		{principal(true, yonder.ScopeAdmin, yonder.ScopeAll), []string{yonder.ScopeAdmin}, person, nil, yonder.CodeForbidden},
		{principal(true, yonder.ScopeAdmin), nil, person, []string{yonder.ScopeAll}, ""},
		{principal(true, yonder.ScopeAdmin), []string{yonder.ScopeAgent}, person, nil, yonder.CodeInvalidRequest},
		{principal(true, yonder.ScopeAdmin), []string{"everything"}, person, nil, yonder.CodeInvalidRequest},
	} {
		got, err := c.p.Grant(c.asked, c.to)
		require.Equal(t, c.code, yonder.CodeOf(err), "%v asks %v for %s", c.p.Token.Scopes, c.asked, c.to.Name)
		require.Equal(t, c.gives, got)
	}
}

func TestOnlyAgentsHaveAnEndpoint(t *testing.T) {
	t.Parallel()
	endpoint := yonder.NewID()
	agent := principal(false, yonder.ScopeAgent)
	agent.Token.Endpoint = &endpoint
	got, err := agent.Endpoint()
	require.NoError(t, err)
	require.Equal(t, endpoint, got)

	imposter := principal(false, yonder.ScopeAll)
	imposter.Token.Endpoint = &endpoint
	_, err = imposter.Endpoint()
	require.Equal(t, yonder.CodeForbidden, yonder.CodeOf(err))
}

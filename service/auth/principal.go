package auth

import (
	"slices"
	"strings"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
)

// Principal is who asks, with the token that proves it.
type Principal struct {
	Token yonder.Token
	Name  string // of the identity
	// Viewer is an admin only if the token has the admin scope too: a leaked
	// token opens no more than its scopes say.
	Viewer store.Viewer
}

func newPrincipal(record store.TokenRecord) Principal {
	p := Principal{Token: record.Token, Name: record.Name, Viewer: record.Viewer}
	p.Viewer.Admin = p.Viewer.Admin && slices.Contains(p.Token.Scopes, yonder.ScopeAdmin)
	return p
}

// ID is the identity's.
func (p Principal) ID() yonder.ID { return p.Viewer.Identity }

// Has says whether the token has the scope; ScopeAll stands for every other
// but those of admins and agents.
func (p Principal) Has(scope string) bool {
	if slices.Contains(p.Token.Scopes, scope) {
		return true
	}
	return scope != yonder.ScopeAdmin && scope != yonder.ScopeAgent && slices.Contains(p.Token.Scopes, yonder.ScopeAll)
}

// Require refuses a token without the scope. The empty scope needs a valid
// token of any kind.
func (p Principal) Require(scope string) error {
	switch {
	case scope == "":
		return nil
	case scope == yonder.ScopeAdmin && p.Has(scope) && !p.Viewer.Admin:
		return yonder.Errorf(yonder.CodeForbidden, "only admins may do this, and %s is none", p.Name)
	case p.Has(scope):
		return nil
	}
	return yonder.Errorf(yonder.CodeForbidden,
		"this token lacks the scope %q, %s: make one that has it with \"yonder token create --scope %s\", "+
			"logged in with a token that may, or ask an admin",
		scope, opens[scope], scope)
}

// opens says what people need scopes for.
var opens = map[string]string{
	yonder.ScopeAll:       "which opens everything",
	yonder.ScopeAdmin:     "which managing the service and its people takes",
	yonder.ScopeAgent:     "which only agents have",
	yonder.ScopeFunctions: "which registering, sharing and deleting functions takes",
	yonder.ScopeEndpoints: "which making, changing and deleting endpoints takes",
	yonder.ScopeSubmit:    "which submitting and cancelling tasks takes",
	yonder.ScopeRead:      "which looking at functions, endpoints, tasks and results takes",
	yonder.ScopeTokens:    "which making and revoking tokens takes",
}

// Endpoint returns the endpoint whose agent this is.
func (p Principal) Endpoint() (yonder.ID, error) {
	if !isAgent(p.Token) || p.Token.Endpoint == nil {
		return yonder.ID{}, yonder.Errorf(yonder.CodeForbidden, "only an endpoint's agent may do this, with its credential")
	}
	return *p.Token.Endpoint, nil
}

// Grant returns the scopes of a token that p makes for the identity, given
// those that were asked for. Nobody can give what their own token lacks, but
// an admin can give anybody anything except an agent's scope.
func (p Principal) Grant(asked []string, to yonder.Identity) ([]string, error) {
	if len(asked) == 0 {
		asked = p.defaultScopes()
	}
	for _, scope := range asked {
		if err := p.mayGrant(scope, to); err != nil {
			return nil, err
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(asked))), nil
}

func (p Principal) defaultScopes() []string {
	if p.Viewer.Admin {
		return []string{yonder.ScopeAll}
	}
	return p.Token.Scopes
}

func (p Principal) mayGrant(scope string, to yonder.Identity) error {
	switch {
	case !slices.Contains(grantable, scope):
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "scopes",
			"%q is no scope that a token can be given: choose of %s", scope, strings.Join(grantable, ", "))
	case scope == yonder.ScopeAdmin && !to.Admin:
		return yonder.FieldErrorf(yonder.CodeForbidden, "scopes", "%s is no admin, so its tokens cannot have the scope %q", to.Name, scope)
	case p.Viewer.Admin || p.Has(scope):
		return nil
	}
	return yonder.FieldErrorf(yonder.CodeForbidden, "scopes", "a token can only be given scopes of the token that makes it, which lacks %q", scope)
}

var grantable = []string{
	yonder.ScopeAll, yonder.ScopeAdmin, yonder.ScopeFunctions, yonder.ScopeEndpoints,
	yonder.ScopeSubmit, yonder.ScopeRead, yonder.ScopeTokens,
}

func isAgent(t yonder.Token) bool { return slices.Contains(t.Scopes, yonder.ScopeAgent) }

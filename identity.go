package yonder

import "time"

// Kinds of identities.
const (
	IdentityPerson  = "person"
	IdentityService = "service"
	IdentityGroup   = "group"
)

// Identity is who acts or who is allowed: a person, a service account or a
// group of these.
type Identity struct {
	ID      ID        `json:"id"`
	Name    string    `json:"name"`
	Kind    string    `json:"kind" enum:"person,service,group"`
	Admin   bool      `json:"admin,omitempty" doc:"may manage identities and see everything"`
	Members []ID      `json:"members,omitempty" doc:"of a group"`
	Created time.Time `json:"created"`
}

// Scopes of tokens. ScopeAll stands for every other but ScopeAdmin.
const (
	ScopeAll       = "all"
	ScopeAdmin     = "admin"     // manage identities, only for admins
	ScopeFunctions = "functions" // register, share, delete functions
	ScopeEndpoints = "endpoints" // register, share, delete endpoints
	ScopeSubmit    = "submit"    // submit and cancel tasks
	ScopeRead      = "read"      // see functions, endpoints, tasks, results
	ScopeTokens    = "tokens"    // make and revoke tokens
	ScopeAgent     = "agent"     // act as one endpoint's agent; never in ScopeAll
)

// Token lets its holder act as an identity within its scopes. The secret is
// shown once and stored hashed.
type Token struct {
	ID       ID         `json:"id"`
	Identity ID         `json:"identity"`
	Endpoint *ID        `json:"endpoint,omitempty" doc:"the only endpoint an agent token is for"`
	Label    string     `json:"label,omitempty"`
	Scopes   []string   `json:"scopes"`
	Expires  *time.Time `json:"expires,omitempty"`
	Revoked  *time.Time `json:"revoked,omitempty"`
	LastUsed *time.Time `json:"last_used,omitempty"`
	Created  time.Time  `json:"created"`
	Secret   string     `json:"secret,omitempty" doc:"only in the answer that made it"`
}

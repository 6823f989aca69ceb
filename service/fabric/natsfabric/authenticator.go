package natsfabric

import (
	"context"
	"crypto/subtle"
	"net"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	accountEndpoints = "ENDPOINTS"
	accountReplicas  = "REPLICAS"
	userEndpoints    = "service"
	userReplicas     = "replica"
)

// authenticator decides about every connection by our own tables. The nonce
// that the server gave a connection tells agents, which come through Accept,
// from the service's own connections; neither can pass for the other.
type authenticator struct {
	fabric *Fabric
	server *server.Server
}

// Check implements server.Authentication.
func (a *authenticator) Check(c server.ClientAuthentication) bool {
	if _, remote := c.RemoteAddress().(*net.TCPAddr); remote || c.Kind() != server.CLIENT {
		return false
	}
	if conn := a.fabric.agents.byNonce(string(c.GetNonce())); conn != nil {
		return a.checkAgent(c, conn)
	}
	return a.checkOwn(c)
}

func (a *authenticator) checkAgent(c server.ClientAuthentication, conn *agentConn) bool {
	ctx, cancel := context.WithTimeout(conn.ctx, authTimeout)
	defer cancel()
	agent, err := a.fabric.config.Authenticate(ctx, c.GetOpts().Token)
	if err != nil || agent != conn.agent {
		a.fabric.config.Log.Warn("agent refused by the fabric", "endpoint", conn.agent.Endpoint, "error", err)
		return false
	}
	endpoint := agent.Endpoint.String()
	return a.register(c, accountEndpoints, &server.User{Username: "agent", Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{"svc." + endpoint + ".>"}},
		Subscribe: &server.SubjectPermission{Allow: []string{"ep." + endpoint + ".>", inbox(endpoint) + ">"}},
	}})
}

// inbox is where answers to an endpoint's agent go.
func inbox(endpoint string) string { return "_INBOX_" + endpoint + "." }

func (a *authenticator) checkOwn(c server.ClientAuthentication) bool {
	options := c.GetOpts()
	if subtle.ConstantTimeCompare([]byte(options.Password), []byte(a.fabric.secret)) != 1 {
		return false
	}
	switch options.Username {
	case userEndpoints:
		return a.register(c, accountEndpoints, &server.User{Username: userEndpoints})
	case userReplicas:
		return a.register(c, accountReplicas, &server.User{Username: userReplicas})
	}
	return false
}

func (a *authenticator) register(c server.ClientAuthentication, account string, user *server.User) bool {
	found, err := a.server.LookupAccount(account)
	if err != nil {
		a.fabric.config.Log.Error("fabric account is missing", "account", account, "error", err)
		return false
	}
	user.Account = found
	c.RegisterUser(user)
	return true
}

package natsfabric

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
)

// Replicas are seen for this long after they last said that they live.
const (
	replicaEvery = 5 * time.Second
	replicaStale = 3 * replicaEvery
)

// Directory is where replicas find each other and their common secrets.
type Directory interface {
	PutReplica(ctx context.Context, r store.Replica) error
	DeleteReplica(ctx context.Context, id yonder.ID) error
	ListReplicas(ctx context.Context, seenAfter time.Time) ([]store.Replica, error)
	Setting(ctx context.Context, key string, value []byte) ([]byte, error)
}

// Cluster makes this replica one of several.
type Cluster struct {
	Listen    string // host:port for routes of other replicas
	Advertise string // host:port where they reach it; empty: Listen
	Directory Directory
	Now       func() time.Time
	Log       *slog.Logger

	self store.Replica
}

// join fills in the options that connect this replica to the others. Every
// replica says where it is before it looks for others, so that of two that
// start together at least one sees the other. Only the newcomer needs to
// dial: replicas tell each other of all others.
func (c *Cluster) join(ctx context.Context, options *server.Options) error {
	tlsConfig, err := clusterTLS(ctx, c.Directory, c.Now())
	if err != nil {
		return err
	}
	host, port, err := c.probe(ctx)
	if err != nil {
		return err
	}
	advertise := c.Advertise
	if advertise == "" {
		advertise = net.JoinHostPort(host, strconv.Itoa(port))
	}
	c.self = store.Replica{ID: yonder.NewID(), Addr: advertise}
	if err := c.here(ctx); err != nil {
		return err
	}
	// A server that accepts no clients would not start its routes. This port
	// is good for nothing: the authenticator refuses whoever comes over it.
	options.DontListen, options.Host, options.Port = false, "127.0.0.1", server.RANDOM_PORT
	options.Cluster = server.ClusterOpts{
		Name: "yonder", NoAdvertise: true, Host: host, Port: port, Advertise: advertise, TLSConfig: tlsConfig,
		TLSTimeout: authTimeout.Seconds(), WriteDeadline: writeDeadline, ConnectRetries: 10, PoolSize: -1,
	}
	options.Routes, err = c.others(ctx)
	return err
}

// probe finds the port, and fails with a plain error where the server would
// only log that it cannot listen.
func (c *Cluster) probe(ctx context.Context) (host string, port int, err error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return "", 0, yonder.FieldErrorf(yonder.CodePortInUse, "cluster.listen",
			"cannot listen on %s for other replicas: choose a free address: %w", c.Listen, err)
	}
	defer listener.Close()
	host, _, err = net.SplitHostPort(c.Listen)
	if err != nil {
		return "", 0, fmt.Errorf("reading the address %q: %w", c.Listen, err)
	}
	addr, _ := listener.Addr().(*net.TCPAddr)
	return host, addr.Port, nil
}

func (c *Cluster) others(ctx context.Context) ([]*url.URL, error) {
	replicas, err := c.Directory.ListReplicas(ctx, c.Now().Add(-replicaStale))
	if err != nil {
		return nil, fmt.Errorf("listing replicas: %w", err)
	}
	var routes []*url.URL
	for _, r := range replicas {
		if r.ID != c.self.ID && r.Addr != c.self.Addr {
			routes = append(routes, &url.URL{Scheme: "nats-route", Host: r.Addr})
		}
	}
	return routes, nil
}

func (c *Cluster) here(ctx context.Context) error {
	c.self.Seen = c.Now()
	if err := c.Directory.PutReplica(ctx, c.self); err != nil {
		return fmt.Errorf("telling other replicas of this one: %w", err)
	}
	return nil
}

// stay keeps this replica in the directory until ctx ends.
func (c *Cluster) stay(ctx context.Context) error {
	tick := time.NewTicker(replicaEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := c.here(ctx); err != nil && ctx.Err() == nil {
				c.Log.WarnContext(ctx, "other replicas may not find this one", "error", err)
			}
		case <-ctx.Done():
			c.leave(ctx)
			return context.Cause(ctx)
		}
	}
}

func (c *Cluster) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := c.Directory.DeleteReplica(ctx, c.self.ID); err != nil {
		c.Log.WarnContext(ctx, "other replicas will look for this one for a while", "error", err)
	}
}

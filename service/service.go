// Package service is the control plane: API, identity, registry, durable
// queue, results. Its parts are folders in the order of a task's way: api and
// admit take it in, store keeps it, dispatch gives it to an agent over the
// fabric, results brings back what came of it, upkeep does what time demands.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/internal/version"
	"github.com/yonder-run/yonder/service/admit"
	"github.com/yonder-run/yonder/service/api"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/blob"
	"github.com/yonder-run/yonder/service/blob/dir"
	"github.com/yonder-run/yonder/service/dispatch"
	"github.com/yonder-run/yonder/service/fabric/natsfabric"
	"github.com/yonder-run/yonder/service/live"
	"github.com/yonder-run/yonder/service/metrics"
	"github.com/yonder-run/yonder/service/quota"
	"github.com/yonder-run/yonder/service/results"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/upkeep"
	"github.com/yonder-run/yonder/wire"
)

// Service is one replica.
type Service struct {
	startstop.Base

	config Config
	log    *slog.Logger
	addr   atomic.Pointer[string]
}

// New returns a service that does not run yet.
func New(config Config, log *slog.Logger) (*Service, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	return &Service{config: config, log: log}, nil
}

// Start opens the store and starts everything; it returns when requests are
// answered.
func (s *Service) Start(ctx context.Context) error { return s.Base.Start(ctx, s.run) }

// Addr is the address that the service listens on, with its real port.
func (s *Service) Addr() string {
	if addr := s.addr.Load(); addr != nil {
		return *addr
	}
	return s.config.Listen
}

// URL is where clients on this machine find the service.
func (s *Service) URL() string {
	if s.config.TLSCert != "" {
		return "https://" + s.Addr()
	}
	return "http://" + s.Addr()
}

func (s *Service) run(ctx context.Context, ready func()) (err error) {
	if err := os.MkdirAll(s.config.StateDir, 0o700); err != nil {
		return invalid("state_dir", "cannot make the state directory: %w", err)
	}
	db, err := openStore(ctx, s.config, s.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := auth.Bootstrap(ctx, db, s.config.StateDir, now()); err != nil {
		return err
	}
	p, err := s.assemble(db)
	if err != nil {
		return err
	}
	// Parts are told to stop by Stop, in order, and not by the context.
	if err := p.all.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	defer p.all.Stop()
	addr := p.web.listener.Addr().String()
	s.addr.Store(&addr)
	s.log.InfoContext(ctx, "service started", "url", s.URL(), "version", version.Version)
	ready()
	select {
	case <-ctx.Done():
		s.log.InfoContext(ctx, "service stopping", "reason", context.Cause(ctx))
		p.stopping.Store(true)
		return context.Cause(ctx)
	case <-p.web.Done():
		return p.web.Err()
	case <-p.fabric.Done():
		return p.fabric.Err()
	}
}

// now is the service's clock: what the store keeps.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// parts is what a running service consists of.
type parts struct {
	all      startstop.Service
	web      *web
	fabric   *natsfabric.Fabric
	hints    *hints
	vigil    *vigil
	stopping atomic.Bool
}

// assemble makes the parts and connects them. The order of all is that of
// starting; the reverse is that of stopping: first no new requests, then no
// streams, no work for agents, no connections.
func (s *Service) assemble(db store.Store) (*parts, error) {
	c, p := s.config, &parts{}
	bodies, err := dir.Open(c.blobDir())
	if err != nil {
		return nil, fmt.Errorf("opening blob_dir: %w", err)
	}
	authenticator := auth.New(db, now, s.log)
	p.fabric = natsfabric.New(s.fabricConfig(db, authenticator))
	hub := results.NewHub()
	streams := &results.Streams{
		Reader: results.Reader{Store: db, Hub: hub, PageEntries: c.StreamEntries, PageBytes: c.StreamBytes},
		Max:    c.Streams, MaxGroups: c.StreamGroups, Log: s.log,
	}
	p.hints = &hints{fabric: p.fabric, hub: hub, streams: streams, log: s.log}
	p.vigil = &vigil{
		ping: db.Ping, tell: func() { p.hints.tell(topicReach, nil) }, shed: p.fabric.Shed, now: time.Now, log: s.log, every: lookEvery,
		hear: func(heard func()) (func(), error) { return p.fabric.Subscribe(topicReach, func([]byte) { heard() }) },
	}
	figures := figuresOf(db, p.fabric, streams)
	dispatcher := dispatch.New(dispatch.Config{
		Store: db, Fabric: p.fabric, Wake: p.hints.wake, News: p.hints.news, Observe: figures.AgentRequest,
		Heartbeat: c.Heartbeat, Now: now, Log: s.log,
	})
	limits := &quota.Limits{Records: db, Identity: c.identityLimits(), Endpoint: c.endpointLimits(), Blobs: c.BlobBytes, Now: now}
	library := &blob.Library{Bodies: bodies, Records: db, Limit: c.PayloadBytes, Now: now, Log: s.log}
	p.web = &web{config: &s.config, log: s.log, drain: streams.Stop, handler: p.vigil.guard(api.New(api.Config{
		Store: db, Auth: authenticator, Dispatcher: dispatcher, Streams: streams, Blobs: library, Metrics: figures,
		Live: &live.Live{Tasks: db, Agent: p.fabric, Hub: hub, Log: s.log},
		Agent: func(w http.ResponseWriter, r *http.Request, endpoint, token yonder.ID) error {
			return p.fabric.Accept(w, r, natsfabric.Agent{Endpoint: endpoint, Token: token})
		},
		Wake: p.hints.wake, Revoked: p.hints.revoke, Ready: p.ready(db), Limits: c.limits(),
		FunctionBytes: c.FunctionBytes, MaxAttempts: c.MaxAttempts, Memory: quota.NewMemory(c.RequestsBytes, c.IdentityRequestBytes),
		Requests: c.IdentityRequests, Quota: limits, Retention: c.Retention, Now: now, Log: s.log,
	}))}
	services := []startstop.Service{authenticator, p.fabric, p.hints, dispatcher, streams}
	if c.ClusterListen != "" {
		services = append(services, p.vigil)
	}
	services = append(services, s.jobs(db, library, dispatcher, p.hints.wake, figures)...)
	p.all = startstop.All(append(services, p.web)...)
	return p, nil
}

func (s *Service) fabricConfig(db store.Store, a *auth.Auth) natsfabric.Config {
	config := natsfabric.Config{
		Authenticate: func(ctx context.Context, secret string) (natsfabric.Agent, error) {
			principal, err := a.Authenticate(ctx, secret)
			if err != nil {
				return natsfabric.Agent{}, err
			}
			endpoint, err := principal.Endpoint()
			return natsfabric.Agent{Endpoint: endpoint, Token: principal.Token.ID}, err
		},
		Recheck: a.Recheck, Workers: s.config.Workers, EndpointWorkers: s.config.EndpointWorkers,
		RequestTimeout: requestTimeout, Log: s.log,
	}
	if s.config.ClusterListen != "" {
		config.Cluster = &natsfabric.Cluster{
			Listen: s.config.ClusterListen, Advertise: s.config.ClusterAdvertise, Directory: db, Now: now, Log: s.log,
		}
	}
	return config
}

// requestTimeout bounds the handling of one request of an agent.
const requestTimeout = 30 * time.Second

// ready says whether the store and the fabric can be used.
func (p *parts) ready(db store.Store) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		if p.stopping.Load() {
			return yonder.Errorf(yonder.CodeUnavailable, "it is stopping")
		}
		if err := db.Ping(ctx); err != nil {
			return fmt.Errorf("reaching the database: %w", err)
		}
		return p.fabric.Ready()
	}
}

func (c *Config) blobDir() string {
	if c.BlobDir != "" {
		return c.BlobDir
	}
	return filepath.Join(c.StateDir, "blobs")
}

func (c *Config) limits() admit.Limits {
	return admit.Limits{
		Limits: wire.Limits{
			InlineBytes: c.InlineBytes, PayloadBytes: c.PayloadBytes, RequestBytes: c.RequestBytes, BundleTasks: c.BundleTasks,
		},
		MaxAttempts: c.MaxAttemptsLimit, Retention: c.RetentionLimit, Records: c.RecordRetention,
	}
}

func (c *Config) identityLimits() yonder.Allowance {
	return yonder.Allowance{
		QueuedTasks: c.IdentityQueuedTasks, QueuedBytes: c.IdentityQueuedBytes, RunningTasks: c.IdentityRunningTasks,
		Bundles: c.IdentityBundles, BlobBytes: c.IdentityBlobBytes, Streams: c.IdentityStreams, Weight: 1,
	}
}

func (c *Config) endpointLimits() yonder.Allowance {
	return yonder.Allowance{QueuedTasks: int64(c.QueuedTasks), QueuedBytes: c.QueuedBytes}
}

// jobs are what is done from time to time.
func (s *Service) jobs(
	db store.Store, library *blob.Library, dispatcher *dispatch.Dispatcher, wake func(store.Woken), figures *metrics.Metrics,
) (all []startstop.Service) {
	for _, job := range upkeep.Jobs(upkeep.Config{
		Store: db, Blobs: library, Dispatcher: dispatcher, Wake: wake, Silence: s.config.Silence, Records: s.config.RecordRetention,
		MemoBytes: s.config.MemoBytes, MemoUnused: s.config.MemoUnused,
		Retired: func(r store.Retired) { figures.Retired(r.Results, r.Records, r.Groups) }, Now: now, Log: s.log,
	}) {
		all = append(all, job)
	}
	return all
}

// figuresOf are the figures of all parts.
func figuresOf(db store.Store, fabric *natsfabric.Fabric, streams *results.Streams) *metrics.Metrics {
	figures := metrics.New()
	measureStorage(figures, db)
	figures.States(db.Counts)
	figures.Gauge("yonder_agents", "Agents connected to this replica.", fabric.Connections)
	figures.Gauge("yonder_routes", "Other replicas connected to this one.", fabric.Routes)
	figures.Gauge("yonder_streams", "Streams of results open at this replica.", streams.Open)
	return figures
}

func measureStorage(figures *metrics.Metrics, db store.Store) {
	figures.Measure("yonder_database_bytes", "What the database takes.", func(ctx context.Context) (int64, error) {
		size, err := db.Size(ctx)
		return size.Bytes, err
	})
	figures.Measure("yonder_database_free_bytes", "What the database takes and does not use.", func(ctx context.Context) (int64, error) {
		size, err := db.Size(ctx)
		return size.Free, err
	})
	figures.Measure("yonder_blob_bytes", "Large payloads and results that are kept.", db.BlobBytes)
}

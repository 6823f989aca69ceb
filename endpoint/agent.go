package endpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/bodies"
	"github.com/yonder-run/yonder/endpoint/journal"
	"github.com/yonder-run/yonder/endpoint/link"
	"github.com/yonder-run/yonder/endpoint/managers"
	"github.com/yonder-run/yonder/endpoint/provider"
	"github.com/yonder-run/yonder/endpoint/provider/local"
	"github.com/yonder-run/yonder/endpoint/scaler"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/wire"
)

// Options are what a configuration file does not say.
type Options struct {
	Logger *slog.Logger
	// Pythons are the interpreters, the first is the default; see package
	// pythons for finding them.
	Pythons []wire.Interpreter
	// Executable is the program whose "manager" command runs on nodes; this
	// very program by default.
	Executable string
	// Provider gives blocks; by default the one that the configuration names.
	Provider provider.Provider
	// StatusEvery is how often the status file is written, LookEvery how often
	// the provider is asked; 2 s each by default.
	StatusEvery, LookEvery time.Duration
	// Answer and Retry are the link's patience; see link.Config.
	Answer, Retry time.Duration
	// FS is where the journal is kept; the real one by default.
	FS osfs.FS
}

// Agent is an endpoint's daemon. Stop leaves everything as it is: managers go
// on, and a later agent with the same state directory takes over. Detach does
// the same politely, Shutdown ends the managers too.
type Agent struct {
	startstop.Base

	cfg        Config
	opts       Options
	credential string

	mu    sync.Mutex
	parts *parts
}

// parts are what a running agent is made of.
type parts struct {
	lock      *journal.Lock
	journal   *journal.Journal
	desk      *desk
	link      *link.Link
	server    *managers.Server
	provision *provision
}

// New checks what can be checked without touching the state directory.
func New(cfg Config, opts Options) (*Agent, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	credential, err := cfg.ReadCredential()
	if err != nil {
		return nil, err
	}
	if opts.Provider == nil {
		opts.Provider = local.New()
	}
	if opts.Executable == "" {
		if opts.Executable, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("looking for this program's file: %w", err)
		}
	}
	opts.StatusEvery = cmp.Or(opts.StatusEvery, 2*time.Second)
	opts.LookEvery = cmp.Or(opts.LookEvery, 2*time.Second)
	return &Agent{cfg: cfg, opts: opts, credential: credential}, nil
}

// Start takes up the work. It does not wait for the service.
func (a *Agent) Start(ctx context.Context) error { return a.Base.Start(ctx, a.run) }

func (a *Agent) run(ctx context.Context, ready func()) error {
	p, err := a.assemble()
	if why, refused := osfs.Refused(err); refused {
		return yonder.Errorf(yonder.CodeStorageFull, "the state directory %s cannot be used: %s (%w)", a.cfg.StateDir, why, err)
	}
	if err != nil {
		return err
	}
	defer p.close(a.opts.Logger)
	if err := p.link.Start(ctx); err != nil {
		return err
	}
	defer p.link.Stop()
	defer p.server.Stop()
	if p.journal.Certain() {
		// Nobody else can be serving these managers: take what they finished
		// even while the service is away.
		if err := a.listen(ctx, p, p.desk.epoch.Epoch); err != nil {
			return err
		}
	}
	a.set(p)
	defer a.set(nil)
	ready()
	err = a.work(ctx, p)
	if errors.Is(err, &yonder.Error{Code: yonder.CodeSessionFenced}) {
		a.yieldManagers(ctx, p)
	}
	if errors.Is(err, errDrained) {
		a.goodbye(ctx, p)
		return nil
	}
	return err
}

// work runs the loops until one fails or ctx ends.
func (a *Agent) work(ctx context.Context, p *parts) error {
	talk := &session{desk: p.desk, link: p.link, instance: yonder.NewID()}
	// The listener outlives the loops, to tell managers of a fence.
	talk.invite = func(epoch int64) error { return a.listen(ctx, p, epoch) }
	group, loops := errgroup.WithContext(ctx)
	group.Go(func() error { return talk.run(loops) })
	group.Go(func() error { return p.provision.run(loops) })
	group.Go(func() error { return a.publishing(loops, p) })
	return group.Wait()
}

// listen lets managers in, under the epoch.
func (a *Agent) listen(ctx context.Context, p *parts, epoch int64) error {
	if err := p.server.SetEpoch(epoch); err != nil {
		return err
	}
	if err := p.server.Start(ctx); err != nil {
		return err
	}
	p.desk.locked(func() { p.desk.listening = true })
	p.desk.scale.notify()
	return nil
}

// assemble builds everything over the state directory, and restores it.
func (a *Agent) assemble() (p *parts, err error) {
	p = &parts{}
	defer func() {
		if err != nil {
			p.close(a.opts.Logger)
		}
	}()
	for _, dir := range []string{a.cfg.StateDir, a.dir("blocks")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return p, fmt.Errorf("making the state directory: %w", err)
		}
	}
	if p.lock, err = journal.TakeLock(a.cfg.StateDir); err != nil {
		return p, err
	}
	if p.journal, err = journal.Open(a.dir("journal"), journal.Options{FS: a.opts.FS, Logger: a.opts.Logger}); err != nil {
		return p, err
	}
	spool, err := bodies.NewSpool(a.dir("results"), a.cfg.Limits.SpoolBytes)
	if err != nil {
		return p, err
	}
	p.desk = newDesk(a.cfg, a.opts.Logger, p.journal, spool, a.opts.Pythons)
	if err := p.desk.restore(); err != nil {
		return p, err
	}
	return p, a.connectors(p)
}

// connectors builds what speaks to the outside.
func (a *Agent) connectors(p *parts) (err error) {
	p.link, err = link.New(link.Config{
		URL: a.cfg.Service, Endpoint: a.cfg.Endpoint, Credential: a.credential, CAFile: a.cfg.CAFile,
		Logger: a.opts.Logger, Answer: a.opts.Answer, Retry: a.opts.Retry,
	}, p.desk)
	if err != nil {
		return err
	}
	fetch := func(ctx context.Context, hash string) ([]byte, error) {
		return p.link.Function(ctx, p.server.Epoch(), hash)
	}
	functions, err := bodies.NewFunctions(a.dir("functions"), a.cfg.Limits.FunctionBytes, fetch)
	if err != nil {
		return err
	}
	secret, err := managers.Secret(a.dir("secret"))
	if err != nil {
		return err
	}
	p.server = managers.New(managers.Config{
		Listen: a.cfg.Managers.Listen, Advertise: a.cfg.Managers.Advertise, File: a.dir("rendezvous.json"),
		Secret: secret, Slots: a.cfg.Provider.Slots, Pythons: a.opts.Pythons, Kinds: a.cfg.Kinds,
		CancelGrace: a.cfg.Managers.CancelGrace, Beat: a.cfg.Managers.Heartbeat, Tailed: p.desk.tailed, Logger: a.opts.Logger,
		Failures: a.cfg.Breaker.Failures, Probe: a.cfg.Breaker.Probe, WorkerBytes: a.cfg.Provider.WorkerMemory,
	}, p.desk, &supply{functions, p.desk, p.link})
	scaling := a.cfg.Scaling
	if a.cfg.TakesStrangers() {
		scaling = Scaling{}
	}
	p.provision = &provision{
		desk: p.desk, provider: a.opts.Provider, command: a.command, every: a.opts.LookEvery,
		policy: scaler.Policy{
			Init: scaling.InitBlocks, Min: scaling.MinBlocks, Max: scaling.MaxBlocks,
			Slots: a.cfg.Provider.Slots, Idle: scaling.Idle,
		},
	}
	return nil
}

// command starts a manager. The secret is in the rendezvous file, which only
// the owner can read.
func (a *Agent) command(block string) []string {
	return []string{a.opts.Executable, "manager", "--rendezvous", a.dir("rendezvous.json"), "--block", block}
}

func (a *Agent) dir(name string) string { return filepath.Join(a.cfg.StateDir, name) }

func (p *parts) close(log *slog.Logger) {
	if p.journal != nil {
		if err := p.journal.Close(); err != nil {
			log.Error("could not close the journal", slog.Any("error", err))
		}
	}
	if p.lock != nil {
		p.lock.Release()
	}
}

func (a *Agent) set(p *parts) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.parts = p
}

func (a *Agent) running() *parts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.parts
}

// supply is where managers get bodies from.
type supply struct {
	functions *bodies.Functions
	desk      *desk
	link      *link.Link
}

// Function returns a function's body.
func (s *supply) Function(ctx context.Context, hash string) ([]byte, error) {
	return s.functions.Get(ctx, hash)
}

// Blob opens the stream of a payload.
func (s *supply) Blob(ctx context.Context, task yonder.ID, blob wire.Blob) (io.ReadCloser, error) {
	return s.link.Blob(ctx, task, blob.ID)
}

// Keep stores a piece of a large result.
func (s *supply) Keep(chunk wire.BlobChunk, data []byte) error {
	err := s.desk.spool.Keep(chunk, data)
	s.desk.locked(func() { s.desk.room = noRoom{err, s.desk.now()} })
	return err
}

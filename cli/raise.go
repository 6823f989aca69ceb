package cli

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/service"
	"github.com/yonder-run/yonder/service/auth"
)

// site is a service with one endpoint.
type site struct {
	service *service.Service
	agent   *endpoint.Agent
	state   home.Up
}

// raise starts a site step by step; if a step fails, those before are undone.
func (a *app) raise(ctx context.Context, h home.Home, flags upFlags, log *slog.Logger) (*site, error) {
	progress := a.Progress(ctx, "looking for Python")
	defer progress.Stop()
	pythons, err := findPythons(ctx, flags.pythons, yonder.FunctionKinds)
	if err != nil {
		return nil, err
	}
	progress.Sayf("starting the service")
	s := &site{}
	if s.service, err = a.raiseService(ctx, h, flags, log); err != nil {
		return nil, err
	}
	progress.Sayf("starting the endpoint")
	if err := a.raiseEndpoint(ctx, h, s, flags, endpoint.Options{Logger: log, Pythons: pythons}); err != nil {
		s.service.Stop()
		return nil, err
	}
	return s, nil
}

// raiseEndpoint logs in at the site's service and starts its endpoint.
func (a *app) raiseEndpoint(ctx context.Context, h home.Home, s *site, flags upFlags, options endpoint.Options) error {
	login, err := signIn(h, s.service.URL())
	if err != nil {
		return err
	}
	c, err := client.New(login.URL, login.Token)
	if err != nil {
		return err
	}
	config, err := localConfig(ctx, c, h, flags)
	if err != nil {
		return err
	}
	if s.agent, err = endpoint.New(config, options); err != nil {
		return err
	}
	if err := startUnder(ctx, s.agent); err != nil {
		return err
	}
	s.state = home.Up{
		PID: os.Getpid(), URL: login.URL, Dir: string(h), Log: h.LogFile(), Endpoint: config.Name, EndpointID: config.Endpoint,
	}
	err = online(ctx, c, s)
	if err != nil {
		a.lower(ctx, s, options.Logger)
	}
	return err
}

func (a *app) raiseService(ctx context.Context, h home.Home, flags upFlags, log *slog.Logger) (*service.Service, error) {
	config := service.Defaults()
	config.Listen, config.StateDir = flags.listen, h.Service()
	s, err := service.New(config, log)
	if err == nil {
		err = startUnder(ctx, s)
	}
	switch {
	case err == nil:
		if err = h.WriteAddress(addressOf(s.URL())); err != nil {
			s.Stop()
		}
	case yonder.CodeOf(err) == yonder.CodePortInUse && flags.listen == flags.last:
		err = yonder.FieldErrorf(yonder.CodePortInUse, "listen",
			"another program listens on %s, where endpoints look for this service since it was up last: stop that program, or choose another "+
				"address, such as --listen 127.0.0.1:0 for any free one", flags.listen)
	case yonder.CodeOf(err) == yonder.CodePortInUse:
		err = yonder.FieldErrorf(yonder.CodePortInUse, "listen",
			"another program listens on %s already: choose another address, such as --listen 127.0.0.1:0 for any free one", flags.listen)
	}
	return s, err
}

// addressOf is host and port of a URL.
func addressOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// noteStranded names endpoints of this machine that look for their service at
// another address of it.
func (a *app) noteStranded(h home.Home, at string) {
	all, err := allHere(h)
	if err != nil {
		return // it runs all the same
	}
	for _, e := range all {
		if e.Name != localEndpoint && e.State != hereBroken && e.config.Service != at && onThisMachine(e.config.Service) {
			a.Notef("The endpoint %s looks for its service at %s: change service in %s, or start again with --listen %s.\n",
				e.Name, e.config.Service, filepath.Join(e.Dir, configFile), addressOf(e.config.Service))
		}
	}
}

// signIn writes the login of the service's admin. A login at a service
// elsewhere is kept: it may be all that somebody has of its token.
func signIn(h home.Home, address string) (home.Login, error) {
	last, err := h.ReadLogin()
	if err == nil && !onThisMachine(last.URL) {
		return last, yonder.Errorf(yonder.CodeConflict,
			"you are logged in to %s: log out with \"yonder logout\" first, or use another directory with --dir", last.URL)
	}
	token, err := home.ReadSecret(filepath.Join(h.Service(), auth.AdminTokenFile))
	if errors.Is(err, fs.ErrNotExist) && last.Token != "" {
		token, err = last.Token, nil // the file may be removed after the first start
	}
	if err != nil {
		return last, err
	}
	login := home.Login{URL: address, Token: token}
	return login, h.WriteLogin(login)
}

func onThisMachine(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// localConfig is the endpoint's configuration, made at the first start. The
// service's address is that of this start.
func localConfig(ctx context.Context, c *client.Client, h home.Home, flags upFlags) (endpoint.Config, error) {
	dir := h.Endpoint(localEndpoint)
	file := filepath.Join(dir, configFile)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		config := endpoint.Defaults()
		config.Name, config.Service, config.Pythons = localEndpoint, c.URL(), flags.pythons
		_, err := configure(ctx, c, dir, config, "this machine", false)
		if yonder.CodeOf(err) == yonder.CodeConflict { // its directory was removed
			_, err = configure(ctx, c, dir, config, "this machine", true)
		}
		if err != nil {
			return config, err
		}
	}
	config, err := endpoint.LoadConfig(file)
	if err != nil {
		return config, err
	}
	config.Service = c.URL()
	if flags.slots > 0 {
		config.Provider.Slots = flags.slots
	}
	return config, config.Validate()
}

// onlineWithin is how long an endpoint may take to connect to a service in
// the same process.
const onlineWithin = 30 * time.Second

func online(ctx context.Context, c *client.Client, s *site) error {
	waiting, cancel := context.WithTimeoutCause(ctx, onlineWithin, errWaited)
	defer cancel()
	for {
		e, err := c.Endpoint(waiting, s.state.EndpointID)
		if err == nil && e.Online {
			return nil
		}
		select {
		case <-s.agent.Done():
			return s.agent.Err()
		default:
		}
		if pause(waiting, 20*time.Millisecond) != nil {
			break
		}
	}
	if errors.Is(context.Cause(ctx), kit.ErrInterrupted) {
		return kit.Interruptedf("interrupted while starting")
	}
	return yonder.Errorf(yonder.CodeTimeout, "the endpoint did not connect within %s: %s says why", onlineWithin, s.state.Log)
}

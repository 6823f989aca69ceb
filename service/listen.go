package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/netutil"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/lobby"
	"github.com/yonder-run/yonder/internal/startstop"
)

// Times of the HTTP server. Bodies have their own, per route, and so have
// answers that take longer than the one here.
const (
	writeTimeout    = 2 * time.Minute
	headerTimeout   = 10 * time.Second
	idleTimeout     = 2 * time.Minute
	maxHeaderBytes  = 64 << 10
	shutdownTimeout = 5 * time.Second
)

// web is the service that listens.
type web struct {
	startstop.Base

	config   *Config
	log      *slog.Logger
	handler  http.Handler
	drain    func() // ends requests that would go on for ever
	listener net.Listener
}

// Start listens and returns when requests are answered.
func (w *web) Start(ctx context.Context) error { return w.Base.Start(ctx, w.run) }

func (w *web) run(ctx context.Context, ready func()) error {
	listener, err := w.config.listener(ctx, w.log)
	if err != nil {
		return err
	}
	w.listener = listener
	server := &http.Server{
		Handler:           w.handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		WriteTimeout:      writeTimeout,
		ConnState:         w.config.lobby(),
		ErrorLog:          slog.NewLogLogger(w.log.Handler(), slog.LevelDebug),
		// Requests outlive the order to stop: they get time to finish.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	stopped := make(chan struct{})
	end := context.AfterFunc(ctx, func() {
		defer close(stopped)
		w.drain()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if server.Shutdown(last) != nil {
			_ = server.Close()
		}
	})
	ready()
	err = server.Serve(listener)
	if end() { // serving failed by itself
		return fmt.Errorf("serving %s: %w", w.config.Listen, err)
	}
	<-stopped
	return context.Cause(ctx)
}

// silentShare is the part of all connections that may be of clients who have
// said nothing yet: strangers must not keep others out by saying nothing.
const silentShare = 4

// lobby bounds connections before their first request.
func (c *Config) lobby() func(net.Conn, http.ConnState) {
	silent := &lobby.Lobby{Limit: max(c.Connections/silentShare, 1)}
	return func(conn net.Conn, state http.ConnState) {
		if state == http.StateNew {
			silent.Enter(conn)
		} else {
			silent.Leave(conn)
		}
	}
}

// listener opens the port, within the bound of connections and with TLS.
func (c *Config) listener(ctx context.Context, log *slog.Logger) (net.Listener, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, listenError(c.Listen, err)
	}
	listener = limitAddresses(netutil.LimitListener(listener, c.Connections), c.AddressConnections)
	if c.TLSCert == "" {
		return listener, nil
	}
	secure, err := c.secure(listener, log)
	if err != nil {
		listener.Close()
	}
	return secure, err
}

func listenError(address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return yonder.FieldErrorf(yonder.CodePortInUse, "listen",
			"another program listens on %s already: stop it, or choose another address with listen", address)
	case errors.Is(err, os.ErrPermission):
		return yonder.FieldErrorf(yonder.CodeForbidden, "listen",
			"this user may not listen on %s: choose a port from 1024 on", address)
	}
	return invalid("listen", "cannot listen on %s: %w", address, err)
}

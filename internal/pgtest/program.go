package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a server of its own for a program that is no test and does more
// to a database than a test may do to the shared one. It syncs every commit.
type Server struct{ server *server }

// NewServer starts a server; Close ends it, as does the end of this process.
func NewServer() (*Server, error) {
	if findBinaries() == "" {
		return nil, errors.New(installHint)
	}
	s, err := start(true)
	if err != nil {
		return nil, err
	}
	return &Server{s}, nil
}

// Dir is where the server's Unix socket and its log are.
func (s *Server) Dir() string { return s.server.dir }

// URL is the address of a database on it; "postgres" is there from the start.
func (s *Server) URL(database string) string { return s.server.url(database) }

// Do runs one statement in the database postgres.
func (s *Server) Do(ctx context.Context, statement string) error {
	return s.server.admin(ctx, statement)
}

// Restart ends the server as a crash would, if crash is set, or by breaking
// off all that goes on; it is started again at once, and Restart returns when
// the new one answers.
func (s *Server) Restart(ctx context.Context, crash bool) error {
	signal := "INT"
	if crash {
		signal = "QUIT"
	}
	before, err := s.started(ctx)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(s.server.leash, signal); err != nil {
		return fmt.Errorf("asking for a restart of PostgreSQL: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("it did not come back in time"))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if now, err := s.started(ctx); err == nil && now.After(before) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("restarting PostgreSQL: %w", context.Cause(ctx))
		}
	}
}

// started tells one life of the server from the next.
func (s *Server) started(ctx context.Context) (at time.Time, err error) {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return at, fmt.Errorf("connecting to PostgreSQL: %w", err)
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "SELECT pg_postmaster_start_time()").Scan(&at)
	return at, err
}

// Close ends the server and waits until its files are gone.
func (s *Server) Close() {
	s.server.leash.Close()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for over := time.After(patience); ; {
		if _, err := os.Stat(s.server.dir); os.IsNotExist(err) {
			return
		}
		select {
		case <-tick.C:
		case <-over:
			return
		}
	}
}

// Package pgtest gives Go tests a real PostgreSQL. The first test that asks
// starts one throw-away server for the whole test binary; every call gets a
// fresh database on it. The server and its files disappear with the test
// binary, however that ends.
//
// A machine without PostgreSQL skips these tests and says what to install,
// unless YONDER_REQUIRE_ALL is set, which turns the skip into a failure so that
// a build machine cannot pass by leaving things out.
package pgtest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// requireAll names the variable that forbids skipping.
const requireAll = "YONDER_REQUIRE_ALL"

const installHint = "PostgreSQL is not installed: run tools/setup, or `apt-get install postgresql`, " +
	"or put initdb and postgres on PATH"

// Two servers at most: tests that do not kill the machine have no use for
// fsync, and it is most of what a small transaction costs.
var (
	fast    = sync.OnceValues(func() (*server, error) { return start(false) })
	durable = sync.OnceValues(func() (*server, error) { return start(true) })
)

// URL returns the address of a new, empty database on a server that does not
// wait for the disk.
func URL(tb testing.TB) string {
	tb.Helper()
	return fresh(tb, fast)
}

// DurableURL is URL on a server that syncs every commit, as in production.
func DurableURL(tb testing.TB) string {
	tb.Helper()
	return fresh(tb, durable)
}

func fresh(tb testing.TB, launch func() (*server, error)) string {
	tb.Helper()
	bin := findBinaries()
	if bin == "" && os.Getenv(requireAll) == "" {
		tb.Skip(installHint)
	}
	require.NotEmpty(tb, bin, installHint)
	s, err := launch()
	require.NoError(tb, err, "starting PostgreSQL")
	name := databaseName(tb.Name())
	require.NoError(tb, s.admin(tb.Context(), "CREATE DATABASE "+name))
	tb.Cleanup(func() {
		// The test's context is over by now. FORCE ends what a failed test left open.
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.admin(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			tb.Logf("dropping database %s: %v", name, err)
		}
	})
	return s.url(name)
}

var databases atomic.Int64

// databaseName keeps the test's name readable in the server's log. PostgreSQL
// cuts names at 63 bytes, so the number that makes it unique comes first.
func databaseName(test string) string {
	readable := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '_'
		}
	}, test)
	return fmt.Sprintf("t%d_%s", databases.Add(1), readable[:min(50, len(readable))])
}

// admin runs one statement outside any test's database.
func (s *server) admin(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return fmt.Errorf("connecting to PostgreSQL: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

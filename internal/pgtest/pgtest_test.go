package pgtest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// victim makes TestMain behave as a test binary that will be killed.
const victim = "YONDER_PGTEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victim) != "" {
		dieWithServer()
	}
	os.Exit(m.Run())
}

// dieWithServer starts a server, says where, and waits to be killed.
func dieWithServer() {
	s, err := fast()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = fmt.Fprintln(os.Stdout, s.dir)
	select {}
}

func TestEveryCallGetsItsOwnDatabase(t *testing.T) {
	t.Parallel()

	first, second := URL(t), URL(t)
	require.NotEqual(t, first, second)
	query(t, first, "CREATE TABLE mark (n int)")
	require.Equal(t, "0", query(t, second, "SELECT count(*)::text FROM pg_tables WHERE tablename = 'mark'"))
	require.Equal(t, "off", query(t, first, "SHOW fsync"))
}

func TestDurableSyncs(t *testing.T) {
	t.Parallel()

	url := DurableURL(t)
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		require.Equal(t, "on", query(t, url, "SHOW "+setting), setting)
	}
}

func TestDatabaseGoesWithItsTest(t *testing.T) {
	t.Parallel()

	inner := &ending{TB: t}
	url := URL(inner)
	query(t, url, "SELECT 1::text")
	inner.end()
	_, err := pgx.Connect(t.Context(), url)
	require.ErrorContains(t, err, "does not exist")
}

// ending is a test within a test, whose end can be looked at from outside.
type ending struct {
	testing.TB

	cleanups []func()
}

func (e *ending) Cleanup(f func()) { e.cleanups = append(e.cleanups, f) }

func (e *ending) end() {
	for _, f := range slices.Backward(e.cleanups) {
		f()
	}
}

// A killed test binary must leave neither processes nor files.
func TestServerGoesWithAKilledBinary(t *testing.T) {
	t.Parallel()

	if findBinaries() == "" {
		t.Skip(installHint)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victim+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	dir, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	dir = strings.TrimSpace(dir)
	require.DirExists(t, dir)

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	// The directory goes last, after the watchdog saw the server's end.
	require.Eventually(t, func() bool {
		_, err := os.Stat(dir)
		return os.IsNotExist(err)
	}, patience, 10*time.Millisecond)
}

func TestNewest(t *testing.T) {
	t.Parallel()

	require.Empty(t, newest(nil))
	require.Equal(t, "/usr/lib/postgresql/15/bin",
		newest([]string{"/usr/lib/postgresql/9/bin", "/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/13/bin"}))
}

func TestDatabaseNameFitsAndIsUnique(t *testing.T) {
	t.Parallel()

	long := "TestSomething/" + strings.Repeat("überlang ", 20)
	first, second := databaseName(long), databaseName(long)
	require.NotEqual(t, first, second)
	require.LessOrEqual(t, len(first), 63)
	require.Regexp(t, "^[a-z0-9_]+$", first)
}

func query(t *testing.T, url, statement string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), statement)
	require.NoError(t, err)
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(texts, ",")
}

// What was committed is there after a crash of the server.
func TestAServerOfItsOwnCanBeRestarted(t *testing.T) {
	t.Parallel()

	if findBinaries() == "" {
		t.Skip(installHint)
	}
	s, err := NewServer()
	require.NoError(t, err)
	t.Cleanup(s.Close)
	url := s.URL("postgres")
	query(t, url, "CREATE TABLE mark (n int)")
	began := query(t, url, "SELECT pg_postmaster_start_time()::text")
	for _, crash := range []bool{true, false} {
		require.NoError(t, s.Restart(t.Context(), crash))
		require.Equal(t, "0", query(t, url, "SELECT count(*)::text FROM mark"))
		require.NotEqual(t, began, query(t, url, "SELECT pg_postmaster_start_time()::text"))
	}
}

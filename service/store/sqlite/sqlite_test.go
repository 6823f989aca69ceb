package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqlite"
	"github.com/yonder-run/yonder/service/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(victim); path != "" {
		fmt.Println(write(path))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func open(tb testing.TB, path string, relaxed bool) store.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), sqlite.Options{Path: path, Relaxed: relaxed})
	require.NoError(tb, err)
	return s
}

func fresh(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "store", "yonder 100%?#.db")
}

// raw opens the file beside the store.
func raw(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	// The driver reads only the query of a name, so that it need not be escaped.
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23", " ", "%20").Replace(path))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		t.Helper()
		path := fresh(t)
		s := open(t, path, true)
		t.Cleanup(func() {
			require.NoError(t, s.Close())
			storetest.CheckRows(t, raw(t, path))
		})
		return s
	})
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) store.Store {
		b.Helper()
		s := open(b, fresh(b), false)
		b.Cleanup(func() { require.NoError(b, s.Close()) })
		return s
	})
}

func TestSecondServiceIsRefused(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	s := open(t, path, true)
	_, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	require.Equal(t, yonder.CodeAlreadyRunning, yonder.CodeOf(err))
	require.ErrorContains(t, err, "use PostgreSQL for several")
	require.NoError(t, s.Ping(t.Context()), "the first one is not disturbed")
	require.NoError(t, s.Close())
	// A process that another test starts holds a copy of the lock until it
	// has replaced itself.
	require.Eventually(t, func() bool {
		again, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Relaxed: true})
		return err == nil && again.Close() == nil
	}, 10*time.Second, time.Millisecond)
}

func TestNobodyElseCanReadTheFiles(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("modes are of Unix")
	}
	path := fresh(t)
	s := open(t, path, true)
	require.NoError(t, s.CreateGroup(t.Context(), yonder.Group{ID: yonder.NewID(), Owner: yonder.NewID(), Created: time.Now()}))
	info, err := os.Stat(filepath.Dir(path))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, files, 4, "database, lock, WAL and shared memory")
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
	}
	require.NoError(t, s.Close())
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	require.NoError(t, open(t, path, true).Close())
	_, err := raw(t, path).Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
	require.NoError(t, err)
	_, err = sqlite.Open(t.Context(), sqlite.Options{Path: path})
	require.Equal(t, yonder.CodeConflict, yonder.CodeOf(err))
	require.ErrorContains(t, err, "schema 9999")
}

func TestDamageNamesTheFileAndTheWayOut(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	require.NoError(t, open(t, path, true).Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, at := range map[string]int{"header": 0, "schema": 110} {
		damaged := append([]byte{}, whole...)
		copy(damaged[at:], strings.Repeat("garbage!", 40))
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		_, err = sqlite.Open(t.Context(), sqlite.Options{Path: path})
		require.Equal(t, yonder.CodeStorageCorrupt, yonder.CodeOf(err), "%s: %v", name, err)
		require.ErrorContains(t, err, path)
		require.ErrorContains(t, err, ".recover")
	}
}

func TestDirectoryThatCannotBeMadeIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(file, "yonder.db")})
	require.ErrorContains(t, err, file)
}

func TestAClosedStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	s := open(t, fresh(t), true)
	require.NoError(t, s.Close())
	err := s.CreateGroup(t.Context(), yonder.Group{ID: yonder.NewID(), Owner: yonder.NewID()})
	require.Equal(t, yonder.CodeUnavailable, yonder.CodeOf(err))
}

// victim names, for a child process, the database to write to until killed.
const victim = "YONDER_TEST_SQLITE_VICTIM"

// write makes groups for ever and says which ones are accepted.
func write(path string) error {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, sqlite.Options{Path: path})
	for err == nil {
		id := yonder.NewID()
		if err = s.CreateGroup(ctx, yonder.Group{ID: id, Owner: id, Created: time.Now()}); err == nil {
			fmt.Println(id)
		}
	}
	return err
}

func TestWhatWasAcceptedSurvivesKill(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	accepted := map[string]bool{}
	for range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), victim+"="+path)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			accepted[lines.Text()] = true
			if n == 50 {
				require.NoError(t, cmd.Process.Kill())
			}
		}
		require.Error(t, cmd.Wait())
	}
	require.Greater(t, len(accepted), 150, "a child ended early: %v", accepted)
	s := open(t, path, false)
	for text := range accepted {
		id, err := yonder.ParseID(text)
		require.NoError(t, err)
		_, err = s.Group(t.Context(), id)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
}

// Package sqlite is the store in one file on this machine: the default, for
// one service process. Several processes need package postgres.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver

	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/service/store/sqlite/segments"
)

// Options say where the database is and how it is kept.
type Options struct {
	// Path of the file. It is made with mode 0600, its directory with 0700.
	Path string
	// Relaxed leaves the fsync of commits to checkpoints: a power cut or a
	// crash of the kernel may take the last commits back, never only some of
	// them and never older ones. The end of a process loses nothing either way.
	Relaxed bool
	// MaxBytes bounds the file, and in the same way the large payloads beside
	// it; 0: only the disk does.
	MaxBytes int64
	Logger   *slog.Logger
	// Wrap goes around every connection, if it is set: tests fail statements
	// with it.
	Wrap func(driver.Connector) driver.Connector
}

// engine is one writing connection behind a queue, and readers beside it.
type engine struct {
	path    string
	lock    *os.File
	writing *sql.DB
	writer  *writer
	reading *sql.DB
	queries *gen.Queries // on reading
	beside  *segments.Segments
}

var _ sqldb.Engine = (*engine)(nil)

// Open makes or opens the database and brings its schema up to date. Only one
// process can have it open.
func Open(ctx context.Context, opts Options) (store.Store, error) {
	e := &engine{path: opts.Path}
	if err := e.open(ctx, opts); err != nil {
		return nil, errors.Join(e.explain(err), e.Close())
	}
	return sqldb.NewAlone(e), nil
}

func (e *engine) open(ctx context.Context, opts Options) error {
	if err := e.prepareFile(); err != nil {
		return err
	}
	var err error
	if e.beside, err = segments.Open(strings.TrimSuffix(opts.Path, ".db")+".payloads", opts.MaxBytes); err != nil {
		return err
	}
	if e.writing, err = pool(opts, false); err != nil {
		return fmt.Errorf("opening %s: %w", opts.Path, err)
	}
	e.writing.SetMaxOpenConns(1)
	if err := e.allowTidying(ctx, opts.Logger); err != nil {
		return err
	}
	if err := sqldb.Migrate(ctx, e.writing, goose.DialectSQLite3); err != nil {
		return err
	}
	conn, err := e.writing.Conn(ctx)
	if err != nil {
		return fmt.Errorf("opening %s: %w", opts.Path, err)
	}
	if e.writer, err = newWriter(ctx, conn); err != nil {
		return err
	}
	// The writer outlives the context of opening: Close ends it.
	if err := e.writer.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if e.reading, err = pool(opts, true); err != nil {
		return fmt.Errorf("opening %s for reading: %w", opts.Path, err)
	}
	e.reading.SetMaxOpenConns(max(4, runtime.NumCPU()))
	e.reading.SetMaxIdleConns(max(4, runtime.NumCPU()))
	if e.queries, err = gen.Prepare(ctx, e.reading); err != nil {
		return fmt.Errorf("preparing queries: %w", err)
	}
	return nil
}

// prepareFile takes the lock and makes the file, so that SQLite does not make
// it with the umask's permissions. Its companion files take over the mode.
func (e *engine) prepareFile() error {
	if err := os.MkdirAll(filepath.Dir(e.path), 0o700); err != nil {
		return fmt.Errorf("making the database's directory: %w", err)
	}
	var err error
	if e.lock, err = lockFile(e.path + ".lock"); err != nil {
		return err
	}
	f, err := os.OpenFile(e.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

func pool(opts Options, readOnly bool) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(opts, readOnly))
	if err != nil || opts.Wrap == nil {
		return db, err //nolint:wrapcheck // the caller says what was opened
	}
	return sql.OpenDB(opts.Wrap(connector{db.Driver(), dsn(opts, readOnly)})), db.Close()
}

// connector opens connections of a driver that has no connectors.
type connector struct {
	driver driver.Driver
	name   string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.name) } //nolint:wrapcheck // as it is

// Driver implements driver.Connector.
func (c connector) Driver() driver.Driver { return c.driver }

func dsn(opts Options, readOnly bool) string {
	// How space is given back can be chosen only before the first table is made.
	pragmas := []string{"busy_timeout(10000)", "auto_vacuum(INCREMENTAL)", "foreign_keys(1)", "temp_store(MEMORY)", "cache_size(-32768)"}
	if opts.MaxBytes > 0 {
		pragmas = append(pragmas, fmt.Sprintf("max_page_count(%d)", max(opts.MaxBytes/pageSize, 1)))
	}
	switch {
	case readOnly:
		pragmas = append(pragmas, "query_only(1)")
	case opts.Relaxed:
		pragmas = append(pragmas, "journal_mode(WAL)", "journal_size_limit(67108864)", "synchronous(NORMAL)")
	default:
		pragmas = append(pragmas, "journal_mode(WAL)", "journal_size_limit(67108864)", "synchronous(FULL)", "fullfsync(1)")
	}
	// A path may hold characters that mean something in a URI.
	path := url.URL{Path: filepath.ToSlash(opts.Path)}
	u := url.URL{Scheme: "file", Opaque: path.EscapedPath(), RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return u.String()
}

// Write queues op for the writer.
func (e *engine) Write(ctx context.Context, op sqldb.Op) error {
	return e.WriteAhead(ctx, op, nil)
}

// WriteAhead queues op for the writer, and calls ran while that commits.
func (e *engine) WriteAhead(ctx context.Context, op sqldb.Op, ran func()) error {
	return e.explain(e.writer.write(ctx, op, ran))
}

// Read runs op on a connection of readers.
func (e *engine) Read(ctx context.Context, op sqldb.Op) error {
	return e.explain(op(ctx, e.queries))
}

// Snapshot runs op in a reading transaction.
func (e *engine) Snapshot(ctx context.Context, op sqldb.Op) error {
	tx, err := e.reading.BeginTx(ctx, nil)
	if err != nil {
		return e.explain(fmt.Errorf("beginning to read: %w", err))
	}
	defer tx.Rollback()
	return e.explain(op(ctx, e.queries.WithTx(tx)))
}

// Beside is the directory of segments.
func (e *engine) Beside() sqldb.Beside { return e.beside }

// Ping reads from the database.
func (e *engine) Ping(ctx context.Context) error {
	return e.explain(e.reading.PingContext(ctx))
}

// Close waits for what is being written and gives up the lock.
func (e *engine) Close() error {
	var errs []error
	if e.queries != nil {
		errs = append(errs, e.queries.Close())
	}
	if e.reading != nil {
		errs = append(errs, e.reading.Close())
	}
	if e.writer != nil {
		e.writer.Stop()
		errs = append(errs, e.writer.close())
	}
	if e.writing != nil {
		errs = append(errs, e.writing.Close())
	}
	if e.beside != nil {
		errs = append(errs, e.beside.Close())
	}
	if e.lock != nil {
		errs = append(errs, e.lock.Close())
	}
	return errors.Join(errs...)
}

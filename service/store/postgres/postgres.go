// Package postgres is the store in PostgreSQL: for several service processes,
// or for sites that run a database already.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

const (
	defaultConns = 16
	// maxTries bounds how often a transaction is begun anew after the server
	// has ended it in favour of another one.
	maxTries = 10
)

// Options say where the database is and what is expected of it.
type Options struct {
	// URL or keyword string, as libpq takes it. A password may also come from
	// PGPASSFILE or PGPASSWORD.
	URL string
	// MaxConns is the number of connections at most; 0 means 16.
	MaxConns int
	// Relaxed accepts a server that answers commits before they are on disk:
	// a crash of the server may take the last commits back.
	Relaxed bool
	Logger  *slog.Logger
	// Wrap goes around every connection, if it is set: tests fail statements
	// with it.
	Wrap func(driver.Connector) driver.Connector
}

type engine struct {
	answer time.Duration
	db     *sql.DB
	server string // for messages, without password
}

var _ sqldb.Engine = (*engine)(nil)

// Beside is nowhere: replicas share the database and nothing else, and the
// server keeps what is large out of its pages by itself.
func (e *engine) Beside() sqldb.Beside { return nil }

// Open connects, checks that commits are durable, and brings the schema up to
// date. Several processes may do so at once.
func Open(ctx context.Context, opts Options) (store.Store, error) {
	e, err := connect(opts)
	if err != nil {
		return nil, err
	}
	if err := e.prepare(ctx, opts); err != nil {
		return nil, errors.Join(e.explain(err), e.Close())
	}
	return sqldb.New(e), nil
}

// connect makes the pool; connections are made when they are needed.
func connect(opts Options) (*engine, error) {
	config, err := pgx.ParseConfig(opts.URL)
	if err != nil {
		// The error hides a password by itself.
		return nil, yonder.Errorf(yonder.CodeInvalidConfig, "the PostgreSQL address is malformed: %w", err)
	}
	connector := stdlib.GetConnector(*config, stdlib.OptionAfterConnect(limitSilence))
	if opts.Wrap != nil {
		connector = opts.Wrap(connector)
	}
	e := &engine{
		answer: answerTime, db: sql.OpenDB(connector),
		server: fmt.Sprintf("%s:%d/%s", config.Host, config.Port, config.Database),
	}
	conns := opts.MaxConns
	if conns <= 0 {
		conns = defaultConns
	}
	e.db.SetMaxOpenConns(conns)
	e.db.SetMaxIdleConns(conns)
	return e, nil
}

// silence is how long the server lets a transaction wait for its replica's next
// word. A replica that hangs, or whose way to the server is cut, would hold the
// rows that it has locked, and all other replicas up, for as long as that takes.
const silence = 5 * time.Second

// answerTime is how long an operation may take in all. A server that cannot be
// reached any more often does not say so; who asks is told, and may turn to
// another replica. Agents do not wait for longer either.
const answerTime = 10 * time.Second

// limitSilence is not a parameter of the connection, which poolers refuse.
func limitSilence(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, fmt.Sprintf("SET idle_in_transaction_session_timeout = %d", silence.Milliseconds()))
	if err != nil {
		return fmt.Errorf("limiting how long a transaction may be silent: %w", err)
	}
	return nil
}

func (e *engine) prepare(ctx context.Context, opts Options) error {
	if err := e.checkServer(ctx, opts); err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("making the lock of migrations: %w", err)
	}
	return sqldb.Migrate(ctx, e.db, goose.DialectPostgres, goose.WithSessionLocker(locker))
}

// checkServer refuses a server on which an answered commit may not be durable,
// or which could not hold every text.
func (e *engine) checkServer(ctx context.Context, opts Options) error {
	var fsync, commit, encoding string
	row := e.db.QueryRowContext(ctx,
		`SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('server_encoding')`)
	if err := row.Scan(&fsync, &commit, &encoding); err != nil {
		return fmt.Errorf("asking for the server's settings: %w", err)
	}
	if encoding != "UTF8" {
		return yonder.Errorf(yonder.CodeInvalidConfig, "database %s has encoding %s: create it with ENCODING 'UTF8'", e.server, encoding)
	}
	if !opts.Relaxed && (fsync == "off" || commit == "off") {
		return yonder.Errorf(yonder.CodeInvalidConfig,
			"PostgreSQL at %s has fsync=%s and synchronous_commit=%s, so a crash could lose accepted tasks: "+
				"turn both on, or accept that with the relaxed mode",
			e.server, fsync, commit)
	}
	return nil
}

// Write runs op at READ COMMITTED with the row locks it takes, again if the
// server had to break a deadlock or a conflict.
func (e *engine) Write(ctx context.Context, op sqldb.Op) error {
	return e.WriteAhead(ctx, op, nil)
}

// WriteAhead is Write that calls ran before each commit.
func (e *engine) WriteAhead(ctx context.Context, op sqldb.Op, ran func()) error {
	for try := 1; ; try++ {
		err := e.once(ctx, op, ran)
		if err == nil || !isConflict(err) || try == maxTries {
			return e.explain(err)
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

func (e *engine) once(ctx context.Context, op sqldb.Op, ran func()) error {
	ctx, cancel := context.WithTimeout(ctx, e.answer)
	defer cancel()
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close()
	// The caller may end statements, but not a commit on its way: nobody could
	// say whether it counts. Only a server that says nothing ends that, and then
	// the caller tries again, which every operation allows.
	whole, end := context.WithTimeout(context.WithoutCancel(ctx), 2*e.answer)
	defer end()
	tx, err := conn.BeginTx(whole, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer tx.Rollback()
	if err := sqldb.Run(ctx, op, gen.New(lockRows{tx})); err != nil {
		return err
	}
	if ran != nil {
		ran()
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// pause waits longer each time, by chance, so that rivals part.
func pause(ctx context.Context, try int) error {
	timer := time.NewTimer(rand.N(time.Millisecond << try))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Read runs op on any connection.
func (e *engine) Read(ctx context.Context, op sqldb.Op) error {
	ctx, cancel := context.WithTimeout(ctx, e.answer)
	defer cancel()
	return e.explain(op(ctx, gen.New(e.db)))
}

// Snapshot runs op in a reading transaction at REPEATABLE READ.
func (e *engine) Snapshot(ctx context.Context, op sqldb.Op) error {
	ctx, cancel := context.WithTimeout(ctx, e.answer)
	defer cancel()
	tx, err := e.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return e.explain(fmt.Errorf("beginning to read: %w", err))
	}
	defer tx.Rollback()
	return e.explain(op(ctx, gen.New(tx)))
}

// Tidy does nothing: autovacuum is the server's, and it keeps free pages for
// what comes next rather than give them back.
func (e *engine) Tidy(context.Context) (bool, error) { return false, nil }

// Size is the size of the whole database.
func (e *engine) Size(ctx context.Context) (size store.Size, err error) {
	err = e.db.QueryRowContext(ctx, `SELECT pg_database_size(current_database())`).Scan(&size.Bytes)
	return size, e.explain(err)
}

// Ping asks the server for a sign of life.
func (e *engine) Ping(ctx context.Context) error { return e.explain(e.db.PingContext(ctx)) }

// Close closes all connections once they are free.
func (e *engine) Close() error {
	if err := e.db.Close(); err != nil {
		return fmt.Errorf("closing connections to PostgreSQL: %w", err)
	}
	return nil
}

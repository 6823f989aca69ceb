package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/internal/testsignal"
	"github.com/yonder-run/yonder/service/store/sqldb"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// maxGroup is the number of operations that share a commit. It bounds how
// long the first of them waits for the others.
const maxGroup = 512

// The statements around operations.
const (
	begin    = "BEGIN IMMEDIATE"
	save     = "SAVEPOINT op"
	undo     = "ROLLBACK TO op"
	release  = "RELEASE op"
	commit   = "COMMIT"
	rollback = "ROLLBACK"
)

// writer owns the one connection that writes. Operations that arrive while a
// commit is being synced wait for it, and then share the next one; a lone
// operation waits for nobody.
type writer struct {
	startstop.Base

	conn    *sql.Conn
	queries *gen.Queries
	control map[string]*sql.Stmt
	// committed tells tests how many operations shared a commit.
	committed testsignal.Signal[int]
	// ops has no buffer: an operation is either still its caller's, or taken
	// by the loop, which then answers it whatever happens.
	ops chan *operation
}

type operation struct {
	run  sqldb.Op
	err  error
	ran  chan struct{} // has a value once it has run, for who wants to know
	done chan error
}

func newWriter(ctx context.Context, conn *sql.Conn) (*writer, error) {
	w := &writer{conn: conn, control: map[string]*sql.Stmt{}, ops: make(chan *operation)}
	var err error
	if w.queries, err = gen.Prepare(ctx, conn); err != nil {
		return nil, errors.Join(fmt.Errorf("preparing queries: %w", err), conn.Close())
	}
	for _, text := range []string{begin, save, undo, release, commit, rollback} {
		w.control[text], err = conn.PrepareContext(ctx, text) //nolint:sqlclosecheck // close does it
		if err != nil {
			delete(w.control, text)
			return nil, errors.Join(fmt.Errorf("preparing %s: %w", text, err), w.close())
		}
	}
	return w, nil
}

func (w *writer) close() error {
	errs := []error{w.queries.Close()}
	for _, s := range w.control {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

// Start launches the loop.
func (w *writer) Start(ctx context.Context) error { return w.Base.Start(ctx, w.run) }

func (w *writer) run(ctx context.Context, ready func()) error {
	ready()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case first := <-w.ops:
			// An interrupt would undo the operations of others: from here on
			// nobody's context counts.
			w.commit(context.WithoutCancel(ctx), w.gather(first))
		}
	}
}

// write hands op to the loop and waits for its commit. Once the loop has
// taken it, the context does not end the wait: what happens to op is known
// only after that.
func (w *writer) write(ctx context.Context, op sqldb.Op, ran func()) error {
	o := &operation{run: op, done: make(chan error, 1)}
	if ran != nil {
		o.ran = make(chan struct{}, 1)
	}
	select {
	case w.ops <- o:
		return o.wait(ran)
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.Done():
		return yonder.Errorf(yonder.CodeUnavailable, "the service is stopping: try again")
	}
}

func (o *operation) wait(ran func()) error {
	select {
	case <-o.ran:
		ran()
		return <-o.done
	case err := <-o.done:
		return err
	}
}

// tell says that the operation has run, at most once until somebody listens.
func (o *operation) tell() {
	select {
	case o.ran <- struct{}{}:
		runtime.Gosched() // it has little to do, and waking a thread for it takes longer than that
	default:
	}
}

// gather takes who is waiting now.
func (w *writer) gather(first *operation) []*operation {
	group := []*operation{first}
	for len(group) < maxGroup {
		select {
		case o := <-w.ops:
			group = append(group, o)
		default:
			return group
		}
	}
	return group
}

// commit runs the group in one transaction. If that fails as a whole, every
// operation has its own: only the guilty one is to fail.
func (w *writer) commit(ctx context.Context, group []*operation) {
	if len(group) == 1 || w.together(ctx, group) != nil {
		for _, o := range group {
			o.err = w.alone(ctx, o)
		}
	}
	for _, o := range group {
		o.done <- o.err
	}
	w.committed.Fire(len(group))
}

func (w *writer) alone(ctx context.Context, o *operation) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	if err := sqldb.Run(ctx, o.run, w.queries); err != nil {
		// SQLite may have rolled back by itself: then this one fails.
		_ = w.exec(ctx, rollback)
		return err
	}
	o.tell()
	return w.finish(ctx)
}

func (w *writer) together(ctx context.Context, group []*operation) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	for _, o := range group {
		if err := w.saved(ctx, o); err != nil {
			_ = w.exec(ctx, rollback)
			return err
		}
	}
	return w.finish(ctx)
}

// saved runs an operation such that its failure undoes only itself. An error
// means that the transaction is lost.
func (w *writer) saved(ctx context.Context, o *operation) error {
	if err := w.exec(ctx, save); err != nil {
		return err
	}
	if o.err = sqldb.Run(ctx, o.run, w.queries); o.err != nil {
		if err := w.exec(ctx, undo); err != nil {
			return err
		}
	}
	if err := w.exec(ctx, release); err != nil {
		return err
	}
	if o.err == nil {
		o.tell()
	}
	return nil
}

// begin begins a transaction. One whose own end failed may still be open: it
// was never committed, and nobody was told that it was, so it is undone here;
// otherwise no other could ever begin.
func (w *writer) begin(ctx context.Context) error {
	err := w.exec(ctx, begin)
	if err == nil || w.exec(ctx, rollback) != nil {
		return err
	}
	return w.exec(ctx, begin)
}

func (w *writer) finish(ctx context.Context) error {
	err := w.exec(ctx, commit)
	if err != nil {
		_ = w.exec(ctx, rollback)
	}
	return err
}

func (w *writer) exec(ctx context.Context, text string) error {
	if _, err := w.control[text].ExecContext(ctx); err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	return nil
}

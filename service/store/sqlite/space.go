package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

const (
	// pageSize is SQLite's default, which files of this program have.
	pageSize = 4096
	// tidyPages is how many pages one turn gives back: 16 MiB, so that others
	// wait for milliseconds.
	tidyPages = 4096
	// spare is how many free pages stay, for what comes next.
	spare = 1024
	// incremental is what PRAGMA auto_vacuum answers.
	incremental = 2
)

// allowTidying makes a file that an older version made one that can give space
// back without being locked. That copies the file, once.
func (e *engine) allowTidying(ctx context.Context, log *slog.Logger) error {
	var mode, pages int64
	if err := e.writing.QueryRowContext(ctx, `PRAGMA auto_vacuum`).Scan(&mode); err != nil {
		return fmt.Errorf("asking how space is given back: %w", err)
	}
	if err := e.writing.QueryRowContext(ctx, `PRAGMA page_count`).Scan(&pages); err != nil {
		return fmt.Errorf("asking for the file's size: %w", err)
	}
	if mode == incremental || pages == 0 {
		return nil
	}
	if log != nil {
		log.InfoContext(ctx, "copying the database once, so that it can give space back", "path", e.path, "bytes", pages*pageSize)
	}
	if _, err := e.writing.ExecContext(ctx, `VACUUM`); err != nil {
		return fmt.Errorf("copying the database, which needs its size in free space: %w", err)
	}
	return nil
}

// Tidy gives a few pages back to the file system.
func (e *engine) Tidy(ctx context.Context) (more bool, err error) {
	size, err := e.Size(ctx)
	if err != nil || size.Free <= spare*pageSize {
		return false, err
	}
	err = e.Write(ctx, func(ctx context.Context, _ *gen.Queries) error {
		rows, err := e.writer.conn.QueryContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", min(tidyPages, size.Free/pageSize-spare)))
		if err != nil {
			return fmt.Errorf("giving space back: %w", err)
		}
		defer rows.Close()
		for rows.Next() { // each step frees a page
		}
		return rows.Err()
	})
	return err == nil && size.Free > (spare+tidyPages)*pageSize, err
}

// Size is that of the file, of what is written and not yet in it, and of what
// lies beside it.
func (e *engine) Size(ctx context.Context) (size store.Size, err error) {
	var pages, free int64
	for pragma, to := range map[string]*int64{"page_count": &pages, "freelist_count": &free} {
		if err := e.reading.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(to); err != nil {
			return size, e.explain(fmt.Errorf("asking for the database's size: %w", err))
		}
	}
	size = store.Size{Bytes: pages*pageSize + e.beside.Size(), Free: free * pageSize}
	wal, err := os.Stat(e.path + "-wal")
	switch {
	case err == nil:
		size.Bytes += wal.Size()
	case !errors.Is(err, fs.ErrNotExist):
		return size, fmt.Errorf("asking for the log's size: %w", err)
	}
	return size, nil
}

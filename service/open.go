package service

import (
	"context"
	"log/slog"
	"path/filepath"

	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/postgres"
	"github.com/yonder-run/yonder/service/store/sqlite"
)

// openStore opens the database that the configuration names.
func openStore(ctx context.Context, c Config, log *slog.Logger) (store.Store, error) {
	if c.Database != "" {
		return postgres.Open(ctx, postgres.Options{
			URL: c.Database, MaxConns: c.DatabaseConns, Relaxed: c.DatabaseRelaxed, Logger: log,
		})
	}
	return sqlite.Open(ctx, sqlite.Options{
		Path: filepath.Join(c.StateDir, "yonder.db"), Relaxed: c.SQLiteSync == SyncNormal, MaxBytes: c.SQLiteBytes, Logger: log,
	})
}

package sqlite

import (
	"errors"

	sqlite3 "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/yonder-run/yonder"
)

// explain gives errors of SQLite a code where somebody can act.
func (e *engine) explain(err error) error {
	var fault *sqlite3.Error
	if err == nil || !errors.As(err, &fault) {
		return err
	}
	switch fault.Code() & 0xff {
	case lib.SQLITE_FULL:
		return yonder.Errorf(yonder.CodeStorageFull,
			"no space left for the database %s: free some on that disk; nothing accepted is lost (%w)", e.path, err)
	case lib.SQLITE_READONLY:
		return yonder.Errorf(yonder.CodeStorageFull,
			"the database %s cannot be written: the disk is read-only, or the file belongs to another user; nothing accepted is lost (%w)",
			e.path, err)
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return yonder.Errorf(yonder.CodeStorageCorrupt,
			"the database %s is damaged: stop the service, keep a copy of the file, and restore a backup, "+
				"or save what is readable with `sqlite3 %s .recover | sqlite3 NEW` (%w)",
			e.path, e.path, err)
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return yonder.Errorf(yonder.CodeUnavailable, "another program holds the database %s: close it and try again (%w)", e.path, err)
	default:
		return err
	}
}

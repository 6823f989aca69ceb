package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/yonder-run/yonder"
)

// Codes of PostgreSQL's documentation, appendix A.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	diskFull             = "53100"
	dataCorrupted        = "XX001"
	indexCorrupted       = "XX002"
)

// unavailable are classes and codes of a server that is away or overloaded:
// connections, too many of them, shutdown; and of one that had given up a
// transaction of ours after silence.
var unavailable = []string{"08", "25P03", "53300", "57P01", "57P02", "57P03"}

func isConflict(err error) bool {
	var fault *pgconn.PgError
	return errors.As(err, &fault) && (fault.Code == serializationFailure || fault.Code == deadlockDetected)
}

// explain gives errors of the server a code where somebody can act.
func (e *engine) explain(err error) error {
	var fault *pgconn.PgError
	var coded *yonder.Error
	var network net.Error
	switch {
	case err == nil || errors.As(err, &coded) || errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &fault):
		return e.explainFault(fault, err)
	case errors.As(err, &network) || brokenOff(err):
		return yonder.Errorf(yonder.CodeUnavailable, "PostgreSQL at %s cannot be reached: %w", e.server, err)
	default:
		return err
	}
}

// brokenOff says whether the connection could not be made, or ended: the
// server was killed, or something on the way cut it.
func brokenOff(err error) bool {
	var connecting *pgconn.ConnectError
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &connecting) || pgconn.Timeout(err) || pgconn.SafeToRetry(err)
}

func (e *engine) explainFault(fault *pgconn.PgError, err error) error {
	switch fault.Code {
	case diskFull:
		return yonder.Errorf(yonder.CodeStorageFull,
			"no space left for PostgreSQL at %s: free some on its disk; nothing accepted is lost (%w)", e.server, err)
	case dataCorrupted, indexCorrupted:
		return yonder.Errorf(yonder.CodeStorageCorrupt,
			"the PostgreSQL database %s is damaged: restore a backup, or reindex if only an index is named (%w)", e.server, err)
	}
	for _, prefix := range unavailable {
		if strings.HasPrefix(fault.Code, prefix) {
			return yonder.Errorf(yonder.CodeUnavailable, "PostgreSQL at %s is not available: %w", e.server, err)
		}
	}
	return err
}

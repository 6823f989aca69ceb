package sqlite

import (
	"errors"
	"fmt"
	"os"

	"github.com/yonder-run/yonder"
)

// errLocked is what tryLock says of a lock that another process has.
var errLocked = errors.New("locked")

// lockFile takes the lock that keeps a second service off the database. The
// system lets it go when the process ends, however that happens.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the database's lock: %w", err)
	}
	if err := tryLock(f); err != nil {
		_ = f.Close()
		if errors.Is(err, errLocked) {
			return nil, yonder.Errorf(yonder.CodeAlreadyRunning,
				"another service has the database (%s is locked): SQLite is for one process; "+
					"stop the other one, or use PostgreSQL for several replicas", path)
		}
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return f, nil
}

package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/yonder-run/yonder"
)

// Lock is held by the process that runs everything of a home. The system lets
// it go when the process ends, however that happens.
type Lock struct{ file *os.File }

var errLocked = errors.New("locked by another process")

func (h Home) lockFile() string { return filepath.Join(string(h), "up.lock") }

// TakeLock takes the home's lock, or fails with already_running.
func (h Home) TakeLock() (*Lock, error) {
	file, err := os.OpenFile(h.lockFile(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, yonder.FieldErrorf(yonder.CodeInvalidConfig, "dir", "opening the lock: %w; choose another directory with --dir", err)
	}
	if err := tryLock(file); err != nil {
		file.Close()
		if errors.Is(err, errLocked) {
			return nil, yonder.Errorf(yonder.CodeAlreadyRunning, "\"yonder up\" runs already with %s", h)
		}
		return nil, fmt.Errorf("locking %s: %w", h.lockFile(), err)
	}
	if err := writeOwner(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("writing %s: %w", h.lockFile(), err)
	}
	return &Lock{file}, nil
}

func writeOwner(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err //nolint:wrapcheck // the caller names the file
	}
	_, err := file.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err //nolint:wrapcheck // the caller names the file
}

// Release gives the lock up.
func (l *Lock) Release() { l.file.Close() }

// Owner is the process that holds the home's lock. Without one the error is
// not_running.
func (h Home) Owner() (pid int, err error) {
	pid, err = LockedBy(h.lockFile())
	if err == nil && pid == 0 {
		err = yonder.Errorf(yonder.CodeNotRunning, "\"yonder up\" does not run with %s", h)
	}
	return pid, err
}

// LockedBy returns the process that holds a lock file and wrote its number
// into it, 0 for none.
func LockedBy(name string) (pid int, err error) {
	file, err := os.OpenFile(name, os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("looking at a lock: %w", err)
	}
	defer file.Close()
	err = tryLock(file)
	if err == nil {
		return 0, nil
	}
	if !errors.Is(err, errLocked) {
		return 0, fmt.Errorf("looking at the lock %s: %w", name, err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("reading a lock: %w", err)
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		return 0, yonder.Errorf(yonder.CodeUnavailable, "whoever holds %s is just starting or stopping: try again", name)
	}
	return pid, nil
}

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
	host, _ := os.Hostname() // without one nobody is taken for another machine
	_, err := file.WriteAt(fmt.Appendf(nil, "%d %s\n", os.Getpid(), host), 0)
	return err //nolint:wrapcheck // the caller names the file
}

// Release gives the lock up.
func (l *Lock) Release() { l.file.Close() }

// Owner is the process of this machine that holds the home's lock. Without one
// the error is not_running, or conflict where another machine's does.
func (h Home) Owner() (pid int, err error) {
	holder, err := LockedBy(h.lockFile())
	switch {
	case err != nil:
		return 0, err
	case holder.PID == 0:
		return 0, yonder.Errorf(yonder.CodeNotRunning, "\"yonder up\" does not run with %s", h)
	case holder.Host != "":
		return 0, yonder.Errorf(yonder.CodeConflict,
			"\"yonder up\" runs with %s on %s, as process %d there: use that machine", h, holder.Host, holder.PID)
	}
	return holder.PID, nil
}

// Holder is a process that holds a lock; PID is 0 for none. Host is empty if it
// is of this machine: login nodes share home directories, and numbers of
// processes mean nothing on another one.
type Holder struct {
	PID  int
	Host string
}

// LockedBy returns the process that holds a lock file and wrote its number and
// its machine into it.
func LockedBy(name string) (Holder, error) {
	file, err := os.OpenFile(name, os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return Holder{}, nil
	}
	if err != nil {
		return Holder{}, fmt.Errorf("looking at a lock: %w", err)
	}
	defer file.Close()
	err = tryLock(file)
	if err == nil {
		return Holder{}, nil
	}
	if !errors.Is(err, errLocked) {
		return Holder{}, fmt.Errorf("looking at the lock %s: %w", name, err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return Holder{}, fmt.Errorf("reading a lock: %w", err)
	}
	var h Holder
	pid, host, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if h.PID, err = strconv.Atoi(pid); err != nil {
		return h, yonder.Errorf(yonder.CodeUnavailable, "whoever holds %s is just starting or stopping: try again", name)
	}
	if own, err := os.Hostname(); err == nil && host != own {
		h.Host = host
	}
	return h, nil
}

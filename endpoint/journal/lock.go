package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
)

// Lock keeps two agents of one host off the same state directory. It ends
// with its process, however that ends.
type Lock struct{ file *os.File }

// TakeLock takes the directory's lock or fails with CodeAlreadyRunning.
func TakeLock(dir string) (*Lock, error) {
	name := filepath.Join(dir, "lock")
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening lock file: %w", err)
	}
	if err := lockPatiently(file); err != nil {
		defer file.Close()
		return nil, yonder.Errorf(yonder.CodeAlreadyRunning,
			"an agent%s uses %s already: stop it first, or choose another state_dir (%w)", owner(name), dir, err)
	}
	if err := writeOwner(file); err != nil {
		file.Close()
		return nil, err
	}
	return &Lock{file}, nil
}

// lockPatiently allows for a lock that was given up a moment ago: a process
// that its holder was just starting has a copy until its own program runs.
func lockPatiently(file *os.File) error {
	err := lockFile(file)
	for range 10 {
		if err == nil {
			return nil
		}
		<-time.After(5 * time.Millisecond)
		err = lockFile(file)
	}
	return err
}

func writeOwner(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return fmt.Errorf("emptying lock file: %w", err)
	}
	host, _ := os.Hostname() // without one nobody is taken for another machine
	if _, err := file.WriteAt(fmt.Appendf(nil, "%d %s\n", os.Getpid(), host), 0); err != nil {
		return fmt.Errorf("writing lock file: %w", err)
	}
	return nil
}

func owner(name string) string {
	text, err := os.ReadFile(name)
	pid, host, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if err != nil || pid == "" {
		return ""
	}
	if host != "" {
		host = " on " + host
	}
	return " (process " + pid + host + ")"
}

// Release gives the lock up.
func (l *Lock) Release() { l.file.Close() }

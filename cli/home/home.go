// Package home is where Yonder keeps what belongs to one person on one
// machine: the login, the state of `yonder up`, and the endpoints.
package home

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/yonder-run/yonder"
)

// Home is a directory; all of Yonder's state on this machine is in it.
type Home string

// Find returns dir, else $YONDER_HOME, else ~/.yonder.
func Find(dir string, getenv func(string) string) (Home, error) {
	if dir == "" {
		dir = getenv("YONDER_HOME")
	}
	if dir == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return "", yonder.FieldErrorf(yonder.CodeInvalidConfig, "dir",
				"this user has no home directory: choose Yonder's with --dir or YONDER_HOME")
		}
		dir = filepath.Join(user, ".yonder")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", yonder.FieldErrorf(yonder.CodeInvalidConfig, "dir", "finding %s: %w", dir, err)
	}
	return Home(abs), nil
}

// Login is the file with the service's address and the token.
func (h Home) Login() string { return filepath.Join(string(h), "login.json") }

// Service is the state directory of the service that `yonder up` runs.
func (h Home) Service() string { return filepath.Join(string(h), "service") }

// Endpoints is the directory of all endpoints.
func (h Home) Endpoints() string { return filepath.Join(string(h), "endpoints") }

// Endpoint is the directory of an endpoint.
func (h Home) Endpoint(name string) string { return filepath.Join(h.Endpoints(), name) }

// Make makes the directory, for its owner only, and finds out whether it can
// be used.
func (h Home) Make() error {
	if err := MakeDir(string(h)); err != nil {
		return err
	}
	return Usable(string(h))
}

// MakeDir makes a directory for its owner only, with its parents.
func MakeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return unusable(dir, err)
	}
	return nil
}

// Usable says whether this user can make files in the directory, and if not,
// what to do.
func Usable(dir string) error {
	file, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return unusable(dir, err)
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString("x") // a full disk may still have room for an empty file
	if err = errors.Join(err, file.Close()); err != nil {
		return unusable(dir, err)
	}
	return nil
}

// unusable says what is wrong with a directory in the words of who has to
// mend it.
func unusable(dir string, err error) error {
	const other = "choose another directory with --dir or YONDER_HOME"
	const next = "make it yours, or " + other
	switch {
	case errors.Is(err, fs.ErrPermission):
		return yonder.FieldErrorf(yonder.CodeInvalidConfig, "dir", "this user may not write in %s: %s", dir, next)
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return yonder.FieldErrorf(yonder.CodeStorageFull, "dir", "there is no room left in %s: make room, or %s", dir, other)
	case errors.Is(err, syscall.EROFS):
		return yonder.FieldErrorf(yonder.CodeInvalidConfig, "dir", "%s is on a disk that is read-only: %s", dir, other)
	}
	return yonder.FieldErrorf(yonder.CodeInvalidConfig, "dir", "%s cannot be used: %w; %s", dir, err, next)
}

// EndpointNames lists the endpoints that are configured here.
func (h Home) EndpointNames() ([]string, error) {
	entries, err := os.ReadDir(h.Endpoints())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, yonder.FieldErrorf(yonder.CodeInvalidConfig, "dir", "listing the endpoints of this machine: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// private refuses a file with a secret that others on this machine may read.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return nil //nolint:nilerr // whoever opens it will say why not
	}
	return yonder.Errorf(yonder.CodeInvalidConfig, "others on this machine may read the secret in %s: chmod 600 %s", path, path)
}

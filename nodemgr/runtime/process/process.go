// Package process runs workers as plain processes of the manager's own user.
package process

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/yonder-run/yonder"
)

// Runtime is the driver.
type Runtime struct {
	app string // the worker's zipapp
}

// New writes the zipapp under dir, named by its content, and returns a runtime.
func New(dir string, zipapp []byte) (*Runtime, error) {
	sum := sha256.Sum256(zipapp)
	path := filepath.Join(dir, "worker-"+hex.EncodeToString(sum[:8])+".pyz")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := writeAtomically(path, zipapp); err != nil {
			return nil, err
		}
	}
	return &Runtime{app: path}, nil
}

// writeAtomically never leaves half a file, which another manager of the node
// could start.
func writeAtomically(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".worker-*")
	if err != nil {
		return fmt.Errorf("writing the worker: %w", err)
	}
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("writing the worker: %w", err)
	}
	return nil
}

// Isolated is false: a process of the same user can read what the manager can.
func (r *Runtime) Isolated() bool { return false }

// Start runs the interpreter in isolated mode: neither the user's site
// packages of another version nor the working directory shadow a module. The
// interpreter's own packages are there.
func (r *Runtime) Start(ctx context.Context, environment, socket string) (func() error, error) {
	cmd := exec.CommandContext(ctx, environment, "-I", r.app, "--socket", socket) //nolint:gosec // configured by the endpoint's owner
	words := &lastWords{}
	cmd.Stdout, cmd.Stderr = words, words
	cmd.Env = os.Environ()
	if err := cmd.Start(); err != nil {
		return nil, yonder.Errorf(yonder.CodeNoInterpreter, "the interpreter %s cannot be started: %w", environment, err)
	}
	return func() error {
		err := cmd.Wait()
		if err == nil || ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("%s ended: %w: %s", environment, err, words)
	}, nil
}

// lastWords keeps the end of what is written.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

const wordsKept = 4 << 10

func (l *lastWords) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - wordsKept; over > 0 {
		l.text = l.text[over:]
	}
	return len(p), nil
}

func (l *lastWords) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimSpace(bytes.ToValidUTF8(l.text, []byte("?"))))
}

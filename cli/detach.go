package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/internal/startstop"
)

// upDetached runs `yonder up` in a session of its own, and returns once
// everything runs there, or with its error.
func (a *app) upDetached(cmd *cobra.Command, h home.Home, flags upFlags) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("looking for this program's file: %w", err)
	}
	errs := filepath.Join(string(h), "up.err")
	file, err := os.OpenFile(errs, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening a file for errors: %w", err)
	}
	defer file.Close()
	// Not CommandContext: it is to go on when this command ends.
	child := exec.Command(program, flags.arguments(h)...) //nolint:noctx // see above
	child.Stderr = file
	ownSession(child)
	if err := child.Start(); err != nil {
		return fmt.Errorf("starting in the background: %w", err)
	}
	progress := a.Progress(cmd.Context(), "starting")
	defer progress.Stop()
	var life startstop.Base // which this command outlives only if that fails
	_ = life.Start(context.WithoutCancel(cmd.Context()), func(_ context.Context, ready func()) error {
		ready()
		return child.Wait()
	})
	state, err := awaitUp(cmd.Context(), h, child.Process.Pid, &life)
	switch {
	case err == nil:
		progress.Stop()
		a.noteStranded(h, state.URL)
		return a.greet(state)
	case errors.Is(context.Cause(cmd.Context()), kit.ErrInterrupted):
		_ = child.Process.Signal(syscall.SIGTERM)
		<-life.Done()
		return kit.Interruptedf("interrupted while starting")
	}
	return readFailure(errs, err)
}

func (f upFlags) arguments(h home.Home) []string {
	args := []string{
		"up", "--json", "--dir", string(h), "--log-level", f.logs.Level, "--log-format", f.logs.Format,
	}
	if f.chosen {
		args = append(args, "--listen", f.listen)
	}
	if f.slots > 0 {
		args = append(args, "--slots", strconv.Itoa(f.slots))
	}
	if len(f.pythons) > 0 {
		args = append(args, "--python", strings.Join(f.pythons, ","))
	}
	return args
}

var errEnded = errors.New("it ended while starting")

// awaitUp waits until the process says that everything runs, or is over.
func awaitUp(ctx context.Context, h home.Home, pid int, life *startstop.Base) (home.Up, error) {
	for {
		if state, err := h.ReadUp(); err == nil && state.PID == pid {
			return state, nil
		}
		select {
		case <-life.Done():
			return home.Up{}, errors.Join(errEnded, life.Err())
		default:
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return home.Up{}, err
		}
	}
}

// readFailure finds the error that the process printed as its last words.
func readFailure(file string, otherwise error) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("starting in the background: %w", otherwise)
	}
	if e := lastError(string(data)); e != nil {
		return e
	}
	return fmt.Errorf("starting in the background: %w: %s says more", otherwise, file)
}

// lastError is the error that a text of a process ends with, if it does.
func lastError(text string) *yonder.Error {
	start := strings.LastIndex("\n"+text, "\n{\n")
	if start < 0 {
		return nil
	}
	var e yonder.Error
	if json.Unmarshal([]byte(text[start:]), &e) == nil && e.Code != "" {
		return &e
	}
	return nil
}

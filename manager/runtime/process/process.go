// Package process runs workers as plain processes of the manager's user: they
// see what that user sees, so only the endpoint's owner is to be admitted.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/manager/runtime"
)

// outputDelay is how long output is waited for after the end of a process
// whose pipe somebody else still holds open.
const outputDelay = time.Second

// Runtime is the driver.
type Runtime struct{}

// New returns the driver.
func New() Runtime { return Runtime{} }

var _ runtime.Runtime = Runtime{}

// Start runs the command without Yonder's own settings in its environment.
func (Runtime) Start(_ context.Context, spec runtime.Spec) (runtime.Process, error) {
	// The life is the returned Process's, which kills it; not the context's.
	args := append(slices.Clone(spec.Command[1:]), "--socket", spec.Socket)
	cmd := exec.Command(spec.Command[0], args...) //nolint:noctx // see above
	cmd.Dir = spec.Dir
	cmd.Env = environment(os.Environ())
	cmd.Stdout, cmd.Stderr = spec.Output, spec.Output
	cmd.WaitDelay = outputDelay
	ownGroup(cmd) // a Ctrl-C at the manager's terminal is the manager's to handle
	p := &process{cmd: cmd}
	if err := p.Start(context.Background(), p.run); err != nil {
		return nil, err
	}
	return p, nil
}

// environment is the manager's own without Yonder's settings, which are not
// for functions to see.
func environment(all []string) []string {
	var kept []string
	for _, variable := range all {
		if !strings.HasPrefix(variable, "YONDER_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

type process struct {
	startstop.Base

	cmd *exec.Cmd
}

func (p *process) run(ctx context.Context, ready func()) error {
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.cmd.Path, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = p.cmd.Process.Kill() })
	defer stop()
	ready()
	if err := p.cmd.Wait(); err != nil && p.cmd.ProcessState == nil {
		return fmt.Errorf("waiting for %s: %w", p.cmd.Path, err)
	}
	return errors.New(p.cmd.ProcessState.String())
}

// Kill ends the process and waits for it.
func (p *process) Kill() { p.Stop() }

// Reason is the operating system's: "exit status 1", "signal: killed".
func (p *process) Reason() string {
	if err := p.Err(); err != nil {
		return err.Error()
	}
	return "it was stopped"
}

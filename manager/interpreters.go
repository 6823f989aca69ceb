package manager

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// probe asks an interpreter who it is. A shim of a version manager answers for
// the interpreter that it stands for, which starts much faster.
const probe = `import sys; print("%d.%d.%d" % sys.version_info[:3]); print(sys.executable)`

const probeTimeout = 30 * time.Second

// oldestPython is what workers need.
const oldestPython = "3.9"

// environments finds out what this node can run.
func (c *Config) environments(ctx context.Context) error {
	if len(c.Native) == 0 {
		program, err := os.Executable()
		if err != nil {
			return fmt.Errorf("finding this program: %w", err)
		}
		c.Native = []string{program, "worker"}
	}
	if !slices.Contains(c.Kinds, yonder.KindPython) {
		c.Pythons = nil
		return nil
	}
	if c.Workers != nil {
		return nil
	}
	var err error
	c.Pythons, c.broken, err = interpreters(ctx, c.Pythons, c.Logger)
	return err
}

// interpreters returns those of the wanted ones that work on this node, and
// those that do not with the reason; python3 of the PATH if none is named.
func interpreters(
	ctx context.Context, wanted []wire.Interpreter, log *slog.Logger,
) (working []wire.Interpreter, broken []wire.BrokenInterpreter, err error) {
	if len(wanted) == 0 {
		wanted = []wire.Interpreter{{Path: "python3"}}
	}
	found, failed := make([]wire.Interpreter, len(wanted)), make([]error, len(wanted))
	var probing errgroup.Group
	for i, python := range wanted {
		probing.Go(func() error {
			found[i], failed[i] = ask(ctx, python.Path)
			return nil
		})
	}
	_ = probing.Wait() // none fails
	var reasons []string
	for i, python := range wanted {
		if failed[i] == nil {
			working = append(working, found[i])
			continue
		}
		log.Warn("a Python interpreter does not work here", slog.String("path", python.Path), slog.Any("error", failed[i]))
		broken = append(broken, wire.BrokenInterpreter{Interpreter: python, Reason: failed[i].Error()})
		reasons = append(reasons, fmt.Sprintf("%s: %v", python.Path, failed[i]))
	}
	if len(working) == 0 {
		return nil, broken, yonder.Errorf(yonder.CodeNoInterpreter,
			"this node can run none of the endpoint's interpreters (%s): install Python %s or newer, "+
				"or set `pythons` in the endpoint's configuration",
			strings.Join(reasons, "; "), oldestPython)
	}
	return working, broken, nil
}

func ask(ctx context.Context, path string) (wire.Interpreter, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, probeTimeout, fmt.Errorf("it did not answer within %s", probeTimeout))
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, "-I", "-c", probe)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return wire.Interpreter{}, fmt.Errorf("asking for its version: %w %s", err, strings.TrimSpace(stderr.String()))
	}
	version, executable, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if older(minor(version)) {
		return wire.Interpreter{}, fmt.Errorf("it is Python %s, and workers need %s", version, oldestPython)
	}
	if executable == "" {
		executable = path
	}
	return wire.Interpreter{Version: version, Path: executable}, nil
}

// older says whether a minor version, "3.8", is too old.
func older(minor string) bool {
	var major, number int
	if _, err := fmt.Sscanf(minor, "%d.%d", &major, &number); err != nil {
		return true
	}
	return major < 3 || major == 3 && number < 9
}

// minor shortens "3.11.7" to "3.11".
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

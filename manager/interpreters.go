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
	found, err := interpreters(ctx, c.Pythons, c.Logger)
	c.Pythons = found
	return err
}

// interpreters returns those of the wanted ones that work on this node;
// python3 of the PATH if none is named.
func interpreters(ctx context.Context, wanted []wire.Interpreter, log *slog.Logger) ([]wire.Interpreter, error) {
	if len(wanted) == 0 {
		wanted = []wire.Interpreter{{Path: "python3"}}
	}
	found := make([]*wire.Interpreter, len(wanted))
	var probing errgroup.Group
	for i, python := range wanted {
		probing.Go(func() error {
			is, err := ask(ctx, python.Path)
			if err != nil {
				log.Warn("a Python interpreter does not work here", slog.String("path", python.Path), slog.Any("error", err))
				return nil
			}
			found[i] = &is
			return nil
		})
	}
	_ = probing.Wait() // none fails
	var working []wire.Interpreter
	var names []string
	for i, python := range found {
		names = append(names, wanted[i].Path)
		if python != nil {
			working = append(working, *python)
		}
	}
	if len(working) == 0 {
		return nil, yonder.Errorf(yonder.CodeNoInterpreter,
			"this node can run none of the endpoint's interpreters (%s): install Python %s or newer, "+
				"or set `pythons` in the endpoint's configuration",
			strings.Join(names, ", "), oldestPython)
	}
	return working, nil
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

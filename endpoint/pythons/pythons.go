// Package pythons finds the Python interpreters of a machine by running them:
// a name says little, and a version manager's shim is not the interpreter.
package pythons

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/router"
	"github.com/yonder-run/yonder/wire"
)

// patience is how long one interpreter may take to say its version.
const patience = 10 * time.Second

// newest is the newest minor that is looked for by name.
const newest = 14

// program says where the interpreter really is, and its version.
const program = `import sys; print(sys.executable); print("%d.%d.%d" % sys.version_info[:3])`

// Load returns the listed interpreters, or what Discover finds if none are
// listed. A listed one that does not run, or is too old, is an error.
func Load(ctx context.Context, listed []string) ([]wire.Interpreter, error) {
	if len(listed) == 0 {
		return Discover(ctx), nil
	}
	var all []wire.Interpreter
	for i, path := range listed {
		field := fmt.Sprintf("pythons[%d]", i)
		python, err := ask(ctx, path)
		if err != nil {
			return nil, yonder.FieldErrorf(yonder.CodeInvalidConfig, field, "%s cannot be used: %w", path, err)
		}
		all = append(all, python)
	}
	return onePerMinor(all), nil
}

// Discover looks for interpreters: first python3 beside this program, or else
// of PATH, which becomes the default, then those named with their version, then
// those of pyenv. It returns one per minor; what does not run is left out.
func Discover(ctx context.Context) []wire.Interpreter {
	path := os.Getenv("PATH")
	if beside := Beside(); beside != "" {
		path = filepath.Dir(beside) + string(os.PathListSeparator) + path
	}
	return discover(ctx, candidates(path, pyenvRoot()))
}

// Beside returns the interpreter in this program's own folder, "" if there is
// none. A program that pip installed into a virtual environment is to run
// functions with what is installed there, whether or not that is on PATH.
func Beside() string {
	program, err := os.Executable()
	if err != nil {
		return "" // a system that cannot say has PATH
	}
	return beside(program)
}

func beside(program string) string {
	python := filepath.Join(filepath.Dir(program), "python3")
	if !executable(python) {
		return ""
	}
	return python
}

func discover(ctx context.Context, paths []string) []wire.Interpreter {
	answers := make([]wire.Interpreter, len(paths))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i, path := range paths {
		group.Go(func() error {
			answers[i], _ = ask(ctx, path) // one that cannot be used is none
			return nil
		})
	}
	_ = group.Wait() // nothing above fails
	return onePerMinor(slices.DeleteFunc(answers, func(python wire.Interpreter) bool { return python.Path == "" }))
}

// candidates lists files that may be interpreters, in order of preference.
func candidates(path, pyenv string) []string {
	names := []string{"python3"}
	for minor := 9; minor <= newest; minor++ {
		names = append(names, fmt.Sprintf("python3.%d", minor))
	}
	var found []string
	for _, name := range names {
		for _, dir := range filepath.SplitList(path) {
			if file := filepath.Join(dir, name); dir != "" && executable(file) {
				found = append(found, file)
			}
		}
	}
	if pyenv != "" {
		installed, _ := filepath.Glob(filepath.Join(pyenv, "versions", "*", "bin", "python3")) // the pattern is well formed
		slices.Reverse(installed)
		found = append(found, installed...)
	}
	return found
}

func pyenvRoot() string {
	if root := os.Getenv("PYENV_ROOT"); root != "" {
		return root
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".pyenv")
}

func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && !info.IsDir() && info.Mode().Perm()&0o111 != 0
}

var errTooOld = errors.New("workers need Python " + router.Oldest + " or later")

// ask runs an interpreter once. Its own answer is where it is: a shim names
// the program behind it.
func ask(ctx context.Context, path string) (wire.Interpreter, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-I", "-c", program)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return wire.Interpreter{}, fmt.Errorf("running it: %w", err)
	}
	where, version, ok := strings.Cut(strings.TrimSpace(string(out)), "\n")
	where, version = strings.TrimSpace(where), strings.TrimSpace(version)
	if !ok || where == "" {
		return wire.Interpreter{}, fmt.Errorf("it answered %q, not a path and a version", out)
	}
	if !router.Supported(version) {
		return wire.Interpreter{}, fmt.Errorf("it is %s: %w", version, errTooOld)
	}
	return wire.Interpreter{Version: version, Path: where}, nil
}

// onePerMinor keeps the first of each minor.
func onePerMinor(all []wire.Interpreter) []wire.Interpreter {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(python wire.Interpreter) bool {
		minor := router.Minor(python.Version)
		again := seen[minor]
		seen[minor] = true
		return again
	})
}

package shellworker

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire/shell"
)

const (
	// lastWords is how long output is waited for that somebody who escaped
	// still holds open.
	lastWords = time.Second
	// shownAtMost bounds the command in a result.
	shownAtMost = 4 << 10
)

// execution is one run of a command.
type execution struct {
	program  *shell.Program
	rendered shell.Rendered
	base     string // for files that nobody is to see
	environ  []string
	patience float64 // seconds to wait for room for files

	scratch string // holds what the shell reads
	dir     string // the command's working directory
	keep    bool
}

// run runs the command and gathers what it leaves. An error is why there is no
// result at all.
func (e *execution) run() (shell.Result, error) {
	if err := untilRoom(e.patience, e.prepare); err != nil {
		return shell.Result{}, err
	}
	stdout := &tail{to: os.Stdout, limit: e.program.TailBytes}
	stderr := &tail{to: os.Stderr, limit: e.program.TailBytes}
	code, err := e.execute(stdout, stderr)
	if err != nil {
		return shell.Result{}, err
	}
	r := shell.Result{Kind: shell.ResultKind, Cmd: e.rendered.Shown, ReturnCode: code, Success: e.program.Succeeded(code)}
	if len(r.Cmd) > shownAtMost {
		r.Cmd = strings.ToValidUTF8(r.Cmd[:shownAtMost], "") + "…"
	}
	r.Stdout, r.StdoutOmitted = stdout.take(e.program.TailLines)
	r.Stderr, r.StderrOmitted = stderr.take(e.program.TailLines)
	e.keep = e.program.Keep == shell.KeepAlways || e.program.Keep == shell.KeepFailed && !r.Success
	if e.keep {
		r.Dir = e.dir
	}
	r.Files, err = collect(e.program, e.dir, e.rendered.Outputs)
	return r, err
}

// prepare makes the directories, 0700, and writes what the shell reads.
func (e *execution) prepare() (err error) {
	defer func() {
		if err != nil {
			e.clean()
			e.scratch, e.dir = "", ""
		}
	}()
	if e.scratch, err = os.MkdirTemp(e.base, "task-"); err != nil {
		return unprepared(err)
	}
	base := e.program.Dir
	if base == "" && e.program.Keep == shell.KeepNever {
		base = e.scratch
	}
	if e.dir, err = os.MkdirTemp(base, "yonder-"); err != nil {
		return unprepared(err)
	}
	script := e.rendered.Script
	if e.rendered.Values != "" {
		values := filepath.Join(e.scratch, "values")
		if err := os.WriteFile(values, []byte(e.rendered.Values), 0o600); err != nil {
			return unprepared(err)
		}
		script = ". " + shell.Quote(values) + "; " + script // on one line, so that messages count lines as the author does
	}
	if e.rendered.Stdin != nil {
		if err := os.WriteFile(e.file("stdin"), []byte(*e.rendered.Stdin), 0o600); err != nil {
			return unprepared(err)
		}
	}
	if err := os.WriteFile(e.file("command"), []byte(script+"\n"), 0o600); err != nil {
		return unprepared(err)
	}
	return nil
}

func (e *execution) file(name string) string { return filepath.Join(e.scratch, name) }

func unprepared(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "dir", "the working directory cannot be made: %w", err)
	}
	return yonder.Errorf(yonder.CodeStorageFull, "the working directory cannot be prepared: %w", err)
}

// execute runs the shell to its end, and returns its code, or the negative
// number of the signal that ended it. What the command has left running ends
// with it.
func (e *execution) execute(stdout, stderr io.Writer) (int, error) {
	path, err := exec.LookPath(e.program.Shell)
	if err != nil {
		return 0, yonder.Errorf(yonder.CodeNoInterpreter, "the node has no %s, which the function asks for", e.program.Shell)
	}
	cmd := exec.Command(path, e.file("command")) //nolint:noctx // signals end it, see Worker
	cmd.Dir = e.dir
	cmd.Env = append(append(os.Environ(), e.environ...), e.rendered.Env...)
	if e.rendered.Stdin != nil {
		in, err := os.Open(e.file("stdin"))
		if err != nil {
			return 0, unprepared(err)
		}
		defer in.Close()
		cmd.Stdin = in
	}
	var out, errs pump
	defer out.close()
	defer errs.close()
	if err := errors.Join(out.open(stdout), errs.open(stderr)); err != nil {
		return 0, err
	}
	cmd.Stdout, cmd.Stderr = out.write, errs.write
	diesWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting %s: %w", path, err)
	}
	out.begin()
	errs.begin()
	err = cmd.Wait()
	if err != nil && cmd.ProcessState == nil {
		return 0, fmt.Errorf("waiting for %s: %w", path, err)
	}
	left := endLeftovers()
	out.finish()
	errs.finish()
	code, signal := ending(cmd.ProcessState)
	if signal != 0 {
		code = -signal
	}
	return code, left
}

// ending is how a process ended: with a code, or -1 and a signal.
func ending(state *os.ProcessState) (code, signal int) {
	return state.ExitCode(), signalOf(state)
}

// clean removes what is not to be kept.
func (e *execution) clean() {
	if !e.keep && e.dir != "" {
		remove(e.dir)
	}
	if e.scratch != "" {
		remove(e.scratch)
	}
}

// remove removes a directory, even if its owner has locked parts of it.
func remove(dir string) {
	if os.RemoveAll(dir) == nil {
		return
	}
	_ = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			_ = os.Chmod(name, 0o700) //nolint:gosec // a directory, on its way out
		}
		return nil
	})
	_ = os.RemoveAll(dir) // the worker's own directory goes later
}

// pump carries what a command writes to a writer.
type pump struct {
	read, write *os.File
	to          io.Writer
	copying     errgroup.Group
}

func (p *pump) open(to io.Writer) (err error) {
	p.to = to
	if p.read, p.write, err = os.Pipe(); err != nil {
		return fmt.Errorf("making a pipe: %w", err)
	}
	return nil
}

// begin leaves the other end to the command alone.
func (p *pump) begin() {
	p.write.Close()
	p.copying.Go(func() error {
		_, _ = io.Copy(p.to, p.read) // ends with the pipe
		return nil
	})
}

// finish waits for the last of it.
func (p *pump) finish() {
	_ = p.read.SetReadDeadline(time.Now().Add(lastWords))
	_ = p.copying.Wait() // never fails
}

func (p *pump) close() {
	for _, end := range []*os.File{p.read, p.write} {
		if end != nil {
			end.Close()
		}
	}
}

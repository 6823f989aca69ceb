package kit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/yonder-run/yonder"
)

// ErrInterrupted is the cause of a command's context that a person ended.
var ErrInterrupted = errors.New("interrupted")

// exitInterrupted is what shells use for a program ended by SIGINT.
const exitInterrupted = 130

// codeInterrupted stands in the JSON of an error beside the platform's codes:
// nothing failed, so it is not one of them.
const codeInterrupted yonder.Code = "interrupted"

// Fail prints the error, as a sentence or as {"code","message"}, and returns
// the exit code of the process.
func (c *Console) Fail(ctx context.Context, err error) int {
	if err == nil {
		return 0
	}
	e := public(ctx, local(err))
	if c.JSON {
		_ = c.writeJSON(c.Err, e)
		return exit(e.Code)
	}
	label := "error:"
	if c.colour(c.Err) {
		label = "\x1b[31merror:\x1b[0m"
	}
	c.Notef("%s %s\n", label, e.Error())
	if hint := hints[e.Code]; hint != "" && !strings.Contains(e.Message, "\"yonder ") {
		c.Notef("       %s\n", hint)
	}
	var d *detailed
	if errors.As(err, &d) {
		c.Notef("%s\n", d.detail)
	}
	return exit(e.Code)
}

// detailed is an error with more to read.
type detailed struct {
	error

	detail string
}

func (d *detailed) Unwrap() error { return d.error }

// WithDetail adds lines for people, which are shown below the sentence.
func WithDetail(err error, detail string) error { return &detailed{err, detail} }

// local gives a code to what this machine is in the way of, where no package
// has: it is no bug.
func local(err error) error {
	if yonder.CodeOf(err) != yonder.CodeInternal {
		return err
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return yonder.Errorf(yonder.CodeStorageFull, "%w: free some space on that disk; nothing accepted earlier is lost", err)
	case errors.Is(err, fs.ErrPermission):
		return yonder.Errorf(yonder.CodeInvalidConfig, "%w: this user may not do that; check who owns it", err)
	case errors.Is(err, syscall.EROFS):
		return yonder.Errorf(yonder.CodeInvalidConfig, "%w: choose a directory on a disk that is not read-only", err)
	}
	return err
}

func exit(code yonder.Code) int {
	if code == codeInterrupted {
		return exitInterrupted
	}
	return code.Info().Exit
}

// public is what is printed of err: its code with the whole sentence, so that
// what wraps it is not lost.
func public(ctx context.Context, err error) *yonder.Error {
	var e *yonder.Error
	known := errors.As(err, &e)
	if errors.Is(context.Cause(ctx), ErrInterrupted) && (!known || e.Code == yonder.CodeUnavailable) {
		return &yonder.Error{Code: codeInterrupted, Message: "interrupted"}
	}
	if known && err.Error() == e.Error() {
		return e
	}
	return &yonder.Error{Code: yonder.CodeOf(err), Message: err.Error()}
}

// Interruptedf is how a command that was ended says what goes on without it.
func Interruptedf(format string, args ...any) error {
	return &yonder.Error{Code: codeInterrupted, Message: fmt.Sprintf(format, args...)}
}

// hints say what to do about errors whose sentence comes from where nobody
// knows which commands this program has.
var hints = map[yonder.Code]string{
	yonder.CodeUnavailable:     "Start it with \"yonder up\", or log in to another one with \"yonder login URL\".",
	yonder.CodeUnauthenticated: "Log in with \"yonder login\".",
	yonder.CodeTokenExpired:    "Log in with a new token: \"yonder login\".",
	yonder.CodeTokenRevoked:    "Log in with a new token: \"yonder login\".",
	yonder.CodeUnsupportedWire: "\"yonder version --service\" shows both versions.",
}

// Usagef is an error of how a command was used.
func Usagef(format string, args ...any) error {
	return yonder.Errorf(yonder.CodeInvalidRequest, format, args...)
}

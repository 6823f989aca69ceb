package yonder

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Error is what crosses a boundary: a code for machines, a sentence that says
// what to do for people. Field names the offending part of a request, if any.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
	// Reached says more of CodeLimitReached.
	Reached *Reached `json:"reached,omitempty"`
	// RetryAfter is how long whoever answered asked to wait; a header says so.
	RetryAfter time.Duration `json:"-"`
	cause      error
}

// Errorf makes an Error; %w keeps the cause for errors.Is and logs, and its
// text is part of the sentence.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...) //nolint:err113 // the code identifies it
	return &Error{Code: code, Message: err.Error(), cause: errors.Unwrap(err)}
}

// FieldErrorf makes an Error that blames one field of a request or a file.
func FieldErrorf(code Code, field, format string, args ...any) *Error {
	e := Errorf(code, format, args...)
	e.Field = field
	return e
}

// Error returns the sentence for people.
func (e *Error) Error() string {
	if e.Field != "" {
		return e.Field + ": " + e.Message
	}
	return e.Message
}

// Unwrap returns the cause given to Errorf, if any.
func (e *Error) Unwrap() error { return e.cause }

// Is matches another *Error with the same code, so that callers may test for
// a code with errors.Is(err, &yonder.Error{Code: yonder.CodeNotFound}).
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code && t.Message == ""
}

// CodeOf returns the code of the first Error in the chain, CodeInternal for
// any other error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// Public returns what the other side of a boundary may learn of err: the
// first Error in the chain, or for any other error that something failed
// here. The rest belongs into this side's log.
func Public(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return Errorf(CodeTimeout, "the answer took too long: try again")
	case errors.Is(err, context.Canceled):
		return Errorf(CodeUnavailable, "the request was given up: try again")
	}
	return Errorf(CodeInternal, "something failed inside: the log of the process that answered says what")
}

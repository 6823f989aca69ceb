// Package admit decides whether a submission may enter the queue. Everything
// here is a pure function, so that what is refused can be read in one place;
// the agent checks access again, and the worker the payload.
package admit

import (
	"slices"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// Access refuses a bundle whose submitter may not run this function at this
// endpoint.
func Access(v store.Viewer, f yonder.Function, e yonder.Endpoint) error {
	switch {
	case !auth.MaySee(v, f.Owner, f.Sharing):
		return auth.NotFound("function", f.ID)
	case !auth.MaySee(v, e.Owner, e.Sharing):
		return auth.NotFound("endpoint", e.ID)
	case !auth.MayUse(v, f.Owner, f.Sharing):
		return denied("function", "function %q is not shared with you: ask %s to share it", f.Name, f.OwnerName)
	case !auth.MayUse(v, e.Owner, e.Sharing):
		return denied("endpoint", "endpoint %q is not shared with you: ask %s to share it", e.Name, e.OwnerName)
	case len(e.Functions) > 0 && !slices.Contains(e.Functions, f.ID):
		return denied("function", "endpoint %q runs only the functions on its list, and %q is not on it: ask %s", e.Name, f.Name, e.OwnerName)
	}
	return nil
}

func denied(field, format string, args ...any) error {
	return yonder.FieldErrorf(yonder.CodeForbidden, field, format, args...)
}

// Isolation refuses everybody but the owner at an endpoint whose workers can
// read the agent's files and each other's memory.
func Isolation(v store.Viewer, e yonder.Endpoint, c wire.Capabilities, reported bool) error {
	switch {
	case v.Identity == e.Owner || reported && c.Isolated:
		return nil
	case !reported:
		return denied("endpoint", "endpoint %q has never been online, so it is not known whether it keeps its users apart: "+
			"only its owner %s may submit until it has been", e.Name, e.OwnerName)
	}
	return denied("endpoint", "endpoint %q runs functions with the runtime %q, which does not keep its users apart: "+
		"only its owner %s may submit", e.Name, c.Runtime, e.OwnerName)
}

// Python refuses a bundle that no interpreter of the endpoint may load.
func Python(b wire.Bundle, f yonder.Function, c wire.Capabilities, reported bool) error {
	if f.Kind == yonder.KindShell {
		return nil
	}
	needs := f.Requirements.Python
	if needs != "" && b.Python != "" && needs != b.Python {
		return yonder.FieldErrorf(yonder.CodeCodecMismatch, "python",
			"the arguments were packed for Python %s only, and function %q needs Python %s: submit from Python %s", b.Python, f.Name, needs, needs)
	}
	if !reported {
		return nil
	}
	if needs != "" && !hasMinor(c.Pythons, needs) {
		return yonder.FieldErrorf(yonder.CodeNoInterpreter, "endpoint",
			"function %q needs Python %s, and the endpoint has %s: choose another endpoint or register the function from one of these",
			f.Name, needs, versions(c.Pythons))
	}
	if b.Python != "" && !hasMinor(c.Pythons, b.Python) {
		return yonder.FieldErrorf(yonder.CodeCodecMismatch, "python",
			"the submission is for Python %s only, as asked for or because its arguments carry bytecode, and the endpoint has %s: "+
				"submit from one of these, or pass importable functions and plain data",
			b.Python, versions(c.Pythons))
	}
	return nil
}

func hasMinor(pythons []wire.Interpreter, minor string) bool {
	return slices.ContainsFunc(pythons, func(p wire.Interpreter) bool {
		return p.Version == minor || strings.HasPrefix(p.Version, minor+".")
	})
}

func versions(pythons []wire.Interpreter) string {
	if len(pythons) == 0 {
		return "no Python"
	}
	names := make([]string, len(pythons))
	for i, p := range pythons {
		names[i] = p.Version
	}
	return "Python " + strings.Join(names, ", ")
}

// GiveUp refuses a time that is over already.
func GiveUp(at *time.Time, now time.Time) error {
	if at != nil && !at.After(now) {
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "give_up_at", "the time to give up, %s, is over", at.UTC().Format(time.RFC3339))
	}
	return nil
}

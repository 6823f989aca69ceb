package system

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"

	"github.com/stretchr/testify/require"
)

// Said is how a command ended and what it said.
type Said struct {
	Code     int
	Out, Err string
}

// All is everything that a person sees.
func (s Said) All() string { return s.Out + s.Err }

// Try runs a command of the program to its end, however that is.
func (s *System) Try(stdin string, args ...string) Said {
	s.t.Helper()
	return s.TryCommand(stdin, s.binary, args...)
}

// TryPython runs a script of testdata with the SDK, to its end.
func (s *System) TryPython(script string, args ...string) Said {
	s.t.Helper()
	return s.TryCommand("", RequirePython(s.t), append([]string{"testdata/" + script}, args...)...)
}

// Binary is the program's file.
func (s *System) Binary() string { return s.binary }

// TryCommand runs any command as this user, to its end.
func (s *System) TryCommand(stdin, name string, args ...string) Said {
	s.t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(s.t.Context()), Patience, context.DeadlineExceeded)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = s.environ()
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(s.t, err, "%s %v", name, args)
	}
	return Said{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// As is the same system for somebody with another home and environment.
func (s *System) As(home string, env ...string) *System {
	other := *s
	other.Home, other.Env = home, append(append([]string{}, s.Env...), env...)
	return &other
}

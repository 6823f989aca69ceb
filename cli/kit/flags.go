package kit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/yonder-run/yonder/internal/nearest"
)

// limited is the value of a flag that takes only some of what its type can
// hold, and says so when it is given: with the flag's name, and before
// anything is asked or done.
type limited[T any] struct {
	to    *T
	kind  string
	show  func(T) string
	parse func(string) (T, error)
}

func (l *limited[T]) Set(text string) error {
	value, err := l.parse(text)
	if err == nil {
		*l.to = value
	}
	return err
}

func (l *limited[T]) Type() string { return l.kind }

func (l *limited[T]) String() string {
	if l == nil || l.to == nil {
		return ""
	}
	return l.show(*l.to)
}

// Count adds a flag for a whole number from least on.
func Count(flags *pflag.FlagSet, to *int, name string, value, least int, usage string) {
	CountP(flags, to, name, "", value, least, usage)
}

// CountP is Count with a flag of one letter too.
func CountP(flags *pflag.FlagSet, to *int, name, letter string, value, least int, usage string) {
	*to = value
	show := func(n int) string {
		if n == 0 {
			return "" // the usage says what none means
		}
		return strconv.Itoa(n)
	}
	parse := func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least {
			return 0, fmt.Errorf("expected a whole number, %d or more", least)
		}
		return n, nil
	}
	flags.VarP(&limited[int]{to, "int", show, parse}, name, letter, usage)
}

// Duration adds a flag for a length of time, which cannot be negative.
func Duration(flags *pflag.FlagSet, to *time.Duration, name string, value time.Duration, usage string) {
	*to = value
	show := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	parse := func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return 0, fmt.Errorf("expected a length of time such as 30s, 10m or 24h")
		}
		return d, nil
	}
	flags.Var(&limited[time.Duration]{to, "duration", show, parse}, name, usage)
}

// Choice adds a flag that takes one of a few words.
func Choice(flags *pflag.FlagSet, to *string, name, value string, choices []string, usage string) {
	*to = value
	show := func(s string) string { return s }
	parse := func(text string) (string, error) {
		if !slices.Contains(choices, text) {
			return "", fmt.Errorf("%sthere are %s", nearest.Ask(text, choices), strings.Join(choices, ", "))
		}
		return text, nil
	}
	flags.Var(&limited[string]{to, "string", show, parse}, name, usage)
}

// UnknownFlag says which flag may have been meant.
func UnknownFlag(flags *pflag.FlagSet, err error) string {
	_, name, ok := strings.Cut(err.Error(), "unknown flag: --")
	if !ok {
		return ""
	}
	var known []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if near := nearest.To(name, known); near != "" {
		return "did you mean --" + near + "? "
	}
	return ""
}

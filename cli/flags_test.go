package cli_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli"
)

// mayBeNegative are flags that mean something below zero.
var mayBeNegative = map[string]bool{"run --priority": true, "map --priority": true}

// A value that no command can use is refused with the flag's name, before
// anything is asked or done.
func TestFlagsAreCheckedEarly(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for _, command := range cli.Commands() {
		for _, flag := range command.Numbers {
			name := strings.Join(command.Path, " ") + " --" + flag
			if mayBeNegative[name] {
				continue
			}
			a := p.fails(yonder.CodeInvalidRequest, append(command.Path, "--"+flag, "-1")...)
			require.Contains(t, a.err, `invalid argument "-1" for "`, name)
			require.Contains(t, a.err, `--`+flag+`" flag: expected`, name)
		}
	}
	for says, args := range map[string][]string{
		`unknown flag: --limt; did you mean --limit?`:                         {"task", "list", "--limt", "3"},
		`for "--state" flag: did you mean "queued"?`:                          {"task", "list", "--state", "quued"},
		`for "--kind" flag: there are person, service, group`:                 {"identity", "create", "x", "--kind", "robot"},
		`there is no completion for "tcsh"`:                                   {"completion", "tcsh"},
		`yonder has no command "rn"; did you mean "run"?`:                     {"rn", "add"},
		`has no command "logs"; did you mean "endpoint logs" or "task logs"?`: {"logs", "-f", "x"},
		`did you mean "endpoint start"?`:                                      {"start"},
		`found 2 arguments; "yonder map add --file a.csv"`:                    {"map", "add", "a.csv"},
	} {
		require.Contains(t, p.fails(yonder.CodeInvalidRequest, args...).err, says)
	}
	p.nothingLeft()
}

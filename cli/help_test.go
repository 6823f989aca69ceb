package cli_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli"
)

func TestEveryCommandExplainsItselfWithExamples(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for _, command := range cli.Commands() {
		if command.Hidden {
			continue
		}
		name := "yonder " + strings.Join(command.Path, " ")
		for line := range strings.Lines(command.Example) {
			require.Regexp(t, `^  (yonder |seq )`, line, "%s: an example can be copied", name)
		}
		help := p.ok(append(command.Path, "--help")...)
		require.Contains(t, help.out, "Examples:", name)
		require.True(t, command.JSON, name)
		require.Contains(t, help.out, "--json", name)
		require.NotEmpty(t, command.Short, name)
		require.NotRegexp(t, `\.$`, command.Short, "%s: one phrase in the list of commands", name)
		require.Empty(t, help.err, name)
	}
}

// Every example is a command that there is, with flags that it has.
func TestExamplesCanBeRun(t *testing.T) {
	t.Parallel()
	word := regexp.MustCompile(`^[a-z-]+$`)
	known := map[string]bool{}
	for _, command := range cli.Commands() {
		known[strings.Join(command.Path, " ")] = true
	}
	for _, command := range cli.Commands() {
		for _, example := range regexp.MustCompile(`yonder ([^|&<>\n]+)`).FindAllStringSubmatch(command.Example, -1) {
			words := strings.Fields(strings.ReplaceAll(example[1], "yonder user", "yonder identity"))
			path := words[0]
			if len(words) > 1 && word.MatchString(words[1]) && known[path+" "+words[1]] {
				path += " " + words[1]
			}
			require.True(t, known[path], "%s: there is no command %q", command.Example, path)
		}
	}
}

// What asks nobody is there before anybody notices.
func TestHelpIsFast(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"version"}, {"completion", "bash"}, {"__complete", "endpoint", "st"}} {
		best := time.Hour
		for range 10 {
			begun := time.Now()
			require.NoError(t, exec.Command(binary, args...).Run())
			best = min(best, time.Since(begun))
		}
		require.Less(t, best, 50*time.Millisecond, "%v", args)
	}
}

func TestWrongUseSaysWhatIsRight(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for says, args := range map[string][]string{
		`has no command "tasks"; did you mean "task"?`:                            {"tasks"},
		`yonder task has no command "foo"`:                                        {"task", "foo"},
		`unknown flag: --foo`:                                                     {"task", "list", "--foo"},
		`expected "yonder task show ID [flags]", found 0`:                         {"task", "show"},
		`invalid argument "soon" for "--timeout" flag: expected a length of time`: {"run", "f", "--timeout", "soon"},
		`write true instead of True`:                                              {"run", "f", "True"},
		`the argument [1, is not JSON`:                                            {"run", "f", "[1,"},
		`--kwarg "x" is not name=JSON`:                                            {"run", "f", "-k", "x"},
		`"../x" cannot be an endpoint's name`:                                     {"endpoint", "start", "../x"},
		`put "--" before negative numbers`:                                        {"run", "f", "-1"},
		`Nobody can be asked here: repeat the command with`:                       {"endpoint", "delete", "x"},
	} {
		a := p.fails(yonder.CodeInvalidRequest, args...)
		require.Contains(t, a.err, says)
	}
}

func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		require.Contains(t, p.ok("completion", shell).out, "yonder")
	}
	require.Contains(t, p.ok("__complete", "endpoint", "st").out, "start")
}

package admit

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire/shell"
)

var shellParams = []shell.Param{
	{Name: "x"}, {Name: "n", Type: shell.Integer}, {Name: "all", Type: shell.List}, {Name: "doc", Type: shell.JSON},
}

func TestPlaceholdersStandWhereAValueIsAWord(t *testing.T) {
	t.Parallel()
	for command, wrong := range map[string]string{
		`echo {x}`:                             "",
		`cat a{x}b --name={x} < {x} >{x}`:      "",
		`grep -c "$(basename {x})" {all}`:      "",
		"echo `basename {x}`":                  "",
		`y={x}; for f in {all}; do :; done`:    "",
		`case {x} in a) ;; *) exit {n};; esac`: "",
		`echo "{n}" $(( {n} + 1 ))`:            "",
		`awk '{{print $1}}' {x}`:               "",
		`echo "${{HOME}}" {doc}`:               "",
		`cd {x} && { echo`:                     "line 1, column 11",
		`cd {x} && {{ echo`:                    "sh cannot read the command",
		`echo "`:                               "sh cannot read the command",
		`a=(1 2); echo {x}`:                    "sh cannot read the command",
		`echo "{x}"`:                           "line 1, column 7: the placeholder {x} stands inside quotes",
		`echo '{x}'`:                           "column 7",
		"true\necho \\{x}":                     "line 2, column 7",
		`echo "$(echo "{x}")"`:                 "column 15",
		"cat <<E\n{x}\nE":                      "line 2, column 1",
		"cat <<'E'\n{x}\nE":                    "line 2, column 1",
		`echo $(( {x} + 1 ))`:                  "column 10",
		`echo ${{y:-{x}}}`:                     "column 12",
		`echo hi # {x}`:                        "column 11",
		`echo {x!raw} "{x}"`:                   "", // nothing is known around raw text, and no value is ever read as code
	} {
		body, err := json.Marshal(shell.Function{Command: command, Params: shellParams})
		require.NoError(t, err)
		_, err = Shell(body)
		if wrong == "" {
			require.NoError(t, err, command)
			continue
		}
		require.Equal(t, yonder.CodeInvalidRequest, yonder.CodeOf(err), command)
		require.Equal(t, "command", yonder.Public(err).Field, command)
		require.ErrorContains(t, err, wrong, command)
	}
}

func TestWhatBashCalculatesIsRefused(t *testing.T) {
	t.Parallel()
	for command, fine := range map[string]bool{
		`a=(1 2); [[ {x} == b ]] && echo ${{a[1]}} {all}`: true,
		`diff <(sort {x}) <(sort {x})`:                    true,
		`(( {x} > 1 ))`:                                   false,
		`[[ {x} -eq 1 ]]`:                                 false,
		`[[ -v {x} ]]`:                                    false,
		`let {x}`:                                         false,
		`a[{x}]=1`:                                        false,
		`a=([{x}]=1)`:                                     false,
		`echo ${{a[{x}]}}`:                                false,
		`for ((i = {x}; i < 3; i++)); do :; done`:         false,
		`for ((i = {n}; i < 3; i++)); do echo {x}; done`: true,
	} {
		body, err := json.Marshal(shell.Function{Command: command, Params: shellParams, Shell: shell.Bash})
		require.NoError(t, err)
		_, err = Shell(body)
		require.Equal(t, fine, err == nil, "%s: %v", command, err)
	}
}

func TestPatternsOfOutputs(t *testing.T) {
	t.Parallel()
	for pattern, fine := range map[string]bool{
		"*.png": true, "out/**": true, "{x}.[ab]": true, "{{a,b}}.txt": true, "[": false, "{{a": false, "": false, "/etc/*": false, "../*": false,
	} {
		body, err := json.Marshal(shell.Function{Command: "true", Params: shellParams, Outputs: []string{pattern}})
		require.NoError(t, err)
		_, err = Shell(body)
		require.Equal(t, fine, err == nil, "%s: %v", pattern, err)
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	both, python := []string{"python", "shell"}, []string{"python"}
	for _, c := range []struct {
		kind, codec string
		kinds       []string
		reported    bool
		code        yonder.Code
	}{
		{"shell", "json", both, true, ""},
		{"shell", "json", nil, false, ""},
		{"python", "pickle", python, true, ""},
		{"python", "pickle", nil, true, ""},
		{"shell", "pickle", both, true, yonder.CodeCodecMismatch},
		{"shell", "pickle", nil, false, yonder.CodeCodecMismatch},
		{"shell", "json", python, true, yonder.CodeUnsupportedKind},
		{"shell", "json", nil, true, yonder.CodeUnsupportedKind},
		{"python", "json", []string{"shell"}, true, yonder.CodeUnsupportedKind},
	} {
		err := Kind(c.codec, yonder.Function{Name: "f", Kind: c.kind}, c.kinds, c.reported)
		require.Equal(t, c.code, yonder.CodeOf(err), "%+v", c)
	}
}

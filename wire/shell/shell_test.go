package shell_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire/shell"
)

func compile(tb testing.TB, f shell.Function) *shell.Program {
	tb.Helper()
	p, err := f.Compile()
	require.NoError(tb, err)
	return p
}

func raw(tb testing.TB, v any) json.RawMessage {
	tb.Helper()
	data, err := json.Marshal(v)
	require.NoError(tb, err)
	return data
}

// hostile values are what somebody would try who wants to run something else.
var hostile = []string{
	"", " ", "a b", "'", `"`, `\`, "''", `'"'"'`, "$(echo pwned)", "`echo pwned`", "${HOME}", "$HOME", "; echo pwned", "| echo pwned",
	"&& echo pwned", "\necho pwned\n", "a\nb\r\n", "*", "?", "[a-z]", "~", "{a,b}", "!!", "#", "-rf", "--", "a=b", "\t", "größe 5 µm", "日本語 🌍",
	"\x7f\x1b[31m", "%s%n", "\\n\\0", "'; echo pwned; '", `"; echo pwned; "`, "$'\\x41'", "$(( 1 + 1 ))",
	"a[$(echo pwned)]", "yonder_0_0", "E\nEOF\n",
	strings.Repeat("'\"$`\\\n", 1000),
}

// Whatever a value is, a program gets exactly it as one argument, from every
// shell and wherever the placeholder stands.
func TestNoValueIsEverReadAsCode(t *testing.T) {
	t.Parallel()
	for _, interpreter := range []string{"sh", "bash", "dash"} {
		path, err := exec.LookPath(interpreter)
		if err != nil && interpreter == "dash" {
			continue // where sh is something else
		}
		require.NoError(t, err)
		p := compile(t, shell.Function{
			Command: `printf '%s|' {x} a{x}b; y={x}; printf '%s|' "$y" "$(printf '%s.' {x})"; printf '%s|' {all}`,
			Params:  []shell.Param{{Name: "x"}, {Name: "all", Type: shell.List}},
		})
		for _, value := range hostile {
			r, err := p.Render(shell.Call{Args: []json.RawMessage{raw(t, value), raw(t, []any{value, 7, value})}})
			require.NoError(t, err)
			want := value + "|a" + value + "b|" + value + "|" + value + ".|" + value + "|7|" + value + "|"
			require.Equal(t, want, execute(t, path, r), "%s: %q", interpreter, value)
			shown := r
			shown.Values, shown.Script = "", r.Shown
			require.Equal(t, want, execute(t, path, shown), "what is shown means the same: %q", value)
		}
	}
}

func execute(t *testing.T, path string, r shell.Rendered) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(file, []byte(r.Values+r.Script+"\n"), 0o600))
	out, err := exec.CommandContext(t.Context(), path, file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestTypesOfValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind, value, script string // script "": refused
	}{
		{shell.Text, `"a b"`, `"${yonder_0_0}"`},
		{shell.Text, `5.50`, `"${yonder_0_0}"`},
		{shell.Text, `true`, ""},
		{shell.Text, `null`, ""},
		{shell.Text, `["a"]`, ""},
		{shell.Text, `"a\u0000b"`, ""},
		{shell.Integer, `-12`, `-12`},
		{shell.Integer, `123456789012345678901234567890`, `123456789012345678901234567890`},
		{shell.Integer, `1.5`, ""},
		{shell.Integer, `"1"`, ""},
		{shell.Integer, `1e3`, ""},
		{shell.Number, `1.5e-3`, `1.5e-3`},
		{shell.Number, `"1; rm"`, ""},
		{shell.Number, `true`, ""},
		{shell.Boolean, `true`, `true`},
		{shell.Boolean, `1`, ""},
		{shell.List, `["a", 1, "b c"]`, `"${yonder_0_0}" "${yonder_0_1}" "${yonder_0_2}"`},
		{shell.List, `[]`, ` `},
		{shell.List, `[["a"]]`, ""},
		{shell.List, `"a"`, ""},
		{shell.JSON, `{"a": [1, null]}`, `"${yonder_0_0}"`},
	} {
		p := compile(t, shell.Function{Command: "{x}", Params: []shell.Param{{Name: "x", Type: c.kind}}})
		r, err := p.Render(shell.Call{Args: []json.RawMessage{json.RawMessage(c.value)}})
		if c.script == "" {
			require.Equal(t, yonder.CodeInvalidArguments, yonder.CodeOf(err), "%+v", c)
			require.Equal(t, "x", yonder.Public(err).Field)
			continue
		}
		require.NoError(t, err, "%+v", c)
		require.Equal(t, strings.TrimSpace(c.script), strings.TrimSpace(r.Script))
	}
}

func TestCallsAreBoundAsPythonDoes(t *testing.T) {
	t.Parallel()
	p := compile(t, shell.Function{Command: "{a} {b}", Params: []shell.Param{
		{Name: "a", Type: shell.Integer}, {Name: "b", Type: shell.Integer, Default: json.RawMessage("7")},
	}})
	num := func(s ...string) (all []json.RawMessage) {
		for _, one := range s {
			all = append(all, json.RawMessage(one))
		}
		return all
	}
	for _, c := range []struct {
		args         []json.RawMessage
		kwargs       map[string]json.RawMessage
		script, says string
	}{
		{num("1"), nil, "1 7", ""},
		{num("1", "2"), nil, "1 2", ""},
		{nil, map[string]json.RawMessage{"a": num("3")[0]}, "3 7", ""},
		{num("1"), map[string]json.RawMessage{"b": num("3")[0]}, "1 3", ""},
		{nil, nil, "", "a: it is missing"},
		{num("1", "2", "3"), nil, "", "takes 2 arguments"},
		{num("1"), map[string]json.RawMessage{"a": num("3")[0]}, "", "by position and by name"},
		{num("1"), map[string]json.RawMessage{"c": num("3")[0]}, "", "no such parameter"},
	} {
		r, err := p.Render(shell.Call{Args: c.args, Kwargs: c.kwargs})
		if c.says != "" {
			require.ErrorContains(t, err, c.says)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.script, r.Script)
	}
	require.Equal(t, []yonder.Param{
		{Name: "a", Kind: yonder.ParamPositional, Required: true}, {Name: "b", Kind: yonder.ParamPositional},
	}, p.Signature().Params)
}

func TestStdinVariablesAndPatternsTakeValuesAsTheyAre(t *testing.T) {
	t.Parallel()
	stdin := "dear {x}\n{{}}"
	p := compile(t, shell.Function{
		Command: "cat {x} {x!raw}", Params: []shell.Param{{Name: "x"}}, Stdin: &stdin,
		Env: map[string]string{"B": "<{x}>", "A": "1"}, Outputs: []string{"{x}*.txt"},
	})
	r, err := p.Render(shell.Call{Args: []json.RawMessage{raw(t, "a b*")}})
	require.NoError(t, err)
	require.Equal(t, "dear a b*\n{}", *r.Stdin)
	require.Equal(t, []string{"A=1", "B=<a b*>"}, r.Env)
	require.Equal(t, []string{`a b\**.txt`}, r.Outputs)
	require.Equal(t, `cat "${yonder_0_0}" a b*`, r.Script)
	require.Equal(t, "cat 'a b*' a b*", r.Shown)
}

func TestBodies(t *testing.T) {
	t.Parallel()
	for body, field := range map[string]string{
		`{"command": "true"}`:         "",
		`{"command": "echo {{x}}"}`:   "",
		`{"command": "echo {x}"}`:     "command",
		`{"command": "echo {x"}`:      "command",
		`{"command": "echo x}"}`:      "command",
		`{"command": "echo {a b}"}`:   "command",
		`{"command": "echo {}"}`:      "command",
		`{"command": "echo \u0000"}`:  "command",
		`{"command": " "}`:            "command",
		`{}`:                          "command",
		`{"command": "true", "x": 1}`: "body",
		`{"command": "true"} {}`:      "body",
		`[]`:                          "body",
		``:                            "body",
		`{"command": "echo ${x}", "params": [{"name": "x"}]}`:                               "command",
		`{"command": "echo {x!r}", "params": [{"name": "x"}]}`:                              "command",
		`{"command": "true", "params": [{"name": "x"}, {"name": "x"}]}`:                     "params",
		`{"command": "true", "params": [{"name": "1x"}]}`:                                   "params",
		`{"command": "true", "params": [{"name": "x", "type": "float"}]}`:                   "params",
		`{"command": "true", "params": [{"name": "x", "type": "integer", "default": "1"}]}`: "params",
		`{"command": "true", "params": [{"name": "x", "default": null}]}`:                   "params",
		`{"command": "true", "params": [{"name": "x", "type": "json", "default": null}]}`:   "",
		`{"command": "true", "stdin": "{x}"}`:                                               "stdin",
		`{"command": "true", "stdin": "{x!raw}", "params": [{"name": "x"}]}`:                "stdin",
		`{"command": "true", "env": {"A-B": "1"}}`:                                          "env",
		`{"command": "true", "env": {"A": "{x}"}}`:                                          "env",
		`{"command": "true", "shell": "zsh"}`:                                               "shell",
		`{"command": "true", "keep": "maybe"}`:                                              "keep",
		`{"command": "true", "dir": "here"}`:                                                "dir",
		`{"command": "true", "tail_bytes": 99999999}`:                                       "tail_bytes",
		`{"command": "true", "tail_lines": -1}`:                                             "tail_lines",
		`{"command": "true", "output_files": 1001}`:                                         "output_files",
		`{"command": "true", "output_bytes": -1}`:                                           "output_bytes",
		`{"command": "true", "walltime_s": -1}`:                                             "walltime_s",
		`{"command": "true", "success": [0, 1], "check": true, "env": {"LC_ALL": "C"}}`:     "",
		`{"command": "` + strings.Repeat("x", 70_000) + `"}`:                                "command",
	} {
		_, err := shell.Parse([]byte(body))
		if field == "" {
			require.NoError(t, err, body)
			continue
		}
		require.Equal(t, yonder.CodeInvalidRequest, yonder.CodeOf(err), body)
		require.Equal(t, field, yonder.Public(err).Field, body)
	}
	_, err := shell.Parse([]byte(`{"command": "a\nb ${HOME}"}`))
	require.ErrorContains(t, err, "line 2, column 3")
	require.ErrorContains(t, err, "${{HOME}} for the shell's variable")
}

func FuzzParseTemplate(f *testing.F) {
	for _, seed := range []string{"", "echo {x}", "{{{x!raw}}}", "}{", "{", "${x}", "a}}b{{", "{x!r}", "\x00", "ä{ä}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		template, err := shell.ParseTemplate(text)
		if err != nil {
			require.Equal(t, yonder.CodeInvalidRequest, yonder.CodeOf(err))
			return
		}
		// Its parts, written again, are the text.
		var again strings.Builder
		for _, part := range template {
			switch {
			case part.Raw:
				again.WriteString("{" + part.Name + "!raw}")
			case part.Name != "":
				again.WriteString("{" + part.Name + "}")
			default:
				again.WriteString(strings.NewReplacer("{", "{{", "}", "}}").Replace(part.Text))
			}
		}
		require.Equal(t, text, again.String())
	})
}

func FuzzParse(f *testing.F) {
	body := `{"command": "echo {x} {y!raw}", "params": [{"name": "x"}, {"name": "y", "type": "list", "default": []}], "outputs": ["{x}"]}`
	f.Add([]byte(body), "a'b")
	f.Fuzz(func(t *testing.T, body []byte, value string) {
		p, err := shell.Parse(body)
		if err != nil {
			require.Equal(t, yonder.CodeInvalidRequest, yonder.CodeOf(err))
			return
		}
		call := shell.Call{Kwargs: map[string]json.RawMessage{}}
		for _, param := range p.Params {
			call.Kwargs[param.Name] = raw(t, value)
		}
		if _, err := p.Render(call); err != nil {
			require.Equal(t, yonder.CodeInvalidArguments, yonder.CodeOf(err))
		}
	})
}

// The table is Python's, too.
func TestTemplates(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/templates.json")
	require.NoError(t, err)
	var table []struct {
		Template string   `json:"template"`
		Error    string   `json:"error"`
		Names    []string `json:"names"`
	}
	require.NoError(t, json.Unmarshal(data, &table))
	for _, c := range table {
		parsed, err := shell.ParseTemplate(c.Template)
		if c.Error != "" {
			require.ErrorContains(t, err, c.Error, c.Template)
			continue
		}
		require.NoError(t, err, c.Template)
		require.ElementsMatch(t, c.Names, parsed.Names(), c.Template)
	}
}

func TestParametersFollowThePlaceholders(t *testing.T) {
	t.Parallel()
	stdin := "{s}"
	f, err := shell.Function{
		Command: "{b} {a}", Stdin: &stdin, Env: map[string]string{"X": "{e}"}, Outputs: []string{"{o}"},
		Params: []shell.Param{{Name: "unused"}, {Name: "b", Type: shell.Integer, Default: json.RawMessage("1")}},
	}.Infer()
	require.NoError(t, err)
	var names []string
	for _, p := range f.Params {
		names = append(names, p.Name)
	}
	require.Equal(t, []string{"a", "s", "e", "o", "unused", "b"}, names)
	require.Equal(t, shell.Integer, f.Params[5].Type)
	_, err = shell.Function{Command: "{"}.Infer()
	require.Equal(t, yonder.CodeInvalidRequest, yonder.CodeOf(err))
}

package admit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"mvdan.cc/sh/v3/syntax"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire/shell"
)

// Shell refuses the body of a shell function that no worker could run as its
// author meant it: besides what shell.Parse refuses, a command that the shell
// cannot read, and placeholders where a value would not be one word.
func Shell(body []byte) (*shell.Program, error) {
	p, err := shell.Parse(body)
	if err != nil {
		return nil, err
	}
	for _, pattern := range p.Outputs {
		if t, err := shell.ParseTemplate(pattern); err != nil || !doublestar.ValidatePattern(withoutPlaceholders(t)) {
			return nil, invalid("outputs", "%q is not a pattern of files like *.png or results/**", pattern)
		}
	}
	return p, commandOf(p)
}

func withoutPlaceholders(t shell.Template) string {
	var b strings.Builder
	for _, part := range t {
		b.WriteString(part.Text)
	}
	return b.String()
}

// stand is the name of the variable that stands for a placeholder.
const stand = "yonder_placeholder_"

var standing = regexp.MustCompile(stand + `\d+`)

// commandOf parses the command as its shell would. Numbers are safe anywhere;
// what else a placeholder stands for is a variable, which has to be found as
// such, and outside quotes. What is raw may be any code, so that nothing can
// be said about the command around it.
func commandOf(p *shell.Program) error {
	var script strings.Builder
	var placeholders []shell.Part
	for _, part := range p.Template() {
		switch kind := p.Type(part.Name); {
		case part.Name == "":
			script.WriteString(part.Text)
		case part.Raw:
			return nil
		case kind == shell.Integer || kind == shell.Number || kind == shell.Boolean:
			script.WriteString("1")
		default:
			fmt.Fprintf(&script, "${%s%d}", stand, len(placeholders))
			placeholders = append(placeholders, part)
		}
	}
	language := syntax.LangPOSIX
	if p.Shell == shell.Bash {
		language = syntax.LangBash
	}
	file, err := syntax.NewParser(syntax.Variant(language)).Parse(strings.NewReader(script.String()), "")
	if err != nil {
		return invalid("command", "%s cannot read the command: %s", p.Shell, standing.ReplaceAllString(err.Error(), "{…}"))
	}
	proper := words(file)
	for i, part := range placeholders {
		if !proper[fmt.Sprintf("%s%d", stand, i)] {
			return invalid("command", "%s: the placeholder {%s} stands inside quotes, a comment, a here-document, "+
				"a calculation or another expansion: its value is quoted already, so write it outside, as in --title=\"My \"{%s}",
				shell.Place(p.Command, part.At), part.Name, part.Name)
		}
	}
	return nil
}

// words finds the variables that stand as a word, or as a part of one.
func words(file *syntax.File) map[string]bool {
	proper := map[string]bool{}
	var within []bool // per node on the way: may a placeholder be a word below it?
	syntax.Walk(file, func(node syntax.Node) bool {
		if node == nil {
			within = within[:len(within)-1]
			return true
		}
		open := len(within) == 0 || within[len(within)-1]
		if variable, ok := node.(*syntax.ParamExp); ok && open && variable.Param != nil && strings.HasPrefix(variable.Param.Value, stand) {
			proper[variable.Param.Value] = true
		}
		within = append(within, opens(node, open))
		return true
	})
	return proper
}

// opens says whether a placeholder may be a word below a node. Whatever is
// substituted is a command of its own, even inside quotes.
func opens(node syntax.Node, open bool) bool {
	switch n := node.(type) {
	case *syntax.CmdSubst, *syntax.ProcSubst:
		return true
	case *syntax.DblQuoted, *syntax.SglQuoted, *syntax.ArithmExp, *syntax.ArithmCmd, *syntax.LetClause, *syntax.CStyleLoop,
		*syntax.ParamExp, *syntax.ExtGlob:
		return false
	case *syntax.Assign:
		return open && n.Index == nil
	case *syntax.ArrayElem:
		return open && n.Index == nil
	case *syntax.UnaryTest: // -v looks up what it is given
		return open && n.Op != syntax.TsVarSet
	case *syntax.Redirect:
		return open && n.Hdoc == nil
	case *syntax.BinaryTest: // -eq and its like calculate
		return open && (n.Op < syntax.TsEql || n.Op > syntax.TsGtr)
	}
	return open
}

// Kind refuses a bundle of functions that the endpoint does not run, or with
// arguments that they do not take.
func Kind(codec string, f yonder.Function, kinds []string, reported bool) error {
	if f.Kind == yonder.KindShell && codec != "json" {
		return yonder.FieldErrorf(yonder.CodeCodecMismatch, "codec",
			"function %q is of kind shell, which takes arguments in the codec json, not %s", f.Name, codec)
	}
	if !reported {
		return nil
	}
	if len(kinds) == 0 {
		kinds = []string{yonder.KindPython} // an agent from before there were others
	}
	if slices.Contains(kinds, f.Kind) {
		return nil
	}
	return yonder.FieldErrorf(yonder.CodeUnsupportedKind, "endpoint",
		"function %q is of kind %s, and the endpoint runs only %s: choose another endpoint, or ask its owner to allow the kind",
		f.Name, f.Kind, strings.Join(kinds, ", "))
}

package shell

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/yonder-run/yonder"
)

// Program is a function that was checked, with its defaults and its templates.
type Program struct {
	Function

	command, stdin Template
	env            map[string]Template
	outputs        []Template
}

// Template is the command's.
func (p *Program) Template() Template { return p.command }

// Type is that of a parameter, empty if there is none.
func (p *Program) Type(name string) string {
	for _, param := range p.Params {
		if param.Name == name {
			return param.Type
		}
	}
	return ""
}

// Signature is what calls have to fit: every parameter by position or by name.
func (p *Program) Signature() *yonder.Signature {
	s := &yonder.Signature{Params: []yonder.Param{}}
	for _, param := range p.Params {
		s.Params = append(s.Params, yonder.Param{Name: param.Name, Kind: yonder.ParamPositional, Required: param.Default == nil})
	}
	return s
}

// Succeeded says whether a return code is one of success.
func (p *Program) Succeeded(code int) bool { return slices.Contains(p.Success, code) }

func (p *Program) checkTemplates() (err error) {
	if strings.TrimSpace(p.Command) == "" {
		return invalid("command", "a shell function needs a command")
	}
	if len(p.Command) > maxCommand {
		return invalid("command", "the command has %d bytes, over the limit of %d: call a program that is installed instead",
			len(p.Command), maxCommand)
	}
	if p.command, err = p.template("command", p.Command, true); err != nil {
		return err
	}
	if p.Stdin != nil {
		if p.stdin, err = p.template("stdin", *p.Stdin, false); err != nil {
			return err
		}
	}
	if len(p.Outputs) > maxItems {
		return invalid("outputs", "list at most %d patterns", maxItems)
	}
	for _, pattern := range p.Outputs {
		t, err := p.template("outputs", pattern, false)
		if err != nil {
			return err
		}
		if err := checkPattern(pattern); err != nil {
			return err
		}
		p.outputs = append(p.outputs, t)
	}
	return nil
}

// checkPattern refuses what lies outside the working directory.
func checkPattern(pattern string) error {
	if pattern == "" || path.IsAbs(pattern) || slices.Contains(strings.Split(pattern, "/"), "..") {
		return invalid("outputs", "%q does not lie in the working directory: write a pattern like *.png or results/**", short(pattern))
	}
	return nil
}

func (p *Program) checkEnv() error {
	if len(p.Env) > maxItems {
		return invalid("env", "set at most %d variables", maxItems)
	}
	p.env = map[string]Template{}
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		if !validName(name) {
			return invalid("env", "%q is not the name of a variable", short(name))
		}
		t, err := p.template("env", p.Env[name], false)
		if err != nil {
			return err
		}
		p.env[name] = t
	}
	return nil
}

// template parses one, and knows all its parameters.
func (p *Program) template(field, text string, raw bool) (Template, error) {
	t, err := ParseTemplate(text)
	if err != nil {
		return nil, invalid(field, "%s", err)
	}
	for _, part := range t {
		switch {
		case part.Name == "":
		case p.Type(part.Name) == "":
			return nil, invalid(field, "%s", wrong(text, part.At,
				"there is no parameter %s: declare it in params, or write {{%s}} for the shell's own braces", part.Name, part.Name))
		case part.Raw && !raw:
			return nil, invalid(field, "%s", wrong(text, part.At, "values stand as they are here anyway: write {%s}", part.Name))
		}
	}
	return t, nil
}

// placeholders lists the parameters that a function's templates name, in the
// order in which they first stand there.
func placeholders(f Function) ([]string, error) {
	texts := []string{f.Command}
	if f.Stdin != nil {
		texts = append(texts, *f.Stdin)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Env)) {
		texts = append(texts, f.Env[name])
	}
	var names []string
	for _, text := range append(texts, f.Outputs...) {
		t, err := ParseTemplate(text)
		if err != nil {
			return nil, err
		}
		for _, name := range t.Names() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// Infer adds a parameter of type text for every placeholder that has none.
// Parameters are then in the order of the placeholders, those without a
// default first.
func (f Function) Infer() (Function, error) {
	names, err := placeholders(f)
	if err != nil {
		return f, err
	}
	declared := f.Params
	f.Params = nil
	for _, name := range names {
		param := Param{Name: name}
		if at := slices.IndexFunc(declared, func(p Param) bool { return p.Name == name }); at >= 0 {
			param = declared[at]
			declared = slices.Delete(slices.Clone(declared), at, at+1)
		}
		f.Params = append(f.Params, param)
	}
	f.Params = append(f.Params, declared...)
	slices.SortStableFunc(f.Params, func(a, b Param) int { return rank(a) - rank(b) })
	return f, nil
}

func rank(p Param) int {
	if p.Default == nil {
		return 0
	}
	return 1
}

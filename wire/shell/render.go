package shell

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Rendered is a call that is ready to be run.
type Rendered struct {
	// Values assigns what Script refers to. Both are programs of the shell,
	// Values goes first.
	Values, Script string
	// Shown is the command with its values in place, for people.
	Shown   string
	Env     []string // NAME=value
	Stdin   *string
	Outputs []string // patterns
}

// Render puts the values of a call in place.
func (p *Program) Render(call Call) (Rendered, error) {
	values, err := p.bind(call)
	if err != nil {
		return Rendered{}, err
	}
	var r Rendered
	var assigned strings.Builder
	variables := map[string][]string{}
	r.Script = p.command.fill(func(part Part) string {
		v := values[part.Name]
		if part.Raw || v.bare {
			return strings.Join(v.words, " ")
		}
		if variables[part.Name] == nil {
			variables[part.Name] = assign(&assigned, len(variables), v.words)
		}
		return strings.Join(variables[part.Name], " ")
	})
	r.Values = assigned.String()
	r.Shown = p.command.fill(func(part Part) string { return shown(values[part.Name], part.Raw) })
	plain := func(part Part) string { return strings.Join(values[part.Name].words, " ") }
	for _, name := range slices.Sorted(maps.Keys(p.env)) {
		r.Env = append(r.Env, name+"="+p.env[name].fill(plain))
	}
	if p.Stdin != nil {
		text := p.stdin.fill(plain)
		r.Stdin = &text
	}
	for _, t := range p.outputs {
		r.Outputs = append(r.Outputs, t.fill(func(part Part) string { return literal.Replace(plain(part)) }))
	}
	return r, nil
}

// assign writes assignments of words and returns what stands for them.
func assign(to *strings.Builder, number int, words []string) []string {
	stand := make([]string, len(words))
	for i, word := range words {
		name := fmt.Sprintf("yonder_%d_%d", number, i)
		fmt.Fprintf(to, "%s=%s\n", name, Quote(word))
		stand[i] = `"${` + name + `}"`
	}
	return stand
}

// Quote makes one word of a shell of any text without NUL.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

var harmless = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

func shown(v value, raw bool) string {
	words := make([]string, len(v.words))
	for i, word := range v.words {
		if !raw && !harmless.MatchString(word) {
			word = Quote(word)
		}
		words[i] = word
	}
	return strings.Join(words, " ")
}

// literal keeps values from being patterns.
var literal = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `{`, `\{`, `}`, `\}`)

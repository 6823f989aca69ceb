package shell

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/yonder-run/yonder"
)

// maxName bounds names of parameters and variables.
const maxName = 64

var nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// validName says whether a shell and Python both take it as a name.
func validName(s string) bool { return len(s) <= maxName && nameForm.MatchString(s) }

// Part is a piece of a template: text, or a placeholder.
type Part struct {
	Text string
	Name string // of the parameter that stands here; empty: Text
	Raw  bool   // {name!raw}: the value becomes part of the command as it is
	At   int    // byte offset in the template
}

// Template is a text with placeholders, in parts.
type Template []Part

// ParseTemplate splits a text at its placeholders, {name} and {name!raw}. {{
// and }} stand for braces.
func ParseTemplate(text string) (Template, error) {
	var t Template
	var plain strings.Builder
	flush := func(at int) {
		if plain.Len() > 0 {
			t = append(t, Part{Text: plain.String(), At: at})
			plain.Reset()
		}
	}
	from := 0
	for at := 0; at < len(text); {
		step, part, err := next(text, at)
		if err != nil {
			return nil, err
		}
		if part.Name == "" {
			plain.WriteString(part.Text)
		} else {
			flush(from)
			t = append(t, part)
			from = at + step
		}
		at += step
	}
	flush(from)
	return t, nil
}

// next reads what begins at an offset, and says how many bytes that takes.
func next(text string, at int) (int, Part, error) {
	rest := text[at:]
	switch {
	case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
		return 2, Part{Text: rest[:1], At: at}, nil
	case rest[0] == '{':
		part, length, err := placeholder(text, at)
		return length, part, err
	case rest[0] == '}':
		return 0, Part{}, wrong(text, at, "a } without a {: write }} for a brace that is meant as one")
	case rest[0] == 0:
		return 0, Part{}, wrong(text, at, "a NUL byte, which no shell can read")
	}
	if i := strings.IndexAny(rest, "{}\x00"); i > 0 {
		return i, Part{Text: rest[:i], At: at}, nil
	}
	return len(rest), Part{Text: rest, At: at}, nil
}

func placeholder(text string, at int) (Part, int, error) {
	inside, _, closed := strings.Cut(text[at+1:], "}")
	if !closed {
		return Part{}, 0, wrong(text, at, "a { without a }: write {{ for a brace that is meant as one")
	}
	name, how, marked := strings.Cut(inside, "!")
	switch {
	case !validName(name):
		return Part{}, 0, wrong(text, at, "{%s} is not a placeholder like {name}: write {{ and }} for braces of the shell", short(inside))
	case marked && how != "raw":
		return Part{}, 0, wrong(text, at, "{%s}: after the ! there can be \"raw\" only", short(inside))
	case at > 0 && text[at-1] == '$':
		return Part{}, 0, wrong(text, at-1, "${%s} could mean two things: write {%s} for the parameter or ${{%s}} for the shell's variable",
			name, name, name)
	}
	return Part{Name: name, Raw: marked, At: at}, len(inside) + 2, nil
}

// Names lists the parameters in the order in which they first stand there.
func (t Template) Names() []string {
	var names []string
	for _, part := range t {
		if part.Name != "" && !slices.Contains(names, part.Name) {
			names = append(names, part.Name)
		}
	}
	return names
}

// fill puts a text for every placeholder.
func (t Template) fill(value func(Part) string) string {
	var b strings.Builder
	for _, part := range t {
		if part.Name == "" {
			b.WriteString(part.Text)
		} else {
			b.WriteString(value(part))
		}
	}
	return b.String()
}

// wrong is an error at a place of a template.
func wrong(text string, at int, format string, args ...any) error {
	return yonder.Errorf(yonder.CodeInvalidRequest, Place(text, at)+": "+format, args...)
}

// Place says where a byte of a text is, in lines and characters.
func Place(text string, at int) string {
	line := 1 + strings.Count(text[:at], "\n")
	column := 1 + utf8.RuneCountInString(text[strings.LastIndex(text[:at], "\n")+1:at])
	return fmt.Sprintf("line %d, column %d", line, column)
}

// short quotes little of what may be long.
func short(s string) string {
	const most = 40
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

package shell

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/yonder-run/yonder"
)

// value is one argument as words of the shell: one, or any number for a list.
type value struct {
	words []string
	// bare values have no character that means anything to a shell.
	bare bool
}

var integerForm = regexp.MustCompile(`^-?\d+$`)

// Call is a call's arguments, as its payload has them.
type Call struct {
	Args   []json.RawMessage          `json:"args"`
	Kwargs map[string]json.RawMessage `json:"kwargs"`
}

// bind gives every parameter a value: of the call, or its default. Every
// error is CodeInvalidArguments and names the parameter.
func (p *Program) bind(call Call) (map[string]value, error) {
	if len(call.Args) > len(p.Params) {
		return nil, unfit("args", "the command takes %d arguments, and %d were given", len(p.Params), len(call.Args))
	}
	values, known := map[string]value{}, map[string]bool{}
	for i, param := range p.Params {
		known[param.Name] = true
		given, named := call.Kwargs[param.Name]
		switch {
		case i < len(call.Args) && named:
			return nil, unfit(param.Name, "it is given by position and by name")
		case i < len(call.Args):
			given = call.Args[i]
		case !named && param.Default == nil:
			return nil, unfit(param.Name, "it is missing")
		case !named:
			given = param.Default
		}
		v, err := param.value(given)
		if err != nil {
			return nil, unfit(param.Name, "%w", err)
		}
		values[param.Name] = v
	}
	for name := range call.Kwargs {
		if !known[name] {
			return nil, unfit(name, "there is no such parameter")
		}
	}
	return values, nil
}

// value reads an argument of the parameter's type.
func (p Param) value(raw json.RawMessage) (value, error) {
	raw = bytes.TrimSpace(raw)
	var v value
	var ok bool
	switch p.Type {
	case Integer:
		v, ok = bare(raw), integerForm.Match(raw)
	case Number:
		v, ok = bare(raw), isNumber(raw)
	case Boolean:
		v, ok = bare(raw), string(raw) == "true" || string(raw) == "false"
	case JSON:
		var compact bytes.Buffer
		ok = json.Compact(&compact, raw) == nil
		v = value{words: []string{compact.String()}}
	case List:
		v, ok = list(raw)
	default:
		v.words = make([]string, 1)
		v.words[0], ok = text(raw)
	}
	if !ok {
		return v, yonder.Errorf(yonder.CodeInvalidArguments, "%s takes %s, and got %s", p.Name, described[p.Type], short(string(raw)))
	}
	for _, word := range v.words {
		if strings.ContainsRune(word, 0) {
			return v, yonder.Errorf(yonder.CodeInvalidArguments, "%s has a NUL character, which no argument of a program can hold", p.Name)
		}
	}
	return v, nil
}

// described says what a type takes.
var described = map[string]string{
	Text: "a text", Integer: "a whole number", Number: "a number", Boolean: "true or false",
	List: "a list of texts and numbers", JSON: "JSON",
}

func bare(raw json.RawMessage) value { return value{words: []string{string(raw)}, bare: true} }

func isNumber(raw json.RawMessage) bool {
	return len(raw) > 0 && strings.IndexByte("-0123456789", raw[0]) >= 0 && json.Valid(raw)
}

// text takes a string, and a number as it is written.
func text(raw json.RawMessage) (string, bool) {
	if isNumber(raw) {
		return string(raw), true
	}
	var s string
	return s, len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil
}

func list(raw json.RawMessage) (value, bool) {
	var items []json.RawMessage
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &items) != nil {
		return value{}, false
	}
	v := value{words: make([]string, len(items))}
	for i, item := range items {
		word, ok := text(bytes.TrimSpace(item))
		if !ok {
			return v, false
		}
		v.words[i] = word
	}
	return v, true
}

func unfit(parameter, format string, args ...any) error {
	return yonder.FieldErrorf(yonder.CodeInvalidArguments, parameter, format, args...)
}

// Package shell is what everybody has to agree on about functions of kind
// shell: the form of their bodies, how the values of a call get into the
// command, and the form of their results.
//
// A value is never part of the program that the shell reads. It is assigned,
// quoted, to a variable before the command, and a placeholder stands for that
// variable in double quotes.
package shell

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"

	"github.com/yonder-run/yonder"
)

// Types of parameters.
const (
	Text    = "text"    // a string, or a number as it is written
	Integer = "integer" // without a fraction
	Number  = "number"
	Boolean = "boolean" // true or false
	List    = "list"    // of texts and numbers, each a word of its own
	JSON    = "json"    // anything, as one word of JSON
)

var types = []string{Text, Integer, Number, Boolean, List, JSON}

// When the working directory of a task is kept.
const (
	KeepNever  = ""
	KeepFailed = "failed" // unless the return code is one of success
	KeepAlways = "always"
)

// Shells that can read a command.
const (
	Sh   = "sh"
	Bash = "bash"
)

// Limits of what an author may ask for: they bound what a result may hold and
// what a worker keeps in memory for it.
const (
	DefaultTailLines   = 1000
	DefaultTailBytes   = 64 << 10
	DefaultOutputFiles = 100
	DefaultOutputBytes = 32 << 20

	MaxTailBytes   = 4 << 20
	MaxOutputFiles = 1000
	MaxOutputBytes = 256 << 20

	maxCommand = 64 << 10 // what a command line takes is not much more
	maxItems   = 100      // parameters, variables, patterns, return codes
)

// Function is the body of a function of kind shell, in JSON. Unknown fields
// are refused.
type Function struct {
	// Command is a template of what the shell reads.
	Command string  `json:"command"`
	Params  []Param `json:"params,omitempty"`
	Shell   string  `json:"shell,omitempty"` // sh by default, or bash
	// Env is added to the environment, Stdin is what the command reads. In
	// both, a placeholder stands for the value as it is.
	Env   map[string]string `json:"env,omitempty"`
	Stdin *string           `json:"stdin,omitempty"`
	// Success lists the return codes that are one; 0 by default. With Check,
	// any other raises an exception instead of being a result.
	Success []int `json:"success,omitempty"`
	Check   bool  `json:"check,omitempty"`
	// Outputs are patterns of files, relative to the working directory, that
	// are part of the result. * does not match a slash, ** does.
	Outputs     []string `json:"outputs,omitempty"`
	OutputFiles int      `json:"output_files,omitempty"` // most files
	OutputBytes int64    `json:"output_bytes,omitempty"` // most bytes of all files
	// Dir is where the task's working directory is made; by default where
	// the worker keeps its files, or the system's place for temporary files
	// if the directory may be kept.
	Dir  string `json:"dir,omitempty"`
	Keep string `json:"keep,omitempty"` // the directory: failed, always
	// The result holds the end of stdout and of stderr.
	TailLines int     `json:"tail_lines,omitempty"`
	TailBytes int     `json:"tail_bytes,omitempty"`
	Walltime  float64 `json:"walltime_s,omitempty"` // seconds, unless its submitter says otherwise
}

// Param is one parameter. Without a default, a call has to give it.
type Param struct {
	Name    string          `json:"name"`
	Type    string          `json:"type,omitempty"` // text by default
	Default json.RawMessage `json:"default,omitempty"`
}

// Parse reads a body, checks it and puts in the defaults. Every error is
// CodeInvalidRequest and names the field.
func Parse(body []byte) (*Program, error) {
	var f Function
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return nil, invalid("body", "the body of a shell function is JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, invalid("body", "something follows the JSON of the body")
	}
	return f.Compile()
}

// Compile checks a function and puts in the defaults.
func (f Function) Compile() (*Program, error) {
	p := &Program{Function: f}
	p.defaults()
	for _, check := range []func() error{p.checkParams, p.checkTemplates, p.checkEnv, p.checkLimits, p.checkChoices} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Program) defaults() {
	set := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	set(&p.TailLines, DefaultTailLines)
	set(&p.TailBytes, DefaultTailBytes)
	set(&p.OutputFiles, DefaultOutputFiles)
	if p.OutputBytes == 0 {
		p.OutputBytes = DefaultOutputBytes
	}
	if p.Shell == "" {
		p.Shell = Sh
	}
	if len(p.Success) == 0 {
		p.Success = []int{0}
	}
	p.Params = slices.Clone(p.Params)
	for i := range p.Params {
		if p.Params[i].Type == "" {
			p.Params[i].Type = Text
		}
	}
}

func (p *Program) checkParams() error {
	if len(p.Params) > maxItems {
		return invalid("params", "a shell function has at most %d parameters", maxItems)
	}
	seen := map[string]bool{}
	for _, param := range p.Params {
		switch {
		case !validName(param.Name):
			return invalid("params", "%q is not a parameter's name: use letters, digits and _", short(param.Name))
		case seen[param.Name]:
			return invalid("params", "the parameter %s is there twice", param.Name)
		case !slices.Contains(types, param.Type):
			return invalid("params", "%s has the type %q: choose one of %v", param.Name, short(param.Type), types)
		}
		seen[param.Name] = true
		if param.Default == nil {
			continue
		}
		if _, err := param.value(param.Default); err != nil {
			return invalid("params", "the default of %w", err)
		}
	}
	return nil
}

func (p *Program) checkLimits() error {
	switch {
	case p.TailLines < 1:
		return invalid("tail_lines", "keep at least one line")
	case p.TailBytes < 1 || p.TailBytes > MaxTailBytes:
		return invalid("tail_bytes", "keep between 1 and %d bytes; what is more belongs into an output file", MaxTailBytes)
	case p.OutputFiles < 1 || p.OutputFiles > MaxOutputFiles:
		return invalid("output_files", "a result has between 1 and %d files: pack them into one", MaxOutputFiles)
	case p.OutputBytes < 1 || p.OutputBytes > MaxOutputBytes:
		return invalid("output_bytes", "the files of a result have between 1 and %d bytes: leave larger ones where they are", MaxOutputBytes)
	case p.Walltime < 0:
		return invalid("walltime_s", "a walltime is a number of seconds, 0 for none")
	case len(p.Success) > maxItems:
		return invalid("success", "list at most %d return codes", maxItems)
	}
	return nil
}

func (p *Program) checkChoices() error {
	switch {
	case p.Shell != Sh && p.Shell != Bash:
		return invalid("shell", "%q is not a shell to choose: there are %s and %s", short(p.Shell), Sh, Bash)
	case p.Keep != KeepNever && p.Keep != KeepFailed && p.Keep != KeepAlways:
		return invalid("keep", "the working directory is kept %q or %q, or not at all", KeepFailed, KeepAlways)
	case p.Dir != "" && !path.IsAbs(p.Dir):
		return invalid("dir", "%q is not an absolute path", short(p.Dir))
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	return yonder.FieldErrorf(yonder.CodeInvalidRequest, field, format, args...)
}

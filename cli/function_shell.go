package cli

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
	"github.com/yonder-run/yonder/wire/shell"
)

// shellFlags describe a shell function on the command line.
type shellFlags struct {
	shell.Function

	file, stdin string
	params, env []string
	bash        bool
	walltime    time.Duration
}

func (s *shellFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&s.Command, "shell", "", "register this `command` instead of a Python function; {name} stands for a value")
	flags.StringVar(&s.file, "shell-file", "", "the same, with the command in a `file`")
	flags.StringArrayVar(&s.params, "param", nil, "a parameter of the command, `name[:type][=default]`, where it is not a text that has to be given")
	flags.StringArrayVar(&s.env, "env", nil, "a variable to set, `NAME=value`")
	flags.StringVar(&s.stdin, "stdin", "", "a `text` that the command reads")
	flags.StringArrayVar(&s.Outputs, "output", nil, "a `pattern` of files to return, such as '*.png'")
	flags.IntSliceVar(&s.Success, "success", nil, "return `codes` that are a success (default 0)")
	flags.BoolVar(&s.Check, "check", false, "fail the task unless its return code is a success")
	flags.StringVar(&s.Keep, "keep", "", "`when` to keep the working directory: failed or always")
	flags.StringVar(&s.Dir, "working-dir", "", "absolute `path` where working directories are made")
	flags.BoolVar(&s.bash, "bash", false, "run the command with bash instead of sh")
	kit.Duration(flags, &s.walltime, "walltime", 0, "stop a task that runs longer, such as 10m")
}

func (s *shellFlags) given() bool { return s.Command != "" || s.file != "" }

// function is what the flags describe. Placeholders without a --param are texts.
func (s *shellFlags) function() (shell.Function, error) {
	f := s.Function
	f.Walltime = s.walltime.Seconds()
	if s.file != "" {
		if f.Command != "" {
			return f, kit.Usagef("give the command with --shell or with --shell-file, not with both")
		}
		text, err := os.ReadFile(s.file)
		if err != nil {
			return f, kit.Usagef("reading the command: %w", err)
		}
		f.Command = unixText(text)
	}
	if s.bash {
		f.Shell = shell.Bash
	}
	if s.stdin != "" {
		f.Stdin = &s.stdin
	}
	for _, variable := range s.env {
		name, value, ok := strings.Cut(variable, "=")
		if !ok {
			return f, kit.Usagef("--env %q is not NAME=value", variable)
		}
		if f.Env == nil {
			f.Env = map[string]string{}
		}
		f.Env[name] = value
	}
	for _, text := range s.params {
		param, err := shellParam(text)
		if err != nil {
			return f, err
		}
		f.Params = append(f.Params, param)
	}
	return f.Infer()
}

// shellParam reads name[:type][=default]. The default of a text is the text.
func shellParam(text string) (shell.Param, error) {
	head, value, given := strings.Cut(text, "=")
	name, kind, _ := strings.Cut(head, ":")
	p := shell.Param{Name: name, Type: kind}
	if !given {
		return p, nil
	}
	p.Default = json.RawMessage(value)
	if kind == "" || kind == shell.Text {
		quoted, err := json.Marshal(value)
		if err != nil {
			return p, kit.Usagef("--param %q: %w", text, err)
		}
		p.Default = quoted
	} else if !json.Valid(p.Default) {
		return p, kit.Usagef("--param %q: the default of the type %s is JSON", text, kind)
	}
	return p, nil
}

// registerShell registers what the flags describe.
func (a *app) registerShell(ctx context.Context, s *shellFlags, args []string, name, description string, retry yonder.Retry) error {
	if len(args) > 0 {
		return kit.Usagef("register a command or a Python function, not both: leave out %q", args[0])
	}
	if name == "" {
		return kit.Usagef("give the command a name: yonder function register --shell '…' --name NAME")
	}
	f, err := s.function()
	if err != nil {
		return err
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	body, err := shellBody(f)
	if err != nil {
		return err
	}
	made, err := c.RegisterFunction(ctx, wire.RegisterFunction{
		Name: name, Kind: yonder.KindShell, Description: description, Body: body, Retry: retry,
	})
	if err != nil {
		return err
	}
	return a.Show(made, func() { a.Printf("Registered %s, version %d (%s).\n", signature(made), made.Version, made.ID) })
}

// shellBody checks here what can be, for errors without a service.
func shellBody(f shell.Function) ([]byte, error) {
	if _, err := f.Compile(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(f)
	if err != nil {
		return nil, yonder.Errorf(yonder.CodeInvalidRequest, "the function is not JSON: %w", err)
	}
	return body, nil
}

// showCommand prints the command of a shell function.
func (a *app) showCommand(ctx context.Context, c *client.Client, f yonder.Function) error {
	if f.Kind != yonder.KindShell {
		return nil
	}
	body, err := c.FunctionBody(ctx, f.ID, f.Version)
	if err != nil {
		return err
	}
	p, err := shell.Parse(body)
	if err != nil {
		return err
	}
	var types []string
	for _, param := range p.Params {
		text := param.Name + ": " + param.Type
		if param.Default != nil {
			text += " = " + string(param.Default)
		}
		types = append(types, text)
	}
	a.Fields("parameters", strings.Join(types, ", "), "shell", p.Shell, "outputs", strings.Join(slices.Clone(p.Outputs), " "))
	a.Printf("\n%s\n", kit.Printable(p.Command))
	return nil
}

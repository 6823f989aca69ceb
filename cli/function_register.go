package cli

import (
	"cmp"
	"context"
	_ "embed" // the program below
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/endpoint/pythons"
)

// registerProgram runs where the Python package is: only Python can pack a
// Python function.
//
//go:embed register.py
var registerProgram string

func newFunctionRegister(a *app) *cobra.Command {
	var python, name, description string
	var command shellFlags
	var retry retryFlags
	cmd := &cobra.Command{
		Use:   "register {FILE:NAME | --shell COMMAND --name NAME}",
		Short: "Register a function of a Python file, or a command of the shell",
		Long: "Registers a function of a Python file with the code that it uses, by running an interpreter that has\n" +
			"the Python package. The same code under the same name is the same version.\n\n" +
			"With --shell it registers a command. {name} in it stands for an argument, quoted for the shell so that no\n" +
			"value can be code, and {name!raw} for code on purpose; {{ and }} are braces. Types of parameters are text,\n" +
			"integer, number, boolean, list and json. Output patterns, variables and --stdin may have placeholders too.",
		Example: "  yonder function register simulate.py:simulate\n" +
			"  yonder function register lib/model.py:Model.fit --name fit --python .venv/bin/python\n" +
			"  yonder function register --name top --shell 'sort -rn {file} | head -n {n}' --param n:integer=10\n" +
			"  yonder function register --name render --shell-file render.sh --output '*.png' --check",
		Args: needs(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if command.given() {
				return a.registerShell(cmd.Context(), &command, args, name, description, retry.policy())
			}
			if len(args) == 0 {
				return kit.Usagef("say what to register: FILE:NAME, or --shell COMMAND")
			}
			python = cmp.Or(python, a.Getenv("YONDER_PYTHON"), pythons.Beside(), "python3")
			return a.registerPython(cmd.Context(), python, args[0], name, description, retry.policy())
		},
	}
	cmd.Flags().StringVar(&python, "python", "",
		"`interpreter` that has the Python package (default $YONDER_PYTHON, else the one beside this program, else python3)")
	cmd.Flags().StringVar(&name, "name", "", "what to call it (default its own name)")
	retry.add(cmd.Flags(), "the service's")
	cmd.Flags().StringVar(&description, "description", "", "what people should know about it")
	command.add(cmd)
	return cmd
}

// registerPython registers FILE:NAME by running the interpreter.
func (a *app) registerPython(ctx context.Context, python, what, name, description string, retry yonder.Retry) error {
	file, function, ok := cutLast(what, ":")
	if !ok || function == "" || file == "" {
		return kit.Usagef("%q is not FILE:NAME, such as simulate.py:simulate", what)
	}
	c, err := a.client() // before anything of the file is run
	if err != nil {
		return err
	}
	policy, err := json.Marshal(retry)
	if err != nil {
		return fmt.Errorf("encoding the retry policy: %w", err)
	}
	made, err := a.runRegister(ctx, python, absolute(file), function, name, description, string(policy))
	if err != nil {
		return err
	}
	f, err := c.Function(ctx, made.ID, made.Version)
	if err != nil {
		return err
	}
	return a.Show(f, func() { a.Printf("Registered %s, version %d (%s).\n", f.Name, f.Version, f.ID) })
}

func cutLast(s, separator string) (before, after string, ok bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// registered is what the program answers.
type registered struct {
	yonder.Error

	ID      yonder.ID `json:"id"`
	Version int       `json:"version"`
}

// runRegister runs the program with the login of this command. The answer
// comes in a file: what the user's own prints must not be in its way.
func (a *app) runRegister(ctx context.Context, python string, args ...string) (registered, error) {
	var made registered
	h, err := a.home()
	if err != nil {
		return made, err
	}
	answer, err := os.CreateTemp("", "yonder-register")
	if err != nil {
		return made, fmt.Errorf("making a file for the answer: %w", err)
	}
	defer os.Remove(answer.Name()) // nobody else knows of it
	defer answer.Close()
	cmd := exec.CommandContext(ctx, python, append([]string{"-c", registerProgram, answer.Name()}, args...)...)
	cmd.Env = append(os.Environ(), "YONDER_HOME="+string(h))
	for name, value := range map[string]string{"YONDER_URL": a.url, "YONDER_CA_FILE": absolute(a.caFile)} {
		if value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Stdout, cmd.Stderr = a.Err, a.Err
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return made, yonder.Errorf(yonder.CodeNoInterpreter, "%s cannot be run: %w; name another interpreter with --python", python, err)
	}
	data, _ := io.ReadAll(answer) // a broken answer is seen below
	if json.Unmarshal(data, &made) != nil || err == nil && made.ID.IsZero() {
		return made, yonder.Errorf(yonder.CodeInvalidRequest, "%s could not be loaded by %s: what it wrote above says why", args[0], python)
	}
	if made.Code != "" {
		return made, &made.Error
	}
	return made, nil
}

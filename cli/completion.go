package cli

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder/cli/kit"
)

// script is what `yonder completion --json` prints.
type script struct {
	Shell  string `json:"shell"`
	Script string `json:"script"`
}

var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that completes commands, flags and names in a shell",
		Long: "Prints a script that completes commands, flags, and the names of endpoints, functions, tasks and\n" +
			"groups. Load it in the shell's own start-up file, or once to try it.",
		Example: "  yonder completion bash > ~/.local/share/bash-completion/completions/yonder\n" +
			"  yonder completion zsh > ~/.zfunc/_yonder\n" +
			"  yonder completion fish > ~/.config/fish/completions/yonder.fish",
		Args:      needs(1, 1),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := completionScript(cmd.Root(), args[0])
			if err != nil {
				return err
			}
			return a.Show(script{args[0], text}, func() { a.Printf("%s", text) })
		},
	}
}

func completionScript(root *cobra.Command, shell string) (string, error) {
	var out bytes.Buffer
	var err error
	switch shell {
	case "bash":
		err = root.GenBashCompletionV2(&out, true)
	case "zsh":
		err = root.GenZshCompletion(&out)
	case "fish":
		err = root.GenFishCompletion(&out, true)
	case "powershell":
		err = root.GenPowerShellCompletionWithDesc(&out)
	default:
		return "", kit.Usagef("there is no completion for %q: there is for bash, zsh, fish and powershell", shell)
	}
	if err != nil {
		return "", fmt.Errorf("writing the script: %w", err)
	}
	return out.String(), nil
}

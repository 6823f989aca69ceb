package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder/cli/kit"
)

// Command is what tests check of every command.
type Command struct {
	Path    []string // without "yonder"
	Example string
	Hidden  bool
	Runs    bool // rather than holding others
}

// Commands lists all commands.
func Commands() []Command {
	var all []Command
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		all = append(all, Command{
			Path: strings.Fields(cmd.CommandPath())[1:], Example: cmd.Example, Hidden: cmd.Hidden, Runs: !cmd.HasSubCommands(),
		})
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&app{Console: kit.OS()}))
	return all
}

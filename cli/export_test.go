package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/cli/settings"
)

// Command is what tests check of every command.
type Command struct {
	Path    []string // without "yonder"
	Example string
	Hidden  bool
	Runs    bool // rather than holding others
	Short   string
	JSON    bool     // has the flag
	Numbers []string // flags that take a number or a length of time
}

// Commands lists all commands.
func Commands() []Command {
	var all []Command
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		one := Command{
			Path: strings.Fields(cmd.CommandPath())[1:], Example: cmd.Example, Hidden: cmd.Hidden, Runs: !cmd.HasSubCommands(),
			Short: cmd.Short, JSON: cmd.Flag("json") != nil,
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if _, setting := settings.Of(f); !setting && (f.Value.Type() == "int" || f.Value.Type() == "duration") {
				one.Numbers = append(one.Numbers, f.Name)
			}
		})
		all = append(all, one)
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&app{Console: kit.OS()}))
	return all
}

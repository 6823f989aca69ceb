// Package cli is the command line: one file per command, over the Go SDK and
// the programs of the other folders. It wires and configures; it decides
// nothing.
package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/internal/nearest"
	"github.com/yonder-run/yonder/internal/version"
)

// app is what all commands of one run of the program share.
type app struct {
	*kit.Console

	dir, url, caFile string // flags
	connected        *client.Client
	files            string // directory for the output files of a result
}

// Main runs the command line and returns the exit code of the process. The
// first SIGINT or SIGTERM ends the command's context; a second one ends the
// process.
func Main(ctx context.Context, console *kit.Console, args []string) int {
	ctx, stop := interruptible(ctx)
	defer stop()
	a := &app{Console: console}
	root := newRoot(a)
	root.SetArgs(args)
	err := execute(ctx, root)
	a.JSON = a.JSON || wantsJSON(args)
	return a.Fail(ctx, err)
}

// execute turns a crash into an error: what a person needs is where to send
// the details, not the details.
func execute(ctx context.Context, root *cobra.Command) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = crash(p, debug.Stack())
		}
	}()
	return root.ExecuteContext(ctx) //nolint:wrapcheck // the commands' own errors
}

func crash(p any, stack []byte) error {
	file, err := os.CreateTemp("", "yonder-crash-*.txt")
	if err != nil {
		return yonder.Errorf(yonder.CodeInternal, "this is a bug: %v", p)
	}
	defer file.Close()
	fmt.Fprintf(file, "%s\n\n%v\n\n%s", version.String(), p, stack)
	return yonder.Errorf(yonder.CodeInternal, "this is a bug: %v; please report it with %s", p, file.Name())
}

func interruptible(ctx context.Context) (context.Context, func()) {
	signalled, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancelCause(ctx)
	context.AfterFunc(signalled, func() {
		stop()
		cancel(kit.ErrInterrupted)
	})
	return ctx, stop
}

// wantsJSON looks for the flag where flags could not be read: their errors
// are JSON too.
func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json")
}

const (
	groupStart  = "start"
	groupWork   = "work"
	groupPlaces = "places"
	groupPeople = "people"
)

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "yonder",
		Short: "Run functions on any machine that has an endpoint",
		Long: "Yonder runs functions on any machine that has an endpoint: register a function once,\n" +
			"run it anywhere, and get the result back wherever you are.\n\n" +
			"\"yonder up\" starts everything on this machine for a first try.\n\n" +
			"Exit codes: 0 done, 1 a bug, 2 wrong use, 3 not allowed, 4 no such thing, 5 something is in the way,\n" +
			"6 over a limit, 7 the task failed, 8 the other side cannot be reached, 9 the state of this machine.",
		Example:           "  yonder up\n  yonder run hello '\"world\"' --endpoint local",
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true}, // there is one with examples
		SilenceUsage:      true,
		Args:              cobra.ArbitraryArgs,
		RunE:              unknownCommand,
	}
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetIn(a.In)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
			return unknownCommand(cmd, words) // whose flags are not known, either
		}
		return kit.Usagef("%w; %s\"%s --help\" lists the flags", err, kit.UnknownFlag(cmd.Flags(), err), cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.BoolVar(&a.JSON, "json", false, "answer with one JSON document")
	flags.StringVar(&a.dir, "dir", "", "directory of Yonder's state (default $YONDER_HOME, else ~/.yonder)")
	flags.StringVar(&a.url, "url", "", "address of the service (default $YONDER_URL, else that of the login)")
	flags.StringVar(&a.caFile, "ca-file", "", "PEM `file` of certificates to trust (default $YONDER_CA_FILE)")
	addCommands(root, a)
	return root
}

func addCommands(root *cobra.Command, a *app) {
	root.AddGroup(
		&cobra.Group{ID: groupStart, Title: "Start here:"},
		&cobra.Group{ID: groupWork, Title: "Functions and tasks:"},
		&cobra.Group{ID: groupPlaces, Title: "Endpoints and services:"},
		&cobra.Group{ID: groupPeople, Title: "People and access:"},
	)
	for id, commands := range map[string][]*cobra.Command{
		groupStart:  {newUp(a), newDown(a), newLogin(a), newLogout(a), newWhoami(a), newDoctor(a)},
		groupWork:   {newFunction(a), newRun(a), newMap(a), newTask(a), newGroup(a), newExplain(a)},
		groupPlaces: {newEndpoint(a), newServe(a), newAgent(a), newManager(a), newWorker(), newSimulate(a)},
		groupPeople: {newIdentity(a), newToken(a), newLimits(a)},
		"":          {newCompletion(a), newVersion(a)},
	} {
		for _, command := range commands {
			command.GroupID = id
			root.AddCommand(command)
		}
	}
}

// unknownCommand is what a command does that only has others below it.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help() //nolint:wrapcheck // writing to the console
	}
	if near := suggestions(cmd, args[0]); len(near) > 0 {
		return kit.Usagef("%s has no command %q; did you mean %s?", cmd.CommandPath(), args[0], strings.Join(near, " or "))
	}
	return kit.Usagef("%s has no command %q; \"%s --help\" lists them", cmd.CommandPath(), args[0], cmd.CommandPath())
}

// suggestions are the command that is nearest to a word, else those further
// down that have it as their name, each in quotes.
func suggestions(cmd *cobra.Command, word string) []string {
	var here, below []string
	for _, child := range cmd.Commands() {
		if !child.IsAvailableCommand() {
			continue
		}
		here = append(here, child.Name())
		for _, grandchild := range child.Commands() {
			if grandchild.Name() == word && grandchild.IsAvailableCommand() {
				below = append(below, strconv.Quote(child.Name()+" "+word))
			}
		}
	}
	if near := nearest.To(word, here); near != "" {
		return []string{strconv.Quote(near)}
	}
	return below
}

// parent returns a command that only has others below it.
func parent(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs, RunE: unknownCommand}
	cmd.AddCommand(commands...)
	if len(commands) > 0 {
		cmd.Example = commands[0].Example
	}
	return cmd
}

// needs checks how many arguments there are; most < 0 sets no limit.
func needs(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return kit.Usagef("expected \"%s\", found %d arguments; \"%s --help\" explains them",
				cmd.UseLine(), len(args), cmd.CommandPath())
		}
		return nil
	}
}

func (a *app) home() (home.Home, error) { return home.Find(a.dir, a.Getenv) }

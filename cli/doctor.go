package cli

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/doctor"
	"github.com/yonder-run/yonder/cli/kit"
)

func newDoctor(a *app) *cobra.Command {
	options := doctor.Options{Login: a.login, Connect: a.client}
	var noRun bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything between you and a result, and say what to do",
		Long: "Checks this machine, the login, the way to the service, the token and your endpoints, and runs a task\n" +
			"that does nothing at each. Each line says what was found: ✓ is fine, ! may become a problem, ✗ is one,\n" +
			"and the line below says what to do. The exit code is that of the first problem.\n" +
			"The task's function is not registered: it goes once it was not run for long.",
		Example: "  yonder doctor\n  yonder doctor --endpoint cluster --timeout 10m\n  yonder doctor --no-run --json",
		Args:    needs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if options.Home, err = a.home(); err != nil {
				return err
			}
			options.Program, _ = os.Executable() // a program that was deleted has none
			options.Python = cmp.Or(options.Python, a.Getenv("YONDER_PYTHON"), "python3")
			options.Endpoint = cmp.Or(options.Endpoint, a.Getenv("YONDER_ENDPOINT"))
			options.Places, options.Agent, options.Run = places, a.agentHere, !noRun
			return a.examine(cmd.Context(), options)
		},
	}
	cmd.Flags().StringVarP(&options.Endpoint, "endpoint", "e", "", "`name` or id (default $YONDER_ENDPOINT, else each that you may use)")
	cmd.Flags().StringVar(&options.Python, "python", "", "`interpreter` that you submit from (default $YONDER_PYTHON, else python3)")
	cmd.Flags().BoolVar(&noRun, "no-run", false, "run no task")
	kit.Duration(cmd.Flags(), &options.Patience, "timeout", 30*time.Second, "how long the task may take")
	completeFlag(cmd, "endpoint", complete(a, endpoints))
	return cmd
}

// examined is what `yonder doctor --json` prints.
type examined struct {
	Findings []doctor.Finding `json:"findings"`
}

func (a *app) examine(ctx context.Context, options doctor.Options) error {
	progress := a.Progress(ctx, "looking at this machine")
	defer progress.Stop()
	all := doctor.Examine(ctx, options,
		func(check string) { progress.Sayf("looking at the %s", check) },
		func(f doctor.Finding) {
			if !a.JSON && f.Mark != doctor.Skipped {
				progress.Clear()
				a.showFinding(f)
			}
		})
	progress.Stop()
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if err := a.Show(examined{all}, func() { a.showSkipped(all) }); err != nil {
		return err
	}
	return doctor.Verdict(all)
}

// showSkipped names in one line what could not be looked at.
func (a *app) showSkipped(all []doctor.Finding) {
	var names []string
	for _, f := range all {
		if f.Mark == doctor.Skipped && !slices.Contains(names, f.Check) {
			names = append(names, f.Check)
		}
	}
	if len(names) > 0 {
		a.Printf("%s %-12s %s\n", a.Paint(kit.Grey, "-"), "and then", strings.Join(names, ", ")+": once the above is mended")
	}
}

var marks = map[doctor.Mark]struct {
	sign   string
	colour kit.Colour
}{
	doctor.Fine: {"✓", kit.Green}, doctor.Warning: {"!", kit.Yellow}, doctor.Failed: {"✗", kit.Red},
}

func (a *app) showFinding(f doctor.Finding) {
	mark := marks[f.Mark]
	a.Printf("%s %-12s %s\n", a.Paint(mark.colour, mark.sign), f.Check, kit.Clean(f.Found))
	if f.Next != "" {
		a.Printf("  %-12s → %s\n", "", kit.Clean(f.Next))
	}
}

// agentHere finds the endpoint of this machine that has the id.
func (a *app) agentHere(id yonder.ID) (state, dir string, ok bool) {
	h, err := a.home()
	if err != nil {
		return "", "", false
	}
	all, err := allHere(h)
	if err != nil {
		return "", "", false
	}
	for _, e := range all {
		if e.config.Endpoint == id && e.State != hereBroken {
			return e.State, e.config.StateDir, true
		}
	}
	return "", "", false
}

package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// submission is the flags that `run` and `map` share.
type submission struct {
	endpoint, label  string
	version          int
	retry            retryFlags
	priority         int
	walltime, giveUp time.Duration
}

func (s *submission) flags(cmd *cobra.Command, a *app) {
	flags := cmd.Flags()
	flags.StringVarP(&s.endpoint, "endpoint", "e", "", "`name` or id (default $YONDER_ENDPOINT, else the only one that you may use)")
	kit.Count(flags, &s.version, "version", 0, 1, "`number` of the function's version (default the newest)")
	flags.StringVar(&s.label, "label", "", "a name to find it by")
	flags.IntVar(&s.priority, "priority", 0, "higher goes first among your own tasks")
	s.retry.add(flags, "the function's, else the service's")
	kit.Duration(flags, &s.walltime, "walltime", 0, "stop a task that runs longer, such as 10m")
	kit.Duration(flags, &s.giveUp, "give-up-after", 0, "fail if there is no result by then, such as 24h")
	completeFlag(cmd, "endpoint", complete(a, endpoints))
}

// bundle looks up function and endpoint, both at once.
func (s *submission) bundle(ctx context.Context, a *app, c *client.Client, function string) (wire.Bundle, error) {
	b := wire.Bundle{
		Group: yonder.NewID(), Version: s.version, Label: s.label, Priority: s.priority,
		Retry: s.retry.policy(), Walltime: s.walltime.Seconds(),
	}
	if s.giveUp > 0 {
		at := time.Now().Add(s.giveUp).UTC()
		b.GiveUpAt = &at
	}
	lookups, ctx := errgroup.WithContext(ctx)
	lookups.Go(func() (err error) {
		b.Function, err = functions.resolve(ctx, c, function)
		return err
	})
	lookups.Go(func() (err error) {
		b.Endpoint, err = place(ctx, c, cmp.Or(s.endpoint, a.Getenv("YONDER_ENDPOINT")))
		return err
	})
	return b, lookups.Wait()
}

// place returns the endpoint that ref names, or the only one there is.
func place(ctx context.Context, c *client.Client, ref string) (yonder.ID, error) {
	if ref != "" {
		return endpoints.resolve(ctx, c, ref)
	}
	page, err := client.List[yonder.Endpoint](ctx, c, "endpoints", nil)
	if err != nil {
		return yonder.ID{}, err
	}
	switch len(page.Items) {
	case 0:
		return yonder.ID{}, yonder.Errorf(yonder.CodeNotFound,
			"there is no endpoint that you may use: \"yonder endpoint configure NAME\" makes one on this machine")
	case 1:
		return page.Items[0].ID, nil
	}
	var names []string
	for _, e := range page.Items {
		names = append(names, e.Name)
	}
	return yonder.ID{}, kit.Usagef("say where to run it with --endpoint: %s", kit.Short(strings.Join(names, ", ")))
}

// places are the endpoint that ref names, or all that may be used.
func places(ctx context.Context, c *client.Client, ref string) ([]yonder.Endpoint, error) {
	if ref == "" {
		all, err := client.All[yonder.Endpoint](ctx, c, endpoints.listing, nil)
		if err != nil || len(all) > 1 {
			return all, err
		}
	}
	id, err := place(ctx, c, ref)
	if err != nil {
		return nil, err
	}
	e, err := c.Endpoint(ctx, id)
	return []yonder.Endpoint{e}, err
}

// running is what `yonder run --no-wait --json` prints.
type running struct {
	Task  yonder.ID `json:"task"`
	Group yonder.ID `json:"group"`
}

// runFlags are the flags of `yonder run`.
type runFlags struct {
	submission

	keywords []string
	timeout  time.Duration
	detach   bool
}

func newRun(a *app) *cobra.Command {
	var s runFlags
	cmd := &cobra.Command{
		Use:   "run FUNCTION [ARGUMENT…]",
		Short: "Run a function, wait for it and print what it returns",
		Long: "Runs a function, waits for it and prints what it returns. Arguments are JSON; a word that cannot be\n" +
			"meant as JSON is a text. What the function printed, and its traceback, go to standard error.\n" +
			"Interrupting the command does not stop the task.",
		Example: "  yonder run add 2 40 --endpoint local\n" +
			"  yonder run greet Ada --kwarg greeting='\"Good morning\"'\n" +
			"  yonder run render scene.blend --files pictures\n" +
			"  yonder run simulate '{\"steps\": 1000}' -e cluster --no-wait\n" +
			"  yonder run add -e local -- -2 40",
		Args:              needs(1, -1),
		ValidArgsFunction: complete(a, functions),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), &s, args[0], args[1:]) },
	}
	s.flags(cmd, a)
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if strings.Contains(err.Error(), "unknown shorthand flag") {
			return kit.Usagef("%w; put \"--\" before negative numbers: yonder run FUNCTION --endpoint E -- -1", err)
		}
		return cmd.Root().FlagErrorFunc()(cmd, err)
	})
	cmd.Flags().StringArrayVarP(&s.keywords, "kwarg", "k", nil, "a keyword argument, `name=JSON`")
	cmd.Flags().StringVar(&a.files, "files", "", "save the output files of a shell function in this `directory`")
	cmd.Flags().BoolVar(&s.detach, "no-wait", false, "print the task's id at once")
	kit.Duration(cmd.Flags(), &s.timeout, "timeout", 0, "stop waiting after this long; the task goes on")
	return cmd
}

func (a *app) run(ctx context.Context, s *runFlags, function string, args []string) error {
	call, err := arguments(args, s.keywords)
	if err != nil {
		return err
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	b, err := s.bundle(ctx, a, c, function)
	if err != nil {
		return err
	}
	b.ID = yonder.NewBundleID()
	if err := submit(ctx, c, b, []wire.Call{call}); err != nil {
		return err
	}
	if s.detach {
		r := running{Task: b.ID.Task(0), Group: b.Group}
		return a.Show(r, func() { a.Printf("%s\n", r.Task) })
	}
	return a.finish(ctx, c, b.ID.Task(0), s.timeout, outage{met: true})
}

// arguments reads a call from the command line.
func arguments(args, keywords []string) (wire.Call, error) {
	call := wire.Call{}
	for _, arg := range args {
		value, err := argument(arg)
		if err != nil {
			return call, err
		}
		call.Args = append(call.Args, value)
	}
	for _, keyword := range keywords {
		name, text, ok := strings.Cut(keyword, "=")
		if !ok || name == "" {
			return call, kit.Usagef("--kwarg %q is not name=JSON", keyword)
		}
		value, err := argument(text)
		if err != nil {
			return call, err
		}
		if call.Kwargs == nil {
			call.Kwargs = map[string]any{}
		}
		call.Kwargs[name] = value
	}
	return call, nil
}

// pythonWords look like texts and are hardly ever meant so.
var pythonWords = map[string]string{"True": "true", "False": "false", "None": "null"}

// argument takes JSON as it is and a plain word as a text. What begins like
// JSON and is none is a mistake that must not run.
func argument(text string) (any, error) {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text), nil
	}
	if python, ok := pythonWords[text]; ok {
		return nil, kit.Usagef("arguments are JSON: write %s instead of %s, or '\"%s\"' for the text", python, text, text)
	}
	if text == "" || !strings.ContainsAny(text[:1], `{["-0123456789 `) {
		return text, nil
	}
	return nil, kit.Usagef("the argument %s is not JSON; if it is meant as a text, quote it twice: '%q'", kit.Short(text), text)
}

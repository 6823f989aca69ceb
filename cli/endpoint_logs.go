package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/cli/kit"
)

func newEndpointLogs(a *app) *cobra.Command {
	var follow bool
	var lines int
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print the log of an endpoint's agent on this machine",
		Example: "  yonder endpoint logs laptop\n" +
			"  yonder endpoint logs laptop -f --lines 0",
		Args: needs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := a.home()
			if err != nil {
				return err
			}
			e, err := lookHere(h, args[0])
			if err != nil {
				return err
			}
			if a.JSON {
				return kit.Usagef("a log is no JSON document: use \"yonder endpoint logs\" without --json")
			}
			return a.printLog(cmd.Context(), logOf(h, e), lines, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing until interrupted")
	cmd.Flags().IntVarP(&lines, "lines", "n", 100, "begin with so many of the last lines")
	return cmd
}

// logOf is where the agent's log is: its own file, or that of `yonder up`.
func logOf(h home.Home, e here) string {
	if pid, err := h.Owner(); err == nil && pid == e.PID {
		return h.LogFile()
	}
	if _, err := os.Stat(e.log()); errors.Is(err, fs.ErrNotExist) && e.Name == localEndpoint {
		return h.LogFile()
	}
	return e.log()
}

// tailBytes is how far back the last lines are looked for.
const tailBytes = 1 << 20

func (a *app) printLog(ctx context.Context, name string, lines int, follow bool) error {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return yonder.Errorf(yonder.CodeNotFound, "there is no log yet: the agent writes %s once it is started in the background", name)
	}
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	defer file.Close()
	if err := lastLines(a.Out, file, lines); err != nil || !follow {
		return err
	}
	for {
		if _, err := io.Copy(a.Out, file); err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
		if pause(ctx, 200*time.Millisecond) != nil {
			return nil
		}
		if err := rewind(file); err != nil {
			return err
		}
	}
}

// lastLines prints the last lines and leaves the file at its end.
func lastLines(out io.Writer, file *os.File, lines int) error {
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	if _, err := file.Seek(max(0, info.Size()-tailBytes), io.SeekStart); err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	start := len(data)
	for n := 0; n < lines && start > 0; n++ {
		start = bytes.LastIndexByte(data[:start-1], '\n') + 1
	}
	_, err = out.Write(data[start:])
	return err //nolint:wrapcheck // of the console
}

// rewind begins anew in a file that was emptied by a new start.
func rewind(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	at, err := file.Seek(0, io.SeekCurrent)
	if err == nil && at > info.Size() {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	return nil
}

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
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
		Args:              needs(1, 1),
		ValidArgsFunction: completeHere(a),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := a.home()
			if err != nil {
				return err
			}
			e, err := lookHere(h, args[0])
			if err != nil {
				return err
			}
			if a.JSON && follow {
				return kit.Usagef("what has no end is no JSON document: use --json without --follow")
			}
			return a.printLog(cmd.Context(), logOf(h, e), lines, follow)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing until interrupted")
	kit.CountP(cmd.Flags(), &lines, "lines", "n", 100, 0, "begin with so many of the last lines")
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
	last, err := lastLines(file, lines)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.Show(map[string]any{"file": name, "lines": list(last)}, nil)
	}
	for _, line := range last {
		a.Printf("%s\n", line)
	}
	if !follow {
		return nil
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

// lastLines returns the last whole lines and leaves the file behind them.
func lastLines(file *os.File, n int) ([]string, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	start := max(0, info.Size()-tailBytes)
	data, err := io.ReadAll(io.NewSectionReader(file, start, info.Size()-start))
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	end := bytes.LastIndexByte(data, '\n') + 1
	if _, err := file.Seek(start+int64(end), io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(data[:end]), "\n"), "\n")
	if end == 0 {
		lines = nil
	}
	return lines[max(0, len(lines)-n):], nil
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

package shellworker

import (
	"os"
	"syscall"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// claims are the tasks of a run that the worker may begin, those before next;
// the others may go to another worker before this one has claimed them.
type claims struct {
	run  wire.Run
	pipe *os.File // nil: all is claimed
	next int
}

func openClaims(path string, run wire.Run) (*claims, error) {
	c := &claims{run: run, next: run.Hi}
	if run.Block <= 0 || run.Block >= run.Hi-run.Lo {
		return c, nil
	}
	pipe, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, yonder.Errorf(yonder.CodeInternal, "opening the pipe of claims: %w", err)
	}
	c.pipe, c.next = pipe, run.Lo+run.Block
	return c, nil
}

// may says whether the worker may begin a task, which follows those that it
// has begun.
func (c *claims) may(index int) (bool, error) {
	if index < c.next || index >= c.run.Hi {
		return index < c.run.Hi, nil
	}
	got, err := tryByte(c.pipe)
	if err != nil {
		return false, yonder.Errorf(yonder.CodeInternal, "claiming tasks: %w", err)
	}
	if !got {
		c.run.Hi = c.next
		return false, nil
	}
	c.next = min(c.next+c.run.Block, c.run.Hi)
	return true, nil
}

// Close lets go of the pipe.
func (c *claims) Close() {
	if c.pipe != nil {
		c.pipe.Close()
	}
}

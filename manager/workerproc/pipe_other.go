//go:build !unix

package workerproc

import (
	"errors"
	"time"

	"github.com/yonder-run/yonder/manager/live"
)

// pipe does not exist here: endpoints run on Unix systems.
type pipe struct{}

func openPipe(string, int, tap) (*pipe, error) {
	return nil, errors.New("workers need named pipes, which this system does not have")
}

func (*pipe) pump(func() live.Place) {}
func (*pipe) take(live.Place) string { return "" }

func (*pipe) last() time.Time { return time.Time{} }

// Close does nothing.
func (*pipe) Close() {}

func killGroup(int, bool) error { return errors.New("this system has no process groups") }

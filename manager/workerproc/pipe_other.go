//go:build !unix

package workerproc

import "errors"

// pipe does not exist here: endpoints run on Unix systems.
type pipe struct{}

func openPipe(string, int) (*pipe, error) {
	return nil, errors.New("workers need named pipes, which this system does not have")
}

func (*pipe) pump()        {}
func (*pipe) take() string { return "" }

// Close does nothing.
func (*pipe) Close() {}

func killGroup(int, bool) error { return errors.New("this system has no process groups") }

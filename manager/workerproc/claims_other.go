//go:build !unix

package workerproc

import "errors"

// claims does not exist here: endpoints run on Unix systems.
type claims struct{}

func openClaims(string) (*claims, error) {
	return nil, errors.New("workers need named pipes, which this system does not have")
}

func (*claims) put(int) error { return nil }
func (*claims) take() int     { return 0 }

// Close does nothing.
func (*claims) Close() {}

//go:build !linux

package workerproc

// tree is empty where the system does not tell who came of whom.
type tree map[int]struct{}

func (tree) grow(int) {}

func (tree) signal(bool, int) {}

//go:build !linux

package local

import (
	"fmt"
	"strconv"

	"github.com/shirou/gopsutil/v4/process"
)

// birthOf returns when the process started, in milliseconds since 1970.
func birthOf(pid int) (string, error) {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return "", fmt.Errorf("looking for process %d: %w", pid, err)
	}
	at, err := p.CreateTime()
	if err != nil {
		return "", fmt.Errorf("asking when process %d started: %w", pid, err)
	}
	return strconv.FormatInt(at, 10), nil
}

package local

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

var errGone = errors.New("no such process")

// birthOf returns when the process started, in ticks since the system did. A
// process that ended and was not waited for is gone.
func birthOf(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", errGone
	}
	// The second field, the name in brackets, may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return "", errGone
	}
	return fields[19], nil
}

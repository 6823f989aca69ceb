// Package profile leaves profiles of a process in a directory that its
// environment names, for `go tool pprof`: which code used the processor, which
// allocated, and which waited for others.
package profile

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"
)

const (
	// Variable names the directory; without it there are no profiles.
	Variable = "YONDER_PROFILE"
	// blockRate samples one wait for each millisecond of waiting, which costs
	// next to nothing.
	blockRate = int(time.Millisecond)
	// mutexRate samples one of so many waits for a lock.
	mutexRate = 100
)

// others are written at the end, besides the processor's profile.
var others = []string{"allocs", "block", "mutex", "goroutine"}

// Begin profiles this process until end is called, and then writes
// NAME-PID.KIND.pb.gz into dir, which is made. An empty dir means no profiles.
func Begin(dir, name string) (end func() error, err error) {
	if dir == "" {
		return func() error { return nil }, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a directory for profiles: %w", err)
	}
	base := filepath.Join(dir, fmt.Sprintf("%s-%d", cmp.Or(name, "yonder"), os.Getpid()))
	cpu, err := create(base, "cpu")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, fmt.Errorf("profiling the processor: %w", err)
	}
	runtime.SetBlockProfileRate(blockRate)
	runtime.SetMutexProfileFraction(mutexRate)
	return func() error {
		pprof.StopCPUProfile()
		if err := cpu.Close(); err != nil {
			return fmt.Errorf("writing a profile: %w", err)
		}
		return writeOthers(base)
	}, nil
}

func writeOthers(base string) error {
	for _, kind := range others {
		file, err := create(base, kind)
		if err != nil {
			return err
		}
		err = pprof.Lookup(kind).WriteTo(file, 0)
		if err := cmp.Or(err, file.Close()); err != nil {
			return fmt.Errorf("writing a profile: %w", err)
		}
	}
	return nil
}

func create(base, kind string) (*os.File, error) {
	file, err := os.OpenFile(base+"."+kind+".pb.gz", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making a profile: %w", err)
	}
	return file, nil
}

// Name of a process is made of the words of its command, before the first option.
func Name(args []string) string {
	var words []string
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") || strings.ContainsRune(arg, filepath.Separator) {
			break
		}
		words = append(words, arg)
	}
	return strings.Join(words, "-")
}

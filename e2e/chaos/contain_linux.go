package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

var errNoSpace = syscall.ENOSPC

// contained says whether the run has namespaces of its own.
func contained() bool { return os.Getenv(envContained) != "" }

const envContained = "YONDER_CHAOS_CONTAINED"

// canContain says whether this user may have namespaces: what is mounted in
// them, and every process, disappears with the run, however that ends.
func canContain() bool { return os.Geteuid() == 0 }

// contain runs this program again as the first process of a new process
// namespace, with mounts of its own.
func contain() (int, error) {
	runtime.LockOSThread() // the child is to die with this thread
	defer runtime.UnlockOSThread()
	return again(roleInit, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL})
}

func again(role string, attributes *syscall.SysProcAttr) (int, error) {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), envRole+"="+role, envContained+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = os.Stdin, os.Stdout, os.Stderr, attributes
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

// first is the first process of the namespace: it prepares the mounts, starts
// the run and takes care of orphans until the run is over.
func first() (int, error) {
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return 0, fmt.Errorf("making the mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return 0, fmt.Errorf("mounting /proc: %w", err)
	}
	if err := os.Setenv(envRole, roleRun); err != nil {
		return 0, err
	}
	// Not exec.Cmd: only one may wait for children, and that is the loop below.
	run, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
	})
	if err != nil {
		return 0, fmt.Errorf("starting the run: %w", err)
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("waiting for the run: %w", err)
		}
		if pid == run.Pid {
			return status.ExitStatus(), nil
		}
	}
}

func mountTemporary(dir, options string) error {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		return fmt.Errorf("mounting a small disk at %s: %w", dir, err)
	}
	return nil
}

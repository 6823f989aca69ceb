package workerproc

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/yonder-run/yonder/wire"
)

// explain says for people how a worker's process ended.
func (h *Host) explain(e wire.Exited) string {
	kills, counted := oomKills()
	h.mu.Lock()
	before := h.oom
	h.oom = kills
	h.mu.Unlock()
	switch {
	case e.PID == 0:
		return fmt.Sprintf("the worker could not be forked: %v", syscall.Errno(max(e.Code, 0)))
	case e.Signal == 0:
		return fmt.Sprintf("the worker process ended itself with exit code %d", e.Code)
	}
	text := fmt.Sprintf("the worker process was killed by signal %d", e.Signal)
	if name := signalNames[e.Signal]; name != "" {
		text += " (" + name + ")"
	}
	if e.Signal == sigKill && counted && kills > before {
		text += "; the kernel's out-of-memory killer is a likely cause: it has just killed a process here"
	}
	return text
}

const sigKill = 9

// signalNames are those that end processes; the numbers are the same on all
// Unix systems but for SIGBUS, which is Linux's.
var signalNames = map[int]string{
	1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL, an invalid instruction", 5: "SIGTRAP", 6: "SIGABRT, it aborted itself",
	7: "SIGBUS", 8: "SIGFPE", sigKill: "SIGKILL", 11: "SIGSEGV, a crash in native code", 13: "SIGPIPE", 14: "SIGALRM",
	15: "SIGTERM", 24: "SIGXCPU, the limit of CPU time", 25: "SIGXFSZ, the limit of file size", 31: "SIGSYS, a forbidden system call",
}

// oomKills counts processes that the kernel has killed for want of memory: in
// this manager's control group if there is one, else on the whole machine.
func oomKills() (int64, bool) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(own)) {
		if path, found := strings.CutPrefix(strings.TrimSpace(line), "0::"); found {
			if n, ok := counter("/sys/fs/cgroup" + path + "/memory.events"); ok {
				return n, true
			}
		}
	}
	return counter("/proc/vmstat")
}

// counter reads the line "oom_kill N" of a file.
func counter(file string) (int64, bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), "oom_kill "); found {
			n, err := strconv.ParseInt(value, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

package workerproc

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
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
	if e.Memory > 0 {
		text += fmt.Sprintf(" after it had used up to %d MiB of memory", (e.Memory+1023)/1024)
	}
	if e.Signal == sigKill && counted && kills > before {
		text += "; out of memory: the kernel's out-of-memory killer has just killed a process here"
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

// oomKills counts processes that the kernel has killed for want of memory: on
// the whole machine where it tells that, else in this manager's control group.
func oomKills() (int64, bool) {
	if n, ok := counter("/proc/vmstat"); ok {
		return n, true
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(own)) {
		if n, ok := counter(oomFile(strings.TrimSpace(line))); ok {
			return n, true
		}
	}
	return 0, false
}

// oomFile is where a control group, named by a line of /proc/self/cgroup,
// counts: "0::/path" in the second version, "4:memory:/path" in the first.
func oomFile(line string) string {
	parts := strings.SplitN(line, ":", 3)
	switch {
	case len(parts) == 3 && parts[1] == "":
		return "/sys/fs/cgroup" + parts[2] + "/memory.events"
	case len(parts) == 3 && slices.Contains(strings.Split(parts[1], ","), "memory"):
		return "/sys/fs/cgroup/memory" + parts[2] + "/memory.oom_control"
	}
	return ""
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

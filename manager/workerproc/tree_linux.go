package workerproc

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// tree is a worker's process with all that came of it, by number, with the
// time that tells one from a later process of the same number. What leaves
// the worker's group and session stays in it if it was seen before that, or
// while its parent still lived.
type tree map[int]process

type process struct {
	parent, group, session int
	started                string // in clock ticks since the machine's start
}

// grow looks at the machine's processes: what belongs to the worker comes in,
// what has ended goes out. The worker itself is not in it.
func (t tree) grow(root int) {
	all := processes()
	for pid, was := range t {
		if all[pid].started != was.started {
			delete(t, pid)
		}
	}
	for found := true; found; {
		found = false
		for pid, p := range all {
			_, in := t[pid]
			_, child := t[p.parent]
			if !in && pid != root && (p.session == root || p.parent == root || child) {
				t[pid], found = p, true
			}
		}
	}
}

// signal reaches each process by itself, whatever group it is in by now, but
// for those of the group that is signalled as such.
func (t tree) signal(kill bool, but int) {
	signal := syscall.SIGTERM
	if kill {
		signal = syscall.SIGKILL
	}
	for pid, p := range t {
		if p.group != but {
			_ = syscall.Kill(pid, signal) // it may have ended
		}
	}
}

// processes lists those that are not dead yet.
func processes() map[int]process {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	all := make(map[int]process, len(files))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may hold anything.
		end := bytes.LastIndexByte(data, ')')
		fields := strings.Fields(string(data[max(end, 0):]))
		if len(fields) < 21 || fields[1] == "Z" || fields[1] == "X" {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		var p process
		p.parent, _ = strconv.Atoi(fields[2])
		p.group, _ = strconv.Atoi(fields[3])
		p.session, _ = strconv.Atoi(fields[4])
		p.started = fields[20]
		all[pid] = p
	}
	return all
}

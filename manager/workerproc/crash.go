package workerproc

import (
	"regexp"
	"strings"

	"github.com/yonder-run/yonder/manager/output"
)

// mostFrames is how many calls a message about a crash names: more is a
// recursion, whose last calls tell enough.
const mostFrames = 8

var (
	fatal   = regexp.MustCompile(`(?m)^Fatal Python error: .*$`)
	current = regexp.MustCompile(`(?m)^Current thread .*\(most recent call first\):$`)
	frame   = regexp.MustCompile(`^ {2}File "(.*)", line (\d+) in (.*)$`)
)

// crash makes a sentence of what Python wrote when it crashed: its error, and
// the calls of the thread that had it, the last one first. The frames of the
// worker and of its other threads are left out; nobody who wrote the function
// knows them. Anything else stays as it is.
func crash(text string) string {
	at := fatal.FindStringIndex(text)
	if at == nil {
		return text
	}
	var calls []string
	if begin := current.FindStringIndex(text[at[1]:]); begin != nil {
		calls = ownCalls(text[at[1]+begin[1]:])
	}
	said := text[:at[1]]
	if len(calls) > 0 {
		said += ", in " + strings.Join(calls, ", called by ")
	}
	return said
}

// quotedLines is how many of the last lines that a worker wrote are part of the
// sentence about its end; all of them stand in the task's output.
const quotedLines = 5

// quote is the end of what the worker wrote to stderr since its last report,
// in one line.
func quote(text string) string {
	var lines []string
	for line := range strings.Lines(crash(text)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	if left := len(lines) - quotedLines; left > 0 {
		lines = append([]string{"…"}, lines[left:]...)
	}
	short := output.NewBuffer(quoted)
	_, _ = short.Write([]byte(strings.Join(lines, "; ")))
	return "; it wrote: " + short.Take()
}

// ownCalls are the calls above the worker's own in a dump that begins with a
// thread's last one.
func ownCalls(dump string) []string {
	var calls []string
	for line := range strings.Lines(strings.TrimPrefix(dump, "\n")) {
		part := frame.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if len(part) == 0 || strings.Contains(part[1], ".pyz/yonder/") {
			break
		}
		if len(calls) == mostFrames {
			return append(calls, "more")
		}
		calls = append(calls, part[3]+" ("+part[1]+", line "+part[2]+")")
	}
	return calls
}

package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/e2e/system"
	"github.com/yonder-run/yonder/internal/pgtest"
	"github.com/yonder-run/yonder/wire"
)

// liveRun is a task that does what files tell it, and a follower of it.
type liveRun struct {
	t      *testing.T
	s      *system.System
	dir    string
	client *system.Process
	task   yonder.ID

	mu      sync.Mutex
	text    string
	skipped int64
	events  []wire.TaskEvent
	ended   chan error
}

func submitLive(t *testing.T, s *system.System, kind string, attempts int) *liveRun {
	t.Helper()
	r := &liveRun{t: t, s: s, dir: t.TempDir(), ended: make(chan error, 1)}
	r.client = s.Python("live.py", kind, r.dir, strconv.Itoa(attempts))
	id, err := yonder.ParseID(strings.TrimPrefix(r.client.Await("task "), "task "))
	require.NoError(t, err)
	r.task = id
	return r
}

func (r *liveRun) touch(name any) {
	r.t.Helper()
	require.NoError(r.t, os.WriteFile(filepath.Join(r.dir, fmt.Sprint(name)), nil, 0o600))
}

func (r *liveRun) follow(c *client.Client) {
	go func() {
		r.ended <- c.FollowLogs(context.WithoutCancel(r.t.Context()), r.task, "", func(e wire.TaskEvent) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			if e.Event == wire.EventOutput && e.Stream == wire.StreamStdout {
				r.text += e.Text
			}
			r.skipped += e.Skipped
			e.Text = ""
			r.events = append(r.events, e)
			return nil
		})
	}()
}

func (r *liveRun) await(text string) {
	r.t.Helper()
	r.s.Until("the follower reads "+text, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return strings.Contains(r.text, text)
	})
}

// end waits for the follower, and returns all output that it has read.
func (r *liveRun) end() string {
	r.t.Helper()
	require.NoError(r.t, <-r.ended)
	return r.text
}

func liveSystem(t *testing.T) (s *system.System, service, agent *system.Process) {
	t.Helper()
	s = system.New(t)
	service = s.StartService()
	s.Login()
	s.ConfigureEndpoint("local")
	agent = s.StartAgent("local")
	t.Cleanup(func() { s.StopManagers("local") })
	return s, service, agent
}

// Whatever is killed in between, the follower reads each line once.
func TestATaskIsFollowedThroughCrashes(t *testing.T) {
	t.Parallel()
	s, service, agent := liveSystem(t)
	r := submitLive(t, s, "talk", 1)
	r.follow(s.Client())
	r.touch(0)
	r.await("step 0\n")
	agent.Kill9()
	r.touch(1)
	s.StartAgent("local")
	r.await("step 1\n")
	service.Kill9()
	r.touch(2)
	s.StartService()
	r.await("step 2\n")
	r.touch("end")
	require.Equal(t, "step 0\nstep 1\nstep 2\n", r.end())
	require.Zero(t, r.skipped)
	r.client.Await("result 3 steps")
	last := r.events[len(r.events)-1]
	require.Equal(t, wire.TaskEvent{Event: wire.EventEnd, Attempt: 1, State: yonder.TaskSucceeded}, last)
}

// What a task wrote that was stopped can be read when nobody has followed it.
func TestTheOutputOfAStoppedTaskIsKept(t *testing.T) {
	t.Parallel()
	s, _, _ := liveSystem(t)
	r := submitLive(t, s, "talk", 1)
	r.touch(0)
	id := r.task.String()
	s.Until("the task prints", func() bool { return strings.Contains(s.Run("", "task", "logs", id), "step 0\n") })
	s.Run("", "task", "cancel", id)
	s.Until("the task ends", func() bool { return strings.Contains(s.Run("", "explain", id), "SIGTERM") })
	require.Equal(t, "step 0\n", s.Run("", "task", "logs", id))
	require.Contains(t, s.Run("", "explain", id), "its stdout ended with: step 0")
	said := s.Try("", "task", "result", id)
	require.Equal(t, 7, said.Code)
	require.Contains(t, said.Err, "step 0\n")
}

// The follower is at another replica than the agent.
func TestATaskIsFollowedAtAnotherReplica(t *testing.T) {
	t.Parallel()
	s := system.New(t)
	replicas := startReplicas(t, s, pgtest.DurableURL(t))
	s.LoginTo(replicas[0].URL())
	s.ConfigureEndpoint("local")
	s.StartAgent("local")
	t.Cleanup(func() { s.StopManagers("local") })
	r := submitLive(t, s, "talk", 1)
	r.follow(replicas[1])
	r.touch(0)
	r.await("step 0\n")
	r.touch(1)
	r.await("step 1\n")
	r.touch("end")
	require.Equal(t, "step 0\nstep 1\n", r.end())
}

// A task prints a gigabyte for one reader that reads and one that does not:
// it ends, every byte is read or counted, and nobody's memory grows with it.
func TestAGigabyteIsPrintedForASlowReader(t *testing.T) {
	t.Parallel()
	s, service, agent := liveSystem(t)
	r := submitLive(t, s, "flood", 1)
	lazy := neverReads(t, s, r.task)
	r.follow(s.Client())
	watched := map[string]int{"service": service.PID(), "agent": agent.PID(), "manager": managerPID(t, s)}
	before := map[string]int{}
	for name, pid := range watched {
		before[name] = residentKiB(t, pid)
	}
	r.touch("go")
	r.client.Await("result printed")
	text := r.end()
	const total = 1<<30 + int64(len("the end\n"))
	require.Equal(t, total, r.skipped+int64(len(text)))
	require.True(t, strings.HasSuffix(text, "the end\n"))
	for name, pid := range watched {
		grown := peakKiB(t, pid) - before[name]
		t.Logf("%s: %d KiB before, at most %d KiB more", name, before[name], grown)
		require.Less(t, grown, 150<<10, name)
	}
	require.NoError(t, lazy.Close())
}

// neverReads asks to follow and reads nothing.
func neverReads(t *testing.T, s *system.System, task yonder.ID) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/v1/tasks/"+task.String()+"/logs?follow=true", http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+s.Token())
	require.NoError(t, request.Write(conn))
	return conn
}

func managerPID(t *testing.T, s *system.System) int {
	t.Helper()
	var pid int
	s.Until("there is a manager", func() bool {
		out, err := exec.Command("pgrep", "-f", "manager --rendezvous "+s.Home).Output()
		if err != nil {
			return false
		}
		first, _, _ := bytes.Cut(out, []byte("\n"))
		pid, err = strconv.Atoi(string(first))
		return err == nil
	})
	return pid
}

func residentKiB(t *testing.T, pid int) int { t.Helper(); return statusKiB(t, pid, "VmRSS:") }

func peakKiB(t *testing.T, pid int) int { t.Helper(); return statusKiB(t, pid, "VmHWM:") }

func statusKiB(t *testing.T, pid int, field string) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		if rest, found := strings.CutPrefix(line, field); found {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			require.NoError(t, err)
			return n
		}
	}
	require.FailNow(t, "no such field", field)
	return 0
}

// A generator's values come one by one, each once, though its manager is
// killed in between and another attempt begins.
func TestValuesAreStreamedThroughAnotherAttempt(t *testing.T) {
	t.Parallel()
	s, _, _ := liveSystem(t)
	r := submitLive(t, s, "produce", 2)
	r.touch(0)
	r.client.Await("value 0")
	s.StopManagers("local")
	r.client.Await("value 0") // of the second attempt
	r.touch(1)
	r.client.Await("value 1")
	r.touch(2)
	r.client.Await("value 2")
	r.client.Await("result [{'step': 0}, {'step': 1}, {'step': 2}]")
	r.client.Wait()
}

// Progress can be asked for at any time, and what is stored once it is over.
func TestProgressIsShownWhileATaskRuns(t *testing.T) {
	t.Parallel()
	s, _, _ := liveSystem(t)
	r := submitLive(t, s, "talk", 1)
	r.touch(0)
	c := s.Client()
	s.Until("the progress is there", func() bool {
		logs, err := c.Logs(t.Context(), r.task, client.OnlyProgress)
		require.NoError(t, err)
		for _, e := range logs.Events {
			if e.Progress != nil && e.Progress.Message == "after step 0" {
				return true
			}
		}
		return false
	})
	require.Contains(t, s.Run("", "task", "show", r.task.String()), "after step 0")
	r.touch("end")
	r.client.Wait()
	require.Equal(t, "step 0\n", s.Run("", "task", "logs", r.task.String()))
}

// The program of the how-to runs as it stands there.
func TestHowToFollowATask(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/how-to/live-output.md")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), "\n```python\n")
	program, _, found := strings.Cut(rest, "\n```\n")
	require.True(t, found)
	s, _, _ := liveSystem(t)
	path := filepath.Join(t.TempDir(), "program.py")
	require.NoError(t, os.WriteFile(path, []byte(program), 0o600))
	p := s.PythonFile(path)
	p.Wait()
	for _, says := range []string{"step 9: energy 34.87", "10 of 10, cooling", "result: 34.8", "prime: 29"} {
		require.Contains(t, p.Output(), says)
	}
}

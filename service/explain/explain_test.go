package explain_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/explain"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	now      = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	task     = yonder.ID{1, 15: 7}
	endpoint = yonder.ID{2}
)

func before(d time.Duration) *time.Time {
	t := now.Add(-d)
	return &t
}

func us(d time.Duration) int64 { return before(d).UnixMicro() }

// facts are of a task that is in the state at an online endpoint.
func facts(state yonder.State, change func(*explain.Facts)) explain.Facts {
	f := explain.Facts{Now: now, TaskFacts: store.TaskFacts{
		Task: yonder.Task{
			ID: task, Endpoint: endpoint, State: state, Attempt: 1, Submitted: *before(10 * time.Minute), Function: yonder.ID{3},
		},
		Since: *before(5 * time.Minute), MaxAttempts: 3,
		Endpoint: store.EndpointFacts{
			Endpoint: yonder.Endpoint{
				ID: endpoint, Name: "lab", Online: true, Session: yonder.SessionLive, Epoch: 4, LastSeen: before(3 * time.Second),
				Queued: 1000, Outstanding: 64, Status: &yonder.EndpointStatus{Managers: 1, Blocks: 1, Slots: 64, Busy: 64},
			},
			Capacity: wire.Capacity{Tasks: 1000, Bytes: 1 << 20}, Opened: *before(time.Hour),
		},
	}}
	if change != nil {
		change(&f)
	}
	return f
}

// seen is facts of an accepted task about which the agent says this.
func seen(t wire.AgentTask, change func(*wire.View)) explain.Facts {
	return facts(yonder.RangeAccepted, func(f *explain.Facts) {
		f.View = &wire.View{
			Status: wire.Status{Managers: 1, Blocks: 1, Slots: 64, Busy: 64}, MaxBlocks: 4, Task: &t,
			Managers: []wire.ManagerView{{ID: "m1", Block: "b1", Host: "node7", Slots: 64, Busy: 64, Given: 64, Pythons: []string{"3.11"}}},
		}
		if change != nil {
			change(f.View)
		}
	})
}

func detail(d wire.TaskView) explain.Facts {
	d.Slots, d.Busy = 64, 64
	return seen(wire.AgentTask{State: wire.AgentDispatched, Python: "3.11", Manager: "m1", Host: "node7", Block: "b1", Detail: &d}, nil)
}

var attempt = yonder.Attempt{
	Number: 1, Endpoint: endpoint, Epoch: 4, Place: "node7/w3", State: yonder.RangeStarted,
	Since: *before(9 * time.Minute), Ended: *before(8 * time.Minute),
	Code: yonder.CodeWorkerFailed, Message: "the worker process was killed by signal 11",
}

var tasks = map[string]explain.Facts{
	"queued-behind-others": facts(yonder.RangeQueued, func(f *explain.Facts) { f.Ahead = store.Ahead{Own: 3, Others: 12} }),
	"queued-behind-many":   facts(yonder.RangeQueued, func(f *explain.Facts) { f.Ahead = store.Ahead{Own: 3, Others: 9997, More: true} }),
	"queued-next":          facts(yonder.RangeQueued, nil),
	"queued-resting": facts(yonder.RangeQueued, func(f *explain.Facts) {
		until := now.Add(time.Minute)
		f.Task.Attempt, f.Task.NotBefore = 2, &until
	}),
	"queued-credit-full": facts(yonder.RangeQueued, func(f *explain.Facts) { f.Endpoint.Outstanding = 1000 }),
	"queued-agent-full": facts(yonder.RangeQueued, func(f *explain.Facts) {
		f.Endpoint.Capacity = wire.Capacity{}
		f.Endpoint.Status.Trouble = "the disk of the journal is full"
	}),
	"never-seen": facts(yonder.RangeQueued, func(f *explain.Facts) { f.Endpoint.Online, f.Endpoint.LastSeen = false, nil }),
	"offline": facts(yonder.RangeQueued, func(f *explain.Facts) {
		f.Endpoint.Online, f.Endpoint.Session, f.Endpoint.LastSeen = false, yonder.SessionSilent, before(3*time.Hour)
	}),
	"offline-running": facts(yonder.RangeStarted, func(f *explain.Facts) {
		f.Endpoint.Online, f.Endpoint.Session, f.Endpoint.LastSeen = false, yonder.SessionSilent, before(4*time.Minute)
		f.Silence = "it is not connected"
	}),
	"paused": facts(yonder.RangeQueued, func(f *explain.Facts) {
		f.Endpoint.Paused = &yonder.Pause{Reason: "a new disk", Since: *before(time.Hour)}
	}),
	"endpoint-deleted": facts(yonder.RangeQueued, func(f *explain.Facts) { f.Endpoint = store.EndpointFacts{} }),
	"offered":          facts(yonder.RangeOffered, nil),
	"agent-silent":     facts(yonder.RangeStarted, func(f *explain.Facts) { f.Silence = "the agent did not answer in time" }),
	"agent-unknown":    seen(wire.AgentTask{State: wire.AgentUnknown}, nil),
	"agent-accepting":  seen(wire.AgentTask{State: wire.AgentAccepting}, nil),
	"agent-ended":      seen(wire.AgentTask{State: wire.AgentEnded}, nil),
	"waits-for-slot":   seen(wire.AgentTask{State: wire.AgentWaiting, Python: "3.11", Waiting: 9}, nil),
	// What troubles other tasks does not hold up one that waits for a slot.
	"waits-for-slot-trouble": seen(wire.AgentTask{State: wire.AgentWaiting, Python: "3.11", Waiting: 9}, func(v *wire.View) {
		v.Status.Busy, v.Status.Trouble = v.Status.Slots, "manager m1 on node7: function crasher ended 3 workers in a row: killed by signal 11"
		for i := range v.Managers {
			v.Managers[i].Given = v.Managers[i].Slots
		}
	}),
	"waits-for-block": seen(wire.AgentTask{State: wire.AgentWaiting, Python: "3.11", Waiting: 1}, func(v *wire.View) {
		v.Managers = nil
		v.Blocks = []wire.BlockView{{ID: "b1", Handle: "4711", State: yonder.BlockRequested, Since: us(20 * time.Minute), Reason: "(Priority)"}}
	}),
	"no-block": seen(wire.AgentTask{State: wire.AgentWaiting, Python: "3.11", Waiting: 1}, func(v *wire.View) {
		v.Managers, v.Failures, v.Failed = nil, 3, us(time.Minute)
		v.Failure = "sbatch: error: invalid partition specified: debug"
	}),
	"no-interpreter": seen(wire.AgentTask{State: wire.AgentWaiting, Python: "3.13", Waiting: 1}, nil),
	"manager-lost": seen(wire.AgentTask{
		State: wire.AgentDispatched, Manager: "m1", Host: "node7", Silence: "the manager is not connected",
	}, nil),
	"fetching":          detail(wire.TaskView{State: wire.ManagerFetching}),
	"queued-at-manager": detail(wire.TaskView{State: wire.ManagerQueued, Ahead: 3, Since: us(time.Minute)}),
	"worker-starting": detail(wire.TaskView{
		State: wire.ManagerStarting, Worker: "w9", Environment: "/usr/bin/python3.11", Since: us(time.Second),
	}),
	"worker-failing": detail(wire.TaskView{
		State: wire.ManagerStarting, Worker: "w9", Environment: "/usr/bin/python3.11", Failures: 2,
		Trouble: "workers do not start: ModuleNotFoundError: No module named 'encodings'",
	}),
	"running": detail(wire.TaskView{
		State: wire.ManagerRunning, Worker: "w3", PID: 4711, Environment: "/usr/bin/python3.11",
		Since: us(4 * time.Minute), Printed: us(2 * time.Minute),
	}),
	"running-silent": detail(wire.TaskView{
		State: wire.ManagerRunning, Worker: "w3", PID: 4711, Environment: "/usr/bin/python3.11",
		Since: us(4 * time.Minute), Printed: us(5 * time.Minute),
	}),
	"stopping": func() explain.Facts {
		f := detail(wire.TaskView{State: wire.ManagerStopping, Worker: "w3", PID: 4711, Since: us(4 * time.Minute)})
		f.Task.Cancel, f.CancelWhy, f.CancelAsked = true, "the task was cancelled: wrong input", before(time.Second)
		return f
	}(),
	"retrying": facts(yonder.RangeQueued, func(f *explain.Facts) {
		f.Task.Attempt, f.Attempts = 2, []yonder.Attempt{attempt}
	}),
	"retrying-output": facts(yonder.RangeQueued, func(f *explain.Facts) {
		wrote := attempt
		wrote.Written = 12
		f.Task.Attempt, f.Attempts = 2, []yonder.Attempt{wrote}
	}),
	"failed": facts(yonder.TaskFailed, func(f *explain.Facts) {
		f.Task.Code, f.Task.Message = yonder.CodeFunctionFailed, "ValueError: no such file"
		f.Task.Started, f.Task.Finished, f.Accepted, f.Worker = before(2*time.Minute), before(time.Minute), before(time.Minute), "node7/w3"
	}),
	"exhausted": facts(yonder.TaskFailed, func(f *explain.Facts) {
		f.Task.Attempt, f.MaxAttempts, f.Attempts = 1, 1, []yonder.Attempt{attempt}
		f.Task.Code, f.Task.Message, f.Accepted = yonder.CodeWorkerFailed, attempt.Message+" (attempt 1 of 1)", before(8*time.Minute)
	}),
	"failed-limited": facts(yonder.TaskFailed, func(f *explain.Facts) {
		f.Limited, f.Attempts = true, []yonder.Attempt{attempt}
		f.Task.Code, f.Task.Message, f.Accepted = yonder.CodeFunctionFailed, "ValueError: a secret", before(time.Minute)
	}),
	"cancelled": facts(yonder.TaskCancelled, func(f *explain.Facts) {
		f.Task.Code, f.Task.Message = yonder.CodeTaskCancelled, "the task was cancelled: wrong input; it ended 0.3 s after SIGTERM"
		f.Accepted = before(time.Minute)
	}),
	"done-python": facts(yonder.TaskSucceeded, func(f *explain.Facts) { f.Accepted, f.Codec = before(time.Minute), "pickle" }),
	"done": facts(yonder.TaskSucceeded, func(f *explain.Facts) {
		f.Task.Started, f.Task.Finished, f.Accepted, f.Worker = before(2*time.Minute), before(time.Minute), before(time.Minute), "node7/w3"
	}),
}

func golden(t *testing.T, name string, e wire.Explanation) {
	t.Helper()
	data, err := json.MarshalIndent(e, "", "  ")
	require.NoError(t, err)
	path := filepath.Join("testdata", name+".json")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(path, append(data, '\n'), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the tests of explain with -update")
	require.Equal(t, strings.TrimSpace(string(want)), string(data))
	require.NotEmpty(t, e.Summary)
	for _, step := range e.Steps {
		require.NotEmpty(t, step.Text)
		require.NotContains(t, step.Text, "%!")
	}
	require.NotContains(t, e.Summary+e.Next, "%!")
}

func TestTasksAreExplained(t *testing.T) {
	t.Parallel()
	for name, f := range tasks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := explain.Task(f)
			require.NotEmpty(t, e.Next, "what to do")
			golden(t, name, e)
		})
	}
}

// The endpoint's owner learns nothing of what others' functions say.
func TestWhatIsTheTaskOwnersAloneIsLeftOut(t *testing.T) {
	t.Parallel()
	for name, f := range tasks {
		f.Limited = true
		data, err := json.Marshal(explain.Task(f))
		require.NoError(t, err)
		if f.Task.Message != "" {
			require.NotContains(t, string(data), f.Task.Message, name)
		}
	}
}

var endpoints = map[string]func(*explain.EndpointFacts){
	"endpoint-idle": func(f *explain.EndpointFacts) { f.Queued, f.Outstanding = 0, 0 },
	"endpoint-works": func(f *explain.EndpointFacts) {
		f.Shares = []store.Share{{Owner: yonder.ID{9}, Name: "ada", Queued: 900, Given: 64}, {Owner: yonder.ID{8}, Queued: 100}}
		f.Failures = []yonder.Attempt{attempt}
		f.Visits = []store.Visit{
			{Epoch: 4, Opened: *before(time.Hour), Host: "login1", Version: "0.1.0"},
			{Epoch: 3, Opened: *before(3 * time.Hour), Closed: before(time.Hour), Host: "login1"},
			{Epoch: 2, Opened: *before(4 * time.Hour), Host: "login1"},
		}
		f.View = &wire.View{
			Pythons: []wire.Interpreter{{Version: "3.11.7"}}, Blocks: []wire.BlockView{{ID: "b1", State: yonder.BlockRunning, Since: us(time.Hour)}},
			Managers: []wire.ManagerView{
				{ID: "m1", Block: "b1", Host: "node7", Slots: 64, Busy: 64},
				{ID: "m2", Block: "b1", Host: "node8", Slots: 64, Lost: us(time.Minute)},
			},
		}
	},
	"endpoint-paused": func(f *explain.EndpointFacts) {
		f.Paused = &yonder.Pause{Drain: true, Reason: "a new disk", Since: *before(time.Hour)}
		f.Silence = "the agent did not answer in time"
	},
	"endpoint-trouble": func(f *explain.EndpointFacts) { f.Status.Trouble = "no Python interpreter was found" },
	"endpoint-blocks-fail": func(f *explain.EndpointFacts) {
		f.View = &wire.View{Failures: 4, Failure: "sbatch: error: invalid partition", Failed: us(time.Minute)}
	},
	"endpoint-never-seen": func(f *explain.EndpointFacts) { f.Online, f.LastSeen, f.Status = false, nil, nil },
	"endpoint-limited": func(f *explain.EndpointFacts) {
		f.Limited, f.Shares, f.Failures = true, []store.Share{{Name: "ada"}}, []yonder.Attempt{attempt}
	},
}

func TestEndpointsAreExplained(t *testing.T) {
	t.Parallel()
	for name, change := range endpoints {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := explain.EndpointFacts{Now: now, EndpointFacts: facts("", nil).Endpoint}
			change(&f)
			e := explain.Endpoint(f)
			golden(t, name, e)
			if f.Limited {
				data, err := json.Marshal(e)
				require.NoError(t, err)
				require.NotContains(t, string(data), "ada")
				require.NotContains(t, string(data), "signal 11")
			}
		})
	}
}

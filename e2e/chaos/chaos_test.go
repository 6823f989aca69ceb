package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/e2e/system"
	"github.com/yonder-run/yonder/wire"
)

func TestMain(m *testing.M) {
	if os.Getenv(envRole) != "" {
		os.Exit(program()) // a run of TestNothingIsLost, or one of its clients
	}
	os.Exit(m.Run())
}

// A short run of what `make chaos` does at length.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	system.RequirePython(t)
	for name, options := range map[string][]string{
		storeSQLite:   {"--store", storeSQLite},
		storePostgres: {"--store", storePostgres},
		"packets":     {"--store", storeSQLite, "--loss", "5", "--delay", "25ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0],
				append(options, "--seed", "1", "--tasks", "2000", "--faults", "25", "--seconds", "25", "--clients", "3")...)
			cmd.Env = append(os.Environ(), envRole+"="+roleStart)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			require.NoError(t, cmd.Run(), "%s\n%s", &errs, &out)
			var r report
			require.NoError(t, json.Unmarshal(out.Bytes(), &r))
			require.True(t, r.good(), "%s", &out)
			require.Equal(t, 2000, r.Tasks)
			t.Logf("%s", &out)
		})
	}
}

func TestASeedIsAScheduleAndALoad(t *testing.T) {
	t.Parallel()
	parts := Topology{Service: 3, Agent: 2, Worker: 2, ClientRoute: 4, Database: 1}
	first := Schedule(7, 500, time.Hour, parts)
	require.Equal(t, first, Schedule(7, 500, time.Hour, parts))
	require.NotEqual(t, first, Schedule(8, 500, time.Hour, parts))
	require.Len(t, first, 500)
	long := 0
	for i, f := range first {
		require.Positive(t, parts[f.Part.Class], "%s", f)
		require.Less(t, f.Part.N, parts[f.Part.Class])
		require.Less(t, f.At, time.Hour)
		require.True(t, i == 0 || first[i-1].At <= f.At)
		if f.For == longPartition {
			long++
		}
	}
	require.Positive(t, long, "a long run has long partitions")

	bundles := Bundles(7, 1, 10_000, 3)
	require.Equal(t, bundles, Bundles(7, 1, 10_000, 3))
	next, sorts := 0, map[Sort]bool{}
	for n, b := range bundles {
		require.Equal(t, n, b.N)
		require.Equal(t, next, b.First)
		next += b.Tasks
		sorts[b.Sort] = true
	}
	require.Equal(t, 10_000, next)
	require.Len(t, sorts, 8)
}

func TestPartitionsSpareTheFirstAgent(t *testing.T) {
	t.Parallel()
	schedule := Partitions(time.Minute, 2*time.Minute, Topology{AgentRoute: 4})
	require.Len(t, schedule, 3)
	for i, f := range schedule {
		require.Equal(t, Part{Class: AgentRoute, N: i + 1}, f.Part)
		require.Equal(t, time.Minute, f.For)
		require.Less(t, f.At+f.For, 2*time.Minute)
	}
	require.NotEqual(t, schedule[0].Kind, schedule[1].Kind)
	require.Len(t, Partitions(time.Minute, 2*time.Minute, Topology{AgentRoute: 1}), 1, "a lone one is not spared")
}

// The verdict has to see what it is there for.
func TestWhatAResultMayBe(t *testing.T) {
	t.Parallel()
	bundle := yonder.NewBundleID()
	task := bundle.Task(2)
	short, failing := Bundle{Sort: Short, Attempts: 2, First: 40}, Bundle{Sort: Failing, Attempts: 2, First: 40}
	value, _ := json.Marshal(short.value(bundle, 2))
	failure := func(code yonder.Code) []byte {
		data, _ := json.Marshal(wire.TaskError{Code: code})
		return data
	}
	for name, c := range map[string]struct {
		b         Bundle
		attempt   int
		outcome   wire.Outcome
		value     []byte
		runs      []int
		cancelled bool
		wrong     string
	}{
		"its value":               {short, 1, wire.OutcomeOK, value, []int{1}, false, ""},
		"of a second attempt":     {short, 2, wire.OutcomeOK, value, []int{1, 2}, false, ""},
		"another's value":         {short, 1, wire.OutcomeOK, []byte(`"other"`), []int{1}, false, "not the value"},
		"of no attempt":           {short, 3, wire.OutcomeOK, value, []int{1, 3}, false, "no such attempt"},
		"never started":           {short, 2, wire.OutcomeOK, value, []int{1}, false, "never started"},
		"started after its end":   {short, 1, wire.OutcomeOK, value, []int{1, 2}, false, "later attempt"},
		"although cancelled":      {short, 1, wire.OutcomeOK, value, []int{1}, true, "cancelled"},
		"a value of what raises":  {failing, 1, wire.OutcomeOK, value, []int{1}, false, "not the value"},
		"its exception":           {failing, 1, wire.OutcomeException, []byte(task.String() + " 42"), []int{1}, false, ""},
		"an exception of nothing": {short, 1, wire.OutcomeException, []byte(task.String() + " 42"), []int{1}, false, "not the exception"},
		"lost with its attempts":  {short, 2, wire.OutcomeFailed, failure(yonder.CodeTaskLost), []int{1}, false, ""},
		"lost too early":          {short, 1, wire.OutcomeFailed, failure(yonder.CodeTaskLost), []int{1}, false, "attempts were left"},
		"cancelled by nobody":     {short, 1, wire.OutcomeFailed, failure(yonder.CodeTaskCancelled), []int{1}, false, "no task may fail"},
		"a bug":                   {short, 1, wire.OutcomeFailed, failure(yonder.CodeInternal), []int{1}, false, "no task may fail"},
	} {
		entry := wire.ResultEntry{Entry: wire.Entry{Attempt: c.attempt, Outcome: c.outcome}}
		why := allowed(&c.b, task, 2, result{entry, c.value}, c.runs, c.cancelled)
		if c.wrong == "" {
			require.Empty(t, why, name)
			continue
		}
		require.Contains(t, why, c.wrong, name)
	}
}

func TestHowOftenATaskMayStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		runs       []int
		duplicated int
	}{
		{nil, 0}, {[]int{1}, 0}, {[]int{1, 2}, 0}, {[]int{2, 1}, 0}, {[]int{1, 1}, 1}, {[]int{1, 2, 3}, 1},
	} {
		f := &findings{say: t.Logf}
		(&judge{findings: f}).starts(&Bundle{Attempts: 2}, yonder.NewBundleID(), c.runs)
		require.Equal(t, c.duplicated, f.duplicated, "%v", c.runs)
	}
}

func TestANotebookGoesOnAfterAHalfWrittenLine(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/notes"
	bundles := []Bundle{{Tasks: 5}, {N: 1, First: 5, Tasks: 3}}
	b, err := openNotes(file, bundles)
	require.NoError(t, err)
	group, id := yonder.NewID(), yonder.NewBundleID()
	require.NoError(t, b.write(note{Intent: &intent{N: 0, ID: id, Group: group}}))
	_, err = b.file.WriteString(`{"accepted":`)
	require.NoError(t, err)

	b, err = openNotes(file, bundles)
	require.NoError(t, err)
	require.Equal(t, []intent{{N: 0, ID: id, Group: group}}, b.unaccepted())
	require.Equal(t, 5, b.outstanding())
	n := 0
	require.NoError(t, b.write(note{Accepted: &n}))
	require.NoError(t, b.write(note{Page: &page{Group: group, Cursor: 9, Entries: []seen{{Cursor: 9, Bundle: id, Lo: 1, Hi: 3}}}}))

	b, _, err = readNotes(file, bundles)
	require.NoError(t, err)
	require.Empty(t, b.unaccepted())
	require.Equal(t, 3, b.outstanding())
	require.Equal(t, int64(9), b.position(group))
}

func TestRecoveryIsFromTheEndOfAFaultToTheNextProgress(t *testing.T) {
	t.Parallel()
	size, now := map[Part]int64{}, time.Unix(0, 0)
	r := newRecovery(func(p Part) int64 { return size[p] }, func() time.Time { return now })
	agent, manager, other := Part{Class: Agent}, Part{Class: Manager}, Part{Class: Agent, N: 1}
	step := func(d time.Duration) { now = now.Add(d); r.look() }

	r.begin(1, Fault{Part: agent})
	r.begin(2, Fault{Part: manager})
	r.end(1) // the endpoint is still in trouble
	step(time.Hour)
	r.end(2)
	r.begin(3, Fault{Part: other}) // another endpoint's is its own
	step(time.Second)
	size[manager]++
	step(time.Second)
	require.Equal(t, 2*time.Second, r.worst)

	r.end(3)
	r.begin(4, Fault{Part: Part{Class: Service}}) // holds up everything
	step(time.Hour)
	size[other]++
	step(time.Hour)
	require.Equal(t, 2*time.Second, r.worst)
}

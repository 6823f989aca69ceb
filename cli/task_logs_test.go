package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

const talker = `
def talk(directory):
    import os, sys, time
    import yonder
    for step in range(2):
        while not os.path.exists(f"{directory}/{step}"):
            time.sleep(0.01)
        print("step", step)
        print("error", step, file=sys.stderr)
        yonder.progress(step + 1, 2, "größer")
    while not os.path.exists(f"{directory}/end"):
        time.sleep(0.01)

def count(n):
    yield from range(n)

def breaks(n):
    yield from range(n)
    raise ValueError("enough")
`

func TestARunningTaskIsFollowed(t *testing.T) {
	t.Parallel()
	python := pythonWithPackage(t)
	p := newPerson(t)
	p.ok("up", "--detach", "--listen", "127.0.0.1:0", "--slots", "2", "--json")
	t.Cleanup(func() { p.run("down") })
	file := filepath.Join(p.home, "talker.py")
	require.NoError(t, os.WriteFile(file, []byte(talker), 0o600))
	for _, name := range []string{"talk", "count", "breaks"} {
		p.ok("function", "register", file+":"+name, "--python", python)
	}
	go0 := t.TempDir()
	touch := func(name string) { require.NoError(t, os.WriteFile(filepath.Join(go0, name), nil, 0o600)) }

	argument, err := json.Marshal(go0)
	require.NoError(t, err)
	id := decode[struct{ Task yonder.ID }](p.ok("run", "talk", string(argument), "--no-wait", "--json")).Task.String()
	require.Contains(t, p.ok("task", "logs", id).err, "The task has printed nothing.")
	d := p.start("task", "logs", "-f", id)
	touch("0")
	require.Eventually(t, func() bool { return d.said("error 0") && d.said("1 of 2 (50 %): größer") }, patience, 10*time.Millisecond)
	require.Contains(t, p.ok("task", "show", id).out, "1 of 2 (50 %): größer")
	require.NotNil(t, decode[struct{ Progress *yonder.Progress }](p.ok("task", "show", id, "--json")).Progress)
	require.Equal(t, "step 0\n", p.ok("task", "logs", id).out, "what there is by now")
	touch("1")
	require.Eventually(t, func() bool { return d.said("error 1") }, patience, 10*time.Millisecond)
	touch("end")
	require.NoError(t, <-d.done)
	require.True(t, d.said("… succeeded in attempt 1"))

	a := p.ok("task", "logs", id)
	require.Equal(t, "step 0\nstep 1\n", a.out)
	require.Contains(t, a.err, "error 0\nerror 1\n")
	events := strings.Split(strings.TrimSpace(p.ok("task", "logs", "-f", id, "--json").out), "\n")
	var end wire.TaskEvent
	require.NoError(t, json.Unmarshal([]byte(events[len(events)-1]), &end))
	require.Equal(t, wire.EventEnd, end.Event)

	require.Equal(t, "[0,1,2]\n", p.ok("run", "count", "3").out, "a generator's result is the list of its values")
	require.Contains(t, p.fails(yonder.CodeFunctionFailed, "run", "breaks", "3").err, "it had yielded [0,1,2]\n", "before it raised")
	p.fails(yonder.CodeNotFound, "task", "logs", yonder.NewID().String())
	p.fails(yonder.CodeNotFound, "task", "logs", "-f", yonder.NewID().String())
}

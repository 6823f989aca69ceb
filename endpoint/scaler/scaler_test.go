package scaler

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
)

var (
	now    = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	policy = Policy{Min: 1, Max: 4, Init: 2, Slots: 10, Idle: time.Minute}
)

func running(n int, busy bool, idle time.Duration) []Block {
	var blocks []Block
	for i := range n {
		blocks = append(blocks, Block{
			ID: fmt.Sprint(i), State: yonder.BlockRunning, Busy: busy, Since: now.Add(-time.Hour), Idle: now.Add(-idle),
		})
	}
	return blocks
}

func TestDecide(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		in   Input
		want Decision
	}{
		"first start":           {Input{Fresh: true}, Decision{Start: 2}},
		"least number":          {Input{}, Decision{Start: 1}},
		"enough for all tasks":  {Input{Tasks: 21, Blocks: running(1, true, 0)}, Decision{Start: 2}},
		"never more than most":  {Input{Tasks: 1e6, Blocks: running(3, true, 0)}, Decision{Start: 1}},
		"nothing to do":         {Input{Tasks: 15, Blocks: running(2, true, 0)}, Decision{}},
		"idle ones end":         {Input{Blocks: running(3, false, time.Hour)}, Decision{Drain: []string{"0", "1"}}},
		"busy ones stay":        {Input{Blocks: running(3, true, time.Hour)}, Decision{}},
		"not idle long enough":  {Input{Blocks: running(3, false, time.Second)}, Decision{}},
		"one that is needed":    {Input{Tasks: 25, Blocks: running(3, false, time.Hour)}, Decision{}},
		"draining do not count": {Input{Tasks: 1, Blocks: []Block{{ID: "x", State: yonder.BlockDraining}}}, Decision{Start: 1}},
		"pause after a failure": {Input{Tasks: 50, Failures: Failures{Count: 1, Last: now}}, Decision{}},
		"one after the pause":   {Input{Tasks: 50, Failures: Failures{Count: 1, Last: now.Add(-time.Second)}}, Decision{Start: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.in.Now = now
			require.Equal(t, test.want, Decide(policy, test.in))
		})
	}
}

func TestTroubleSaysWhy(t *testing.T) {
	t.Parallel()
	d := Decide(policy, Input{Now: now, Failures: Failures{Count: 3, Last: now, Reason: "exit status 1"}})
	require.Contains(t, d.Trouble, "exit status 1")
	require.Contains(t, d.Trouble, "03:04:09")
	slow := []Block{{ID: "b1", State: yonder.BlockRequested, Since: now.Add(-2 * time.Minute)}}
	require.Contains(t, Decide(policy, Input{Now: now, Tasks: 1, Blocks: slow}).Trouble, "b1")
	require.Empty(t, Decide(policy, Input{Now: now, Blocks: slow}).Trouble, "nobody waits for it")
}

func TestPausesGrowAndEnd(t *testing.T) {
	t.Parallel()
	last := time.Duration(0)
	for n := 1; n < 100; n++ {
		pause := nextTry(Failures{Count: n, Last: now}).Sub(now)
		require.GreaterOrEqual(t, pause, last)
		require.LessOrEqual(t, pause, longest)
		last = pause
	}
	require.Equal(t, longest, last)
}

func TestNeverOutsideTheLimits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{Min: rapid.IntRange(0, 3).Draw(t, "min"), Slots: rapid.IntRange(1, 8).Draw(t, "slots"), Idle: time.Minute}
		p.Max = p.Min + rapid.IntRange(1, 3).Draw(t, "more")
		blocks := running(rapid.IntRange(0, p.Max).Draw(t, "blocks"), rapid.Bool().Draw(t, "busy"),
			time.Duration(rapid.IntRange(0, 120).Draw(t, "idle"))*time.Second)
		d := Decide(p, Input{Now: now, Tasks: rapid.IntRange(0, 100).Draw(t, "tasks"), Blocks: blocks})
		require.LessOrEqual(t, len(blocks)+d.Start, p.Max)
		require.True(t, d.Start == 0 || len(d.Drain) == 0, "both at once")
		if len(d.Drain) > 0 {
			require.GreaterOrEqual(t, len(blocks)-len(d.Drain), p.Min)
		}
	})
}

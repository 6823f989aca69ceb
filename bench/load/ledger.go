package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// ledger checks results. Each is the arguments of its call, a number that no
// other call has; the numbers of a bundle follow one another.
type ledger struct {
	tasks    int
	seen     []bool
	first    map[yonder.ID]int // number of a bundle's task 0
	verified int
	wrong    int
	began    []int64 // µs, of every result
	ended    []int64
}

func newLedger(tasks int) *ledger {
	return &ledger{tasks: tasks, seen: make([]bool, tasks), first: map[yonder.ID]int{}}
}

func (l *ledger) complete() bool { return l.verified+l.wrong >= l.tasks }

func (l *ledger) take(e wire.ResultEntry, payload []byte) {
	if why := l.check(e, payload); why != "" {
		if l.wrong++; l.wrong <= 10 {
			fmt.Fprintf(os.Stderr, "load: task %d of bundle %s: %s\n", e.Lo, e.Bundle, why)
		}
		return
	}
	l.verified++
	l.began, l.ended = append(l.began, e.Started), append(l.ended, e.Finished)
}

// check says what is wrong with a result.
func (l *ledger) check(e wire.ResultEntry, payload []byte) string {
	const prefix = 8
	if e.Outcome != wire.OutcomeOK || e.Hi != e.Lo+1 || len(payload) < prefix {
		return fmt.Sprintf("ended as %s: %s", e.Outcome, payload)
	}
	var call struct {
		Args []int `json:"args"`
	}
	if err := json.Unmarshal(payload[prefix:], &call); err != nil || len(call.Args) != 1 {
		return fmt.Sprintf("is not a call with one number: %q", payload)
	}
	number := call.Args[0]
	if number < 0 || number >= l.tasks || l.seen[number] {
		return fmt.Sprintf("number %d came before or was never sent", number)
	}
	l.seen[number] = true
	if whole, err := wire.PackCall(client.Args(number)); err != nil || !bytes.Equal(whole, payload) {
		return fmt.Sprintf("differs from what was sent: %q", payload)
	}
	first, known := l.first[e.Bundle]
	if !known {
		l.first[e.Bundle] = number - e.Lo
	} else if first != number-e.Lo {
		return fmt.Sprintf("has the result of call %d", number)
	}
	return ""
}

// concurrent is how many tasks ran at the busiest moment, by the workers' clock.
func (l *ledger) concurrent() int {
	slices.Sort(l.began)
	slices.Sort(l.ended)
	most, ended := 0, 0
	for i, at := range l.began {
		for l.ended[ended] <= at && ended < i {
			ended++
		}
		most = max(most, i+1-ended)
	}
	return most
}

package simworker

import (
	"encoding/json"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/workerproc"
	"github.com/yonder-run/yonder/wire"
)

// worker is one that is simulated. What is below run belongs to the run of the
// moment, or to the last one.
type worker struct {
	id      string
	run     wire.Run
	columns [][]byte
	began   time.Time
	at      int // the task at which it ended
	killed  bool
}

// tell returns how the sink hears of an occasion, or nil if it does not any
// more: a worker that was ended finishes nothing. The caller holds the host's
// lock.
func (e entry) tell(h *Host) func(workerproc.Sink) {
	w := e.worker
	if e.what != gone && h.workers[w.id] != w {
		return nil
	}
	switch e.what {
	case born:
		return func(s workerproc.Sink) { s.Hello(w.id) }
	case finished:
		report := w.report(h.work)
		return func(s workerproc.Sink) { s.Ran(w.id, report) }
	default:
		exit := workerproc.Exit{Run: w.run.Run, Index: w.at, Message: w.farewell()}
		return func(s workerproc.Sink) { s.Exited(w.id, exit) }
	}
}

func (w *worker) farewell() string {
	if w.killed {
		return "the simulated worker was killed"
	}
	return "the simulated worker was told to end"
}

// report says what became of the run: each task answers with its payload.
func (w *worker) report(work Work) workerproc.Report {
	r := w.run
	report := workerproc.Report{Ran: wire.Ran{Run: r.Run, Last: true, Entries: make([]wire.RanEntry, r.Hi-r.Lo)}}
	report.Columns = w.columns
	outcome := wire.OutcomeOK
	if why := unable(r); why != "" {
		outcome = wire.OutcomeFailed
		report.Columns = repeated(failure(why), r.Hi-r.Lo)
	}
	for i := range report.Entries {
		began := w.began.Add(work.of(i))
		report.Entries[i] = wire.RanEntry{
			Lo: r.Lo + i, Hi: r.Lo + i + 1, Outcome: outcome, Form: wire.FormEach,
			Started: began.UnixMicro(), Finished: began.Add(work.Sleep).UnixMicro(),
		}
	}
	w.columns = nil
	return report
}

// unable says why a run has no payload of its own for each task.
func unable(r wire.Run) string {
	switch {
	case r.Form != wire.FormEach:
		return "simulated workers run single calls: submit them one by one, not as a map"
	case len(r.Files) > 0:
		return "simulated workers take no arguments that are too large to travel with their task"
	}
	return ""
}

func failure(why string) []byte {
	payload, err := json.Marshal(wire.TaskError{Code: yonder.CodeWorkerFailed, Message: why})
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return payload
}

func repeated(payload []byte, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = payload
	}
	return all
}

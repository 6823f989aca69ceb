package shellworker

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
	"github.com/yonder-run/yonder/wire/shell"
)

// outcome is how a task ended.
type outcome struct {
	how     wire.Outcome
	payload []byte
	message string // of an exception
}

// run runs the tasks of a run one after the other and reports each at once.
// Told to end meanwhile, it reports no more: the manager knows why.
func (w *worker) run(run wire.Run, columns [][]byte) error {
	if run.Lo < 0 || run.Hi <= run.Lo {
		return yonder.Errorf(yonder.CodeMalformedFrame, "a run of the tasks %d to %d", run.Lo, run.Hi)
	}
	claimed, err := openClaims(w.claims, run)
	if err != nil {
		return err
	}
	defer claimed.Close()
	calls, refused := callsOf(run, columns)
	for index, more := run.Lo, true; more; index++ {
		if err := w.begin(run.Run, index); err != nil {
			return err
		}
		began := time.Now()
		var o outcome
		var clean func()
		if refused != nil {
			o = failure(refused)
		} else {
			o, clean = w.task(run, index, calls[index-run.Lo])
		}
		if w.stopping() {
			tidy(clean)
			return nil
		}
		if more, err = claimed.may(index + 1); err == nil {
			err = w.report(run, index, !more, o, began)
		}
		tidy(clean)
		if err != nil {
			return err
		}
	}
	return nil
}

func tidy(clean func()) {
	if clean != nil {
		clean()
	}
}

// callsOf reads the payloads of a run's tasks.
func callsOf(run wire.Run, columns [][]byte) ([][]byte, error) {
	want := run.Hi - run.Lo
	if run.Form == wire.FormChunk {
		want = 1
	}
	if len(columns) != want {
		return nil, yonder.Errorf(yonder.CodeMalformedFrame, "%d payloads came for %d tasks", len(columns), run.Hi-run.Lo)
	}
	bodies := make([][]byte, want)
	for i, column := range columns {
		if name, large := run.Files[i]; large {
			data, err := os.ReadFile(name)
			if err != nil {
				return nil, yonder.Errorf(yonder.CodeInternal, "reading a payload: %w", err)
			}
			column = data
		}
		payload, err := wire.ParsePayload(column)
		if err != nil {
			return nil, err
		}
		if payload.Codec != "json" || payload.Chunk != (run.Form == wire.FormChunk) {
			return nil, yonder.Errorf(yonder.CodeCodecMismatch, "a shell function takes arguments in JSON, and these are in %s", payload.Codec)
		}
		bodies[i] = payload.Body
	}
	if run.Form != wire.FormChunk {
		return bodies, nil
	}
	calls, err := wire.ChunkItems(bodies[0], wire.ChunkOfCalls)
	if err == nil && len(calls) < run.Hi {
		err = yonder.Errorf(yonder.CodeCodecMismatch, "the chunk has %d calls, call %d is due", len(calls), run.Hi-1)
	}
	if err != nil {
		return nil, err
	}
	return calls[run.Lo:run.Hi], nil
}

// task runs one call. What is returned cleans up behind it.
func (w *worker) task(run wire.Run, index int, body []byte) (outcome, func()) {
	program, err := w.functions.get(run.Function)
	if err != nil {
		return failure(err), nil
	}
	var call shell.Call
	if err := json.Unmarshal(body, &call); err != nil {
		return failure(yonder.Errorf(yonder.CodeCodecMismatch, "the arguments are not JSON: %w", err)), nil
	}
	rendered, err := program.Render(call)
	if err != nil {
		return failure(err), nil
	}
	e := &execution{program: program, rendered: rendered, base: w.dir, patience: run.Patience, environ: []string{
		"YONDER_TASK_ID=" + taskID(run, index), fmt.Sprintf("YONDER_ATTEMPT=%d", run.Attempt),
	}}
	result, err := e.run()
	if err != nil {
		return failure(err), e.clean
	}
	return conclude(program, result), e.clean
}

// taskID is that of a run's task: the first one's, so much further on.
func taskID(run wire.Run, index int) string {
	first, err := yonder.ParseID(run.Task)
	if err != nil {
		return run.Task
	}
	return first.Bundle().Task(index).String()
}

// conclude makes a value of a result, or an exception if the author wants the
// return code checked.
func conclude(program *shell.Program, result shell.Result) outcome {
	if result.Success || !program.Check {
		payload, err := wire.PackJSON(result)
		if err != nil {
			return failure(err)
		}
		return outcome{how: wire.OutcomeOK, payload: payload}
	}
	message := fmt.Sprintf("the command ended with return code %d", result.ReturnCode)
	if last := lastLine(result.Stderr); last != "" {
		message += ": " + last
	}
	payload, err := wire.PackJSON(map[string]any{
		"type": shell.ErrorType, "module": "yonder.errors", "message": message, "traceback": "",
		"notes": []string{}, "causes": []string{}, "pickle": nil, "result": result,
	})
	if err != nil {
		return failure(err)
	}
	return outcome{how: wire.OutcomeException, payload: payload, message: shell.ErrorType + ": " + message}
}

// lineLength is what a listing has room for.
const lineLength = 250

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if len(last) > lineLength {
		last = strings.ToValidUTF8(last[:lineLength], "") + "…"
	}
	return last
}

func failure(err error) outcome {
	why := yonder.Public(err)
	payload, err := json.Marshal(wire.TaskError{Code: why.Code, Message: why.Error()})
	if err != nil {
		payload = nil // two strings always encode
	}
	return outcome{how: wire.OutcomeFailed, payload: payload}
}

// report tells of one task. A large payload goes by file.
func (w *worker) report(run wire.Run, index int, last bool, o outcome, began time.Time) error {
	ran := wire.Ran{Run: run.Run, Last: last, Entries: []wire.RanEntry{{
		Lo: index, Hi: index + 1, Outcome: o.how, Form: wire.FormEach, Message: o.message,
		Started: began.UnixMicro(), Finished: time.Now().UnixMicro(),
	}}}
	if int64(len(o.payload)) > run.Inline {
		name := filepath.Join(w.dir, fmt.Sprintf("result-%d-%d", run.Run, index))
		if err := untilRoom(run.Patience, func() error { return keep(name, o.payload) }); err != nil {
			return w.report(run, index, last, failure(unwritten(len(o.payload), err)), began)
		}
		ran.Files, o.payload = map[int]string{0: name}, nil
	}
	return send(w.conn, wire.KindRan, ran, o.payload)
}

// keep makes a file of a payload; after an error there is none.
func keep(name string, payload []byte) error {
	err := os.WriteFile(name, payload, 0o600)
	if err != nil {
		_ = os.Remove(name)
	}
	return err //nolint:wrapcheck // whoever waits for room does
}

func unwritten(size int, err error) error {
	return yonder.Errorf(yonder.CodeStorageFull, "the result of %d bytes could not be written on the worker: %w", size, err)
}

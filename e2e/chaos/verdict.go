package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// findings is what a run is found to have done wrong.
type findings struct {
	lost, duplicated, wrong, stuck int
	say                            func(format string, args ...any)
}

// maxSaid bounds how many findings of a run are told in words.
const maxSaid = 40

func (f *findings) tellf(n *int, format string, args ...any) {
	*n++
	if f.lost+f.duplicated+f.wrong+f.stuck <= maxSaid {
		f.say(format, args...)
	}
}

// judge reads everything again and compares it with what may be.
func (r *runner) judge(ctx context.Context, stalled bool) error {
	f := &findings{say: r.sayf}
	if stalled {
		r.sayf("nothing has moved for %s", r.Patience)
	}
	c, err := r.reader(ctx)
	if err != nil {
		return err
	}
	runs, err := r.executions()
	if err != nil {
		return err
	}
	for i := range r.Clients {
		j := &judge{findings: f, client: c, runs: runs, bundles: Bundles(r.Seed, i, r.tasksOf(i), r.Endpoints)}
		if j.notes, _, err = readNotes(r.notes(i), j.bundles); err != nil {
			return err
		}
		if err := j.all(ctx); err != nil {
			return err
		}
	}
	r.panics(f)
	r.report.Lost, r.report.Duplicated, r.report.Wrong, r.report.Stuck = f.lost, f.duplicated, f.wrong, f.stuck
	return nil
}

// reader is a client of a service that answers, without a route.
func (r *runner) reader(ctx context.Context) (c *client.Client, err error) {
	err = until(ctx, "a service answers", func() error {
		if c, err = client.New("http://"+r.addresses[0], r.token); err != nil {
			return err
		}
		_, err = c.Whoami(ctx)
		return err
	})
	return c, err
}

// executions are the attempts that each task was started under.
func (r *runner) executions() (map[yonder.ID][]int, error) {
	found := map[yonder.ID][]int{}
	for i := range r.Endpoints {
		file, err := os.Open(r.runs(i))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			var text string
			var attempt int
			if _, err := fmt.Sscanf(lines.Text(), "%s %d", &text, &attempt); err != nil {
				return nil, fmt.Errorf("%s: %q: %w", r.runs(i), lines.Text(), err)
			}
			id, err := yonder.ParseID(text)
			if err != nil {
				return nil, err
			}
			found[id] = append(found[id], attempt)
		}
		file.Close()
	}
	return found, nil
}

// panics looks for the end of a Go program in the logs.
func (r *runner) panics(f *findings) {
	logs, _ := filepath.Glob(r.path("logs", "*.log"))
	blocks, _ := filepath.Glob(filepath.Join(r.path("endpoint-*"), "endpoints", "*", "state", "blocks", "*.log"))
	for _, name := range append(logs, blocks...) {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for _, sign := range []string{"\npanic:", "\nfatal error:", "DATA RACE", "unexpected fault address"} {
			if bytes.Contains(append([]byte("\n"), data...), []byte(sign)) {
				f.tellf(&f.wrong, "%s has %q", name, strings.TrimSpace(sign))
			}
		}
	}
}

// judge judges the tasks of one client.
type judge struct {
	*findings

	client  *client.Client
	bundles []Bundle
	notes   *notebook
	runs    map[yonder.ID][]int
	results map[yonder.ID][]result // by task
}

// result is one task's part of an entry.
type result struct {
	entry wire.ResultEntry
	value []byte // JSON of the value, or the payload of an error
}

func (j *judge) all(ctx context.Context) error {
	j.results = map[yonder.ID][]result{}
	for _, trouble := range j.notes.trouble {
		j.tellf(&j.wrong, "a client was told: %s", trouble)
	}
	for _, group := range j.notes.groups {
		if err := j.group(ctx, group); err != nil {
			return err
		}
	}
	cancelled := map[yonder.ID]bool{}
	for _, c := range j.notes.cancels {
		cancelled[c.Task] = c.Answer.Cancelled > 0
	}
	for n := len(j.notes.intents); n < len(j.bundles); n++ {
		j.stuck += j.bundles[n].Tasks
		j.say("bundle %d of %d was not submitted", n, len(j.bundles))
	}
	for _, in := range j.notes.intents {
		b := &j.bundles[in.N]
		for i := range b.Tasks {
			j.task(ctx, b, in, i, cancelled[in.ID.Task(i)])
		}
	}
	return nil
}

// group reads a group's results twice, in pages and as a stream, and compares
// both with what the client saw.
func (j *judge) group(ctx context.Context, group yonder.ID) error {
	paged, err := j.paged(ctx, group)
	if err != nil {
		return err
	}
	streamed, err := j.streamed(ctx, group, len(paged))
	if err != nil {
		return err
	}
	j.same(group, "paged and streamed results", paged, streamed)
	j.same(group, "what the client saw and what is there", j.notes.entries[group], streamed)
	return nil
}

func (j *judge) same(group yonder.ID, what string, one, other []seen) {
	for i := range max(len(one), len(other)) {
		if i >= len(one) || i >= len(other) {
			j.tellf(&j.wrong, "group %s: %s: %d and %d entries", group, what, len(one), len(other))
			return
		}
		if one[i] != other[i] {
			j.tellf(&j.wrong, "group %s: %s: entry %d is %+v and %+v", group, what, i, one[i], other[i])
			return
		}
	}
}

func (j *judge) paged(ctx context.Context, group yonder.ID) (all []seen, err error) {
	var cursor int64
	for {
		page, err := j.client.Results(ctx, group, cursor, 0)
		if yonder.CodeOf(err) == yonder.CodeNotFound {
			return nil, nil // nothing of it was ever accepted
		}
		if err != nil {
			return nil, fmt.Errorf("reading group %s: %w", group, err)
		}
		if len(page) == 0 {
			return all, nil
		}
		for _, r := range page {
			all = append(all, seen{r.Cursor, r.Task.Bundle(), r.Lo, r.Hi, r.Attempt, r.Outcome})
			cursor = r.Cursor
		}
	}
}

func (j *judge) streamed(ctx context.Context, group yonder.ID, count int) (all []seen, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stream := j.client.Stream()
	defer stream.Close()
	if err := stream.Follow(ctx, group, 0); err != nil {
		return nil, err
	}
	for len(all) < count {
		p, err := stream.Next(ctx)
		if err != nil {
			return all, fmt.Errorf("streaming group %s after %d of %d entries: %w", group, len(all), count, err)
		}
		for i, e := range p.Entries {
			if err := j.expand(ctx, e, p.Payloads[i]); err != nil {
				return nil, err
			}
		}
		all = append(all, pageOf(p).Entries...)
	}
	return all, nil
}

// expand notes the entry's results, task by task.
func (j *judge) expand(ctx context.Context, e wire.ResultEntry, payload []byte) error {
	if e.Blob != nil {
		body, err := j.client.DownloadBlob(ctx, e.Blob.ID)
		if err != nil {
			return err
		}
		defer body.Close()
		if payload, err = io.ReadAll(body); err != nil {
			return err
		}
	}
	values := [][]byte{payload}
	if e.Outcome == wire.OutcomeOK {
		var err error
		if values, err = unpackValues(e.Form, payload); err != nil {
			j.tellf(&j.wrong, "bundle %s, tasks %d to %d: %v", e.Bundle, e.Lo, e.Hi, err)
			return nil
		}
	}
	for i := e.Lo; i < e.Hi; i++ {
		at := 0
		if e.Form == wire.FormChunk && e.Outcome == wire.OutcomeOK { // an error is the same for all
			at = e.Skip + i - e.Lo
		}
		if at >= len(values) {
			j.tellf(&j.wrong, "bundle %s, task %d: its chunk has %d values", e.Bundle, i, len(values))
			continue
		}
		id := e.Bundle.Task(i)
		j.results[id] = append(j.results[id], result{e, values[at]})
	}
	return nil
}

// task judges one task.
func (j *judge) task(ctx context.Context, b *Bundle, in intent, index int, cancelled bool) {
	id := in.ID.Task(index)
	results, runs := j.results[id], j.runs[id]
	if j.notes.void[in.N] {
		if len(results) > 0 || len(runs) > 0 {
			j.tellf(&j.wrong, "task %s (%s) was refused, and has a result or was run", id, b.Sort)
		}
		return
	}
	j.starts(b, id, runs)
	switch len(results) {
	case 0:
		j.missing(ctx, b, id, runs)
	case 1:
		if why := allowed(b, id, index, results[0], runs, cancelled); why != "" {
			e := results[0].entry
			j.tellf(&j.wrong, "task %s (%s, attempt %d of %d, run as %v): %s: %s %.200q",
				id, b.Sort, e.Attempt, b.attempts(), runs, why, e.Outcome, results[0].value)
		}
	default:
		j.tellf(&j.duplicated, "task %s (%s) has %d results", id, b.Sort, len(results))
	}
}

// starts checks how often the task was started.
func (j *judge) starts(b *Bundle, id yonder.ID, runs []int) {
	attempts := map[int]bool{}
	for _, attempt := range runs {
		if attempts[attempt] {
			j.tellf(&j.duplicated, "task %s (%s): attempt %d was started twice: %v", id, b.Sort, attempt, runs)
		}
		attempts[attempt] = true
	}
	if len(runs) > b.attempts() {
		j.tellf(&j.duplicated, "task %s (%s) was started %d times, allowed are %d", id, b.Sort, len(runs), b.attempts())
	}
}

// missing says what has become of a task without a result.
func (j *judge) missing(ctx context.Context, b *Bundle, id yonder.ID, runs []int) {
	task, err := j.client.Task(ctx, id)
	switch {
	case err != nil:
		j.tellf(&j.lost, "task %s (%s, run as %v): %v", id, b.Sort, runs, err)
	case task.Finished != nil:
		j.tellf(&j.lost, "task %s (%s, run as %v) is %s, and its result is not in the stream", id, b.Sort, runs, task.State)
	default:
		j.tellf(&j.stuck, "task %s (%s, run as %v) is still %s in attempt %d since %s",
			id, b.Sort, runs, task.State, task.Attempt, task.Submitted.Format(time.TimeOnly))
	}
}

// allowed says what is wrong with a result, or nothing.
func allowed(b *Bundle, id yonder.ID, index int, r result, runs []int, cancelled bool) string {
	e := r.entry
	if e.Attempt < 1 || e.Attempt > b.attempts() {
		return "there is no such attempt"
	}
	switch e.Outcome {
	case wire.OutcomeOK:
		if want, _ := json.Marshal(b.value(id.Bundle(), index)); !bytes.Equal(want, r.value) || b.Sort == Failing || b.Sort == Overtime {
			return "not the value of this task"
		}
		return ran(e.Attempt, runs, cancelled)
	case wire.OutcomeException:
		if want := fmt.Sprintf("%s %d", id, b.First+index); b.Sort != Failing || !bytes.Contains(r.value, []byte(want)) {
			return "not the exception of this task"
		}
		return ran(e.Attempt, runs, cancelled)
	}
	var failure wire.TaskError
	if err := json.Unmarshal(r.value, &failure); err != nil {
		return "an error that cannot be read"
	}
	return failed(b, e, failure, cancelled)
}

// ran checks that the attempt which gave the result was started, and none after it.
func ran(attempt int, runs []int, cancelled bool) string {
	started := false
	for _, run := range runs {
		started = started || run == attempt
		if run > attempt {
			return "a later attempt was started although this one's result counts"
		}
	}
	switch {
	case !started:
		return "that attempt was never started"
	case cancelled:
		return "the service had said that it was cancelled"
	}
	return ""
}

// failed checks an error of the platform.
func failed(b *Bundle, e wire.ResultEntry, failure wire.TaskError, cancelled bool) string {
	switch failure.Code {
	case yonder.CodeTaskCancelled:
		if b.Cancel > 0 {
			return ""
		}
	case yonder.CodeTaskExpired:
		if b.GiveUp > 0 {
			return ""
		}
	case yonder.CodeWalltimeExceeded:
		if b.Walltime > 0 {
			return ""
		}
	case yonder.CodeTaskLost, yonder.CodeWorkerFailed:
		switch {
		case cancelled:
			return "the service had said that it was cancelled"
		case e.Attempt < b.attempts():
			return "attempts were left"
		}
		return ""
	}
	return "no task may fail like this"
}

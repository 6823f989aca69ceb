package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

//go:embed testdata/work.py
var work []byte

// report is the last line of a run.
type report struct {
	Seed       uint64         `json:"seed"`
	Store      string         `json:"store"`
	Seconds    float64        `json:"seconds"`
	Tasks      int            `json:"tasks"`
	Faults     map[string]int `json:"faults"`
	Lost       int            `json:"lost"`
	Duplicated int            `json:"duplicated"`
	Wrong      int            `json:"wrong"`
	Stuck      int            `json:"stuck"`
	Recovery   float64        `json:"recovery_max_s"`
	By         string         `json:"recovery_max_after,omitempty"`
	LeftOut    []string       `json:"left_out,omitempty"`
}

func (r *report) good() bool { return r.Lost+r.Duplicated+r.Wrong+r.Stuck == 0 }

// runner is one run.
type runner struct {
	*world

	started  time.Time
	recovery *recovery
	log      *os.File

	mu     sync.Mutex
	report report
}

// run does everything, and returns the exit code.
func run(ctx context.Context, o options) (int, error) {
	dir, err := os.MkdirTemp("", "yonder-chaos-")
	if err != nil {
		return 2, err
	}
	r := &runner{started: time.Now(), report: report{Seed: o.Seed, Store: o.Store, Tasks: o.Tasks, Faults: map[string]int{}}}
	r.world = &world{options: o, dir: dir, events: r.eventf}
	for _, name := range []string{"logs"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return 2, err
		}
	}
	if r.log, err = os.Create(r.path("logs", "events.log")); err != nil {
		return 2, err
	}
	if err := os.WriteFile(r.path("work.py"), work, 0o600); err != nil {
		return 2, err
	}
	r.recovery = newRecovery(r.progress, time.Now)
	r.sayf("seed %d, %s, %d tasks, %d faults in %.0f s; logs in %s", o.Seed, o.Store, o.Tasks, o.Faults, o.Seconds, r.path("logs"))
	err = r.all(ctx)
	r.end()
	if err != nil {
		return 2, fmt.Errorf("%w; see %s", err, dir)
	}
	return r.conclude(dir)
}

func (r *runner) all(ctx context.Context) error {
	if !r.disked() {
		r.report.LeftOut = append(r.report.LeftOut, "full disks: they need root, for a small disk of its own")
	}
	if err := r.build(ctx); err != nil {
		return err
	}
	begin := time.Now()
	if err := r.startClients(ctx, begin); err != nil {
		return err
	}
	stalled := r.storm(ctx, begin)
	r.report.Seconds = round(time.Since(begin).Seconds())
	return r.judge(ctx, stalled)
}

// conclude prints the report.
func (r *runner) conclude(dir string) (int, error) {
	r.report.Recovery, r.report.By = round(r.recovery.worst.Seconds()), r.recovery.by
	code := 0
	if !r.report.good() {
		code = 1
	}
	if code == 0 && !r.Keep {
		if err := os.RemoveAll(dir); err != nil && !r.disked() { // mounts go with the run
			return 2, err
		}
	} else {
		r.sayf("kept %s", dir)
	}
	data, err := json.Marshal(r.report)
	if err != nil {
		return 2, err
	}
	_, err = fmt.Fprintln(os.Stdout, string(data))
	return code, err
}

func round(seconds float64) float64 { return float64(int(seconds*100+0.5)) / 100 }

// storm lets the faults happen and waits until the clients have seen all
// results. It says whether it gave up because nothing moved any more.
func (r *runner) storm(ctx context.Context, begin time.Time) (stalled bool) {
	var faults sync.WaitGroup
	faults.Go(func() { r.faults(ctx, begin) })
	over := make(chan struct{})
	go func() {
		faults.Wait()
		close(over)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last int64
	moved, said := time.Now(), time.Now()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		r.recovery.look()
		if now := r.total(); now != last || !closed(over) {
			last, moved = now, time.Now()
		}
		if time.Since(said) > 5*time.Second {
			said = time.Now()
			r.progressLine(begin)
		}
		if r.allOver() {
			r.recovery.idle()
			if closed(over) {
				return false
			}
		}
		if time.Since(moved) > r.Patience {
			return true
		}
	}
	<-over
	return true
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (r *runner) allOver() bool {
	for _, c := range r.clients {
		if !c.over() {
			return false
		}
	}
	return true
}

// faults lets one fault after the other happen, and waits for the end of all.
func (r *runner) faults(ctx context.Context, begin time.Time) {
	var active sync.WaitGroup
	defer active.Wait()
	over := time.Duration(r.Seconds * float64(time.Second))
	schedule := Schedule(r.Seed, r.Faults, over, r.topology())
	if r.Partition > 0 {
		schedule = Partitions(r.Partition, over, r.topology())
	}
	for i, f := range schedule {
		if pause(ctx, time.Until(begin.Add(f.At))) != nil {
			return
		}
		r.mu.Lock()
		r.report.Faults[string(f.Kind)+" "+string(f.Part.Class)]++
		r.mu.Unlock()
		r.recovery.begin(i, f)
		active.Go(func() {
			r.eventf("fault: %s", f)
			r.inject(ctx, f)
			r.eventf("over: %s", f)
			r.recovery.end(i)
		})
	}
}

// progress is a number that grows whenever the part does something.
func (r *runner) progress(p Part) int64 {
	switch class, n := affects(p); class {
	case Agent:
		return sizeOf(r.runs(n))
	case Client:
		return sizeOf(r.notes(n))
	default:
		var sum int64
		for i := range r.Clients {
			sum += sizeOf(r.notes(i))
		}
		return sum
	}
}

func (r *runner) total() int64 {
	sum := r.progress(Part{Class: Service})
	for i := range r.Endpoints {
		sum += sizeOf(r.runs(i))
	}
	return sum
}

func sizeOf(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

func (r *runner) progressLine(begin time.Time) {
	done, running := 0, 0
	for i := range r.Clients {
		if notes, _, err := readNotes(r.notes(i), Bundles(r.Seed, i, r.tasksOf(i), r.Endpoints)); err == nil {
			running += notes.open
			for _, entries := range notes.entries {
				for _, e := range entries {
					done += e.Hi - e.Lo
				}
			}
		}
	}
	r.mu.Lock()
	faults := 0
	for _, n := range r.report.Faults {
		faults += n
	}
	r.mu.Unlock()
	r.sayf("%4.0f s: %d results, %d outstanding, %d faults", time.Since(begin).Seconds(), done, running, faults)
}

func (r *runner) sayf(format string, args ...any) {
	_, _ = fmt.Fprintf(os.Stderr, "chaos: "+format+"\n", args...)
}

// eventf writes into the log of events.
func (r *runner) eventf(format string, args ...any) {
	_, _ = fmt.Fprintf(r.log, time.Now().Format("15:04:05.000 ")+format+"\n", args...)
}

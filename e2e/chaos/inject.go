package main

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"github.com/yonder-run/yonder/e2e/chaos/route"
)

const (
	slowDelay = 25 * time.Millisecond
	slowReset = 3 * time.Second
	// poorReset is of a way that is poor all the time: some losses in a row end
	// a connection, most only hold it up.
	poorReset = 30 * time.Second
)

// poor says whether ways of the class lose packets all the time: those that
// lead from one site to another.
func (w *world) poor(class Class) bool {
	return (w.Loss > 0 || w.Delay > 0) && (class == ClientRoute || class == AgentRoute)
}

// usual is what a way is like without a fault.
func (w *world) usual(class Class) route.Way {
	way := route.Way{}
	if w.Partition > 0 {
		way = route.Way{Delay: slowDelay, Reset: poorReset}
	}
	if w.poor(class) {
		way.Delay, way.Loss = max(way.Delay, w.Delay), w.Loss/100
	}
	return way
}

// faulty is what a fault of the kind makes of a way.
func (w *world) faulty(class Class, kind Kind) route.Way {
	way := w.usual(class)
	switch kind {
	case Cut:
		way.Cut = true
	case Hole:
		way.Hole = true
	default:
		way.Delay, way.Reset = max(way.Delay, slowDelay), slowReset
	}
	return way
}

// inject lets the fault happen, waits as long as it lasts, and ends it.
func (w *world) inject(ctx context.Context, f Fault) {
	end := w.begin(ctx, f)
	_ = pause(ctx, f.For) // at the end of the run all faults end
	if end != nil {
		end()
	}
}

// begin starts the fault and returns what ends it, if anything does.
func (w *world) begin(ctx context.Context, f Fault) (end func()) {
	switch f.Part.Class {
	case Service:
		return w.strike(w.services[f.Part.N], f.Kind)
	case Agent:
		return w.strike(w.agents[f.Part.N], f.Kind)
	case Client:
		return w.strike(w.clients[f.Part.N], f.Kind)
	case Manager:
		return w.strikeOne(managersOf(w.stateDir(f.Part.N)), f)
	case Worker:
		return w.strikeOne(workersOf(w.stateDir(f.Part.N)), f)
	case Database:
		w.disturb(ctx, f.Kind)
		return nil
	case ClientRoute, AgentRoute, StoreRoute, ClusterRoute:
		r := w.routes[f.Part.Class][f.Part.N]
		r.Set(w.faulty(f.Part.Class, f.Kind))
		return func() { r.Set(w.usual(f.Part.Class)) } // of two that overlap the first end counts
	case ServiceDisk, AgentDisk, ManagerDisk:
		d := w.disks[f.Part.Class][f.Part.N]
		if err := d.fill(); err != nil {
			w.events("filling %s: %v", f.Part, err)
		}
		return func() {
			if err := d.empty(); err != nil {
				w.events("emptying %s: %v", f.Part, err)
			}
		}
	}
	return nil
}

func (w *world) strike(p *child, kind Kind) (end func()) {
	switch kind {
	case Kill:
		p.signal(sigKill)
	case Restart:
		p.signal(sigTerm)
	default:
		p.signal(sigStop)
		return func() { p.signal(sigCont) }
	}
	return nil
}

// strikeOne strikes one of the processes, if there is any just now.
func (w *world) strikeOne(all []*process.Process, f Fault) (end func()) {
	if len(all) == 0 {
		return nil
	}
	p := all[f.Part.Pick%len(all)]
	send := func(s syscall.Signal) {
		_ = p.SendSignalWithContext(context.Background(), s) // it may have ended meanwhile
	}
	switch f.Kind {
	case Kill:
		send(sigKill)
	case Restart:
		send(sigTerm)
	default:
		send(sigStop)
		return func() { send(sigCont) }
	}
	return nil
}

func (w *world) disturb(ctx context.Context, kind Kind) {
	var err error
	switch kind {
	case Restart, Crash:
		err = w.database.Restart(ctx, kind == Crash)
	default:
		err = w.database.Do(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "+
			"WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
	}
	if err != nil {
		w.events("%s of the database: %v", kind, err)
	}
}

// managersOf are the managers of the agent with the state directory, oldest first.
func managersOf(stateDir string) []*process.Process {
	all, err := process.Processes()
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(p *process.Process) bool {
		args, err := p.CmdlineSlice()
		return err != nil || len(args) < 4 || args[1] != "manager" || !strings.HasPrefix(args[3], stateDir)
	})
}

// workersOf are all processes below these managers: zygotes and their forks.
func workersOf(stateDir string) []*process.Process {
	all, err := process.Processes()
	if err != nil {
		return nil
	}
	children := map[int32][]*process.Process{}
	for _, p := range all {
		if parent, err := p.Ppid(); err == nil {
			children[parent] = append(children[parent], p)
		}
	}
	var found []*process.Process
	for left := managersOf(stateDir); len(left) > 0; left = left[1:] {
		below := children[left[0].Pid]
		found, left = append(found, below...), append(left, below...)
	}
	return found
}

package model_test

import (
	"maps"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/ledger"
	"github.com/yonder-run/yonder/wire"
)

// journal is what survives an agent. Writer names the lock that its records
// were written under: a copy that another machine reads has another one, and
// so has the same machine after a power cut. The disk has all up to synced.
type journal struct {
	writer  int
	next    ledger.Record
	synced  ledger.Record
	records map[ledger.Record]any
}

// Records of the journal, as the agent writes them.
type (
	acceptRecord struct {
		lease  wire.Lease
		writer int
	}
	dispatchRecord struct {
		manager string
		note    ledger.Note
		writer  int
	}
)

func (j *journal) append(record any) ledger.Record {
	j.next++
	j.records[j.next] = record
	return j.next
}

// site is a machine's worth: a journal, and managers that outlive agents.
type site struct {
	journal  *journal
	managers []*manager
}

func (w *world) newSite() *site {
	s := &site{journal: &journal{writer: len(w.sites), records: map[ledger.Record]any{}}}
	for _, id := range []string{"m", "n"} {
		s.managers = append(s.managers, &manager{w: w, site: s, id: id})
	}
	for _, m := range s.managers {
		m.revive()
	}
	w.sites = append(w.sites, s)
	return s
}

// call is a request to the service, repeated until it is answered.
type call struct {
	serve func() any
	done  func(any)
}

// agent is one process. What it does around the ledger is what package
// endpoint does: see its session, accept, dispatch and report.
type agent struct {
	w        *world
	site     *site
	journal  *journal
	locked   bool // it holds the journal's lock: earlier holders are dead
	ledger   *ledger.Ledger
	epoch    int64
	alive    bool
	fenced   bool
	live     bool // reconciled
	draining bool
	calls    map[string]*call
}

// spawn starts an agent: it reads the journal and asks for a session.
func (w *world) spawn(s *site, j *journal, locked bool) {
	a := &agent{w: w, site: s, journal: j, locked: locked, alive: true, ledger: ledger.New(), calls: map[string]*call{}}
	w.agents = append(w.agents, a)
	a.restore()
	a.ask("open", func() any { return w.open(a) }, func(answer any) { a.opened(answer.(int64)) })
}

func (a *agent) restore() {
	var drops []ledger.Record
	for _, record := range slices.Sorted(maps.Keys(a.journal.records)) {
		var fx ledger.Effects
		switch what := a.journal.records[record].(type) {
		case acceptRecord:
			a.ledger.RestoreLease(what.lease, a.sure(what.writer), record)
		case dispatchRecord:
			fx = a.ledger.RestoreDispatch(what.manager, what.note, a.sure(what.writer), record)
		case ledger.Note:
			fx = a.ledger.RestoreNote(what, record)
		case ledger.Finished:
			fx = a.ledger.Done(what, make([]int, len(what.Results)), record)
		}
		drops = append(drops, fx.Drop...)
	}
	fx := a.ledger.Restored()
	fx.Drop = append(drops, fx.Drop...)
	a.apply(fx)
}

func (a *agent) sure(writer int) bool { return a.locked && writer == a.journal.writer }

// apply does what the ledger asks for.
func (a *agent) apply(fx ledger.Effects) {
	for id, spans := range fx.Stop {
		if m := a.manager(id); m != nil {
			m.stop(spans)
		}
	}
	for _, note := range fx.Note {
		a.apply(a.ledger.Noted(note.Lease, a.journal.append(note)))
	}
	for _, record := range fx.Drop {
		delete(a.journal.records, record)
	}
}

// manager is the one of that name, if it is connected to this agent.
func (a *agent) manager(id string) *manager {
	for _, m := range a.site.managers {
		if m.name() == id && m.agent == a {
			return m
		}
	}
	return nil
}

func (a *agent) ask(name string, serve func() any, done func(any)) {
	a.calls[name] = &call{serve, done}
	a.transmit(name)
}

func (a *agent) transmit(name string) {
	c, epoch := a.calls[name], a.epoch
	a.w.send(func() {
		if name != "open" && a.w.epoch != epoch {
			a.w.send(func() { a.fenced = true })
			return
		}
		answer := c.serve()
		a.w.send(func() {
			if a.alive && !a.fenced && a.calls[name] == c {
				delete(a.calls, name)
				c.done(answer)
			}
		})
	})
}

func (a *agent) opened(epoch int64) {
	a.epoch = epoch
	held := a.ledger.Holdings()
	a.ask("reconcile", func() any { return a.w.reconcile(held) }, func(answer any) {
		a.apply(a.ledger.Drop(answer.([]wire.Span)))
		spans := make([]wire.Span, 0, len(held))
		for _, h := range held {
			spans = append(spans, h.Span)
		}
		a.apply(a.ledger.Answered(spans, nil))
		a.live = true
	})
}

// usable says whether the process may still do anything.
func (a *agent) usable() bool { return a.alive && !a.fenced && a.live }

// offered is accepting: journal first, then accept. Until the answer is acted
// on, a power cut may take from the journal what the service has heard of.
func (a *agent) offered(epoch int64, leases []wire.Lease) {
	if !a.usable() || a.epoch != epoch || a.calls["accept"] != nil {
		return
	}
	accept := wire.Accept{Epoch: epoch}
	for _, offered := range leases {
		switch {
		case !a.ledger.Offer(offered):
		case a.draining || a.w.chance(10): // the journal is full
			a.apply(a.ledger.Declined(offered.Span))
			accept.Declined = append(accept.Declined, offered.Span)
		default:
			a.ledger.Journalled(offered.Span, a.journal.append(acceptRecord{offered, a.journal.writer}))
			accept.Spans = append(accept.Spans, offered.Span)
		}
	}
	if len(accept.Spans)+len(accept.Declined) == 0 {
		return
	}
	written := a.journal.next
	a.ask("accept", func() any { return a.w.accept(epoch, accept) }, func(answer any) {
		a.journal.synced = max(a.journal.synced, written)
		a.apply(a.ledger.Answered(accept.Spans, answer.([]wire.Span)))
		if a.draining {
			a.apply(a.ledger.Return(wire.Loss{Code: yonder.CodeUnavailable}))
		}
	})
}

func (a *agent) cancel(epoch int64, spans []wire.Span) {
	if a.usable() && a.epoch == epoch {
		a.apply(a.ledger.Cancel(spans))
	}
}

// act is the agent doing one of its own things.
func (a *agent) act() {
	if !a.usable() {
		return
	}
	switch a.w.rng.IntN(6) {
	case 0, 1, 2:
		a.dispatch()
	case 3:
		a.reportNext("report" + string(rune('0'+a.w.rng.IntN(3))))
	case 4:
		if started := a.ledger.Begins(10).Started; len(started) > 0 {
			epoch := a.epoch
			a.ask("begun", func() any { a.w.report(epoch, wire.Report{Started: started}); return nil }, func(any) {})
		}
	default:
		a.giveUp()
	}
}

// giveUp ends the tasks of managers that are dead, or were away for too long.
func (a *agent) giveUp() {
	for _, id := range slices.Sorted(maps.Keys(a.ledger.Outstanding())) {
		lives := slices.ContainsFunc(a.site.managers, func(m *manager) bool { return m.name() == id && !m.dead })
		if a.manager(id) == nil && (!lives || a.w.chance(4)) {
			a.w.logf("epoch %d gives up manager %s", a.epoch, id)
			a.apply(a.ledger.Lost(id, "it is gone"))
		}
	}
}

// dispatch gives a manager what waits; the message breaks the connection if it
// is lost.
func (a *agent) dispatch() {
	m := a.site.managers[a.w.rng.IntN(len(a.site.managers))]
	if m.agent != a || a.draining {
		return
	}
	for attempt := 1; attempt <= a.w.bundle.MaxAttempts; attempt++ {
		all := wire.Span{Bundle: a.w.bundle.ID, Attempt: attempt, Hi: modelTasks}
		for _, waiting := range a.ledger.Waiting(all) {
			_, record := a.ledger.LeaseOf(waiting)
			note := ledger.Note{Lease: record, Spans: []wire.Span{waiting}}
			a.ledger.Noted(record, a.journal.append(dispatchRecord{m.name(), note, a.journal.writer}))
			given := a.ledger.Dispatch(waiting, m.name())
			if a.w.chance(8) {
				m.disconnect()
				return
			}
			m.take(given)
		}
	}
}

// reportNext reports what ended, one batch a reporter.
func (a *agent) reportNext(reporter string) {
	if a.calls[reporter] != nil {
		return
	}
	batch := a.ledger.Batch(1+a.w.rng.IntN(4), 1<<20)
	if batch.Empty() {
		return
	}
	var report wire.Report
	for _, item := range batch.Items {
		item.Into(&report)
	}
	epoch := a.epoch
	a.ask(reporter, func() any { a.w.report(epoch, report); return nil }, func(any) { a.apply(a.ledger.Reported(batch)) })
}

// retry repeats what was not answered.
func (a *agent) retry() {
	if !a.alive || a.fenced {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(a.calls)) {
		a.transmit(name)
	}
	if a.live {
		a.w.hintCancel(a.w.marked())
	}
}

// drain is a shutdown: what no manager has goes back; managers give up what
// they have not begun.
func (a *agent) drain() {
	if !a.usable() || a.draining {
		return
	}
	a.w.logf("agent of epoch %d drains", a.epoch)
	a.draining = true
	a.apply(a.ledger.Return(wire.Loss{Code: yonder.CodeUnavailable}))
	for _, m := range a.site.managers {
		if m.agent == a {
			m.giveBack()
		}
	}
}

func (w *world) kill(a *agent) {
	if !a.alive {
		return
	}
	if a.draining && a.usable() && a.ledger.Held() == 0 && w.epoch == a.epoch {
		w.close(a.epoch)
	}
	a.alive = false
	w.logf("kill agent of epoch %d", a.epoch)
	for _, m := range a.site.managers {
		if m.agent == a {
			m.agent = nil
		}
	}
	for _, other := range w.agents {
		if other.site == a.site && other.alive && other.locked {
			return
		}
	}
	if w.chance(3) {
		w.powerCut(a.site.journal)
	}
	w.spawn(a.site, a.site.journal, true)
}

// powerCut takes what the disk did not have yet. Managers are on other nodes.
func (w *world) powerCut(j *journal) {
	kept := j.synced + ledger.Record(w.rng.IntN(int(j.next-j.synced)+1))
	maps.DeleteFunc(j.records, func(record ledger.Record, _ any) bool { return record > kept })
	w.boots++
	j.writer = -w.boots
	w.logf("power cut: the journal ends at record %d of %d", kept, j.next)
}

// twin starts a second agent, with a copy of a journal or with a new one.
func (w *world) twin() {
	if len(w.sites) > 3 {
		return
	}
	fresh := w.newSite()
	if w.rng.IntN(2) == 0 {
		from := w.sites[0].journal
		fresh.journal.records, fresh.journal.next, fresh.journal.synced = maps.Clone(from.records), from.next, from.next
		fresh.managers = w.sites[0].managers // a cluster's managers are where they were
	}
	w.spawn(fresh, fresh.journal, true)
}

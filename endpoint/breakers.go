package endpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/managers"
	"github.com/yonder-run/yonder/endpoint/router"
	"github.com/yonder-run/yonder/wire"
)

// unfit says that a manager cannot start workers of an environment.
type unfit struct {
	reason string
	since  time.Time
	until  time.Time // when it may be tried again; zero: not while it is connected
}

// fit lists the environments that the manager may be given work for.
func (m *manager) fit() []string {
	return slices.DeleteFunc(slices.Clone(m.environments), func(environment string) bool {
		_, broken := m.unfit[environment]
		return broken
	})
}

// broken notes the interpreters that do not work on a manager's node.
func (d *desk) broken(pythons []wire.BrokenInterpreter) map[string]unfit {
	all := map[string]unfit{}
	for _, python := range pythons {
		all[router.Minor(python.Version)] = unfit{reason: python.Path + ": " + python.Reason, since: d.now()}
	}
	return all
}

// heed learns from the losses of a manager that it cannot start workers of an
// environment: what is left for that goes to others. The caller holds the lock.
func (d *desk) heed(id string, lost []wire.Loss) {
	m := d.managers[id]
	for _, loss := range lost {
		if m == nil || loss.Code != yonder.CodeEndpointBroken || loss.Started {
			continue
		}
		lease, _ := d.ledger.LeaseOf(loss.Span)
		environment, err := d.admit(lease)
		if err != nil {
			continue
		}
		if _, known := m.unfit[environment]; !known {
			d.log.Warn("a manager cannot start workers", slog.String("manager", id), slog.String("host", m.host),
				slog.String("environment", environment), slog.String("reason", loss.Message))
			now := d.now()
			m.unfit[environment] = unfit{reason: loss.Message, since: now, until: now.Add(d.cfg.Breaker.Probe)}
			d.rejoin(m)
		}
	}
}

// rejoin tells the router what a manager is fit for.
func (d *desk) rejoin(m *manager) {
	if m.peer != nil && !m.draining {
		d.router.Join(router.Manager{ID: m.id, Slots: m.slots, Environments: m.fit()}, d.ledger.Outstanding()[m.id])
	}
}

// forgive lets managers try again what failed long ago, or, if it is about
// everything, what failed at all.
func (d *desk) forgive(now time.Time, everything bool) {
	for _, m := range d.managers {
		known := len(m.unfit)
		maps.DeleteFunc(m.unfit, func(_ string, u unfit) bool {
			return !u.until.IsZero() && (everything || !now.Before(u.until))
		})
		if len(m.unfit) < known {
			d.rejoin(m)
		}
	}
}

// hopeless says why nothing can run a task that needs the environment, now and
// for long. While something may yet turn up it is nil.
func (d *desk) hopeless(environment string) error {
	if d.router.Serves(environment) || d.draining || !d.listening {
		return nil
	}
	for _, b := range d.blocks.all {
		if b.State == yonder.BlockIntended || b.State == yonder.BlockRequested {
			return nil
		}
	}
	var reasons []string
	for _, id := range slices.Sorted(maps.Keys(d.managers)) {
		m := d.managers[id]
		if m.peer == nil {
			return nil // it may come back
		}
		if u, broken := m.unfit[environment]; broken && !m.draining {
			reasons = append(reasons, fmt.Sprintf("on %s %s", cmp.Or(m.host, m.id), u.reason))
		}
	}
	if reason, _, broken := d.blocks.starts.Broken(); broken && d.blocks.starts.Open(d.now()) && len(reasons) == 0 {
		return yonder.Errorf(yonder.CodeEndpointBroken, "the endpoint gets no machines: its last %d blocks ended before a manager connected: %s",
			d.blocks.starts.Failures(), reason)
	}
	if len(reasons) == 0 {
		return nil
	}
	return yonder.Errorf(yonder.CodeEndpointBroken, "the endpoint cannot run %s: %s", called(environment), strings.Join(reasons, "; "))
}

// failHopeless ends what waits for something that will not come. The caller
// holds the lock.
func (d *desk) failHopeless() {
	if !d.live || d.full != nil {
		return
	}
	why := map[string]error{}
	for _, environment := range d.queue.Minors() {
		if err := d.hopeless(environment); err != nil {
			d.log.Warn("tasks that wait are failed", slog.String("environment", environment), slog.Any("reason", err))
			why[environment] = err
		}
	}
	if len(why) == 0 {
		return
	}
	over := map[string][]wire.Lease{}
	d.queue.Each(d.ledger.Running, func(environment string, lease wire.Lease, _ int) router.Step[wire.Lease] {
		if why[environment] == nil {
			return router.Step[wire.Lease]{Full: true}
		}
		over[environment] = append(over[environment], lease)
		return router.Step[wire.Lease]{}
	})
	for environment, leases := range over {
		for _, lease := range leases {
			_, record := d.ledger.LeaseOf(lease.Span)
			for _, span := range d.ledger.Waiting(lease.Span) {
				part := lease
				part.Span = span
				d.refuse(part, why[environment])
			}
			d.release(record)
		}
	}
}

// breakers lists what is not tried any more, and why.
func (d *desk) breakers() []yonder.Breaker {
	var all []yonder.Breaker
	if reason, since, broken := d.blocks.starts.Broken(); broken {
		all = append(all, yonder.Breaker{What: "blocks", Reason: reason, Since: since.UTC(), Failures: d.blocks.starts.Failures()})
	}
	for _, id := range slices.Sorted(maps.Keys(d.managers)) {
		m := d.managers[id]
		for _, environment := range slices.Sorted(maps.Keys(m.unfit)) {
			all = append(all, yonder.Breaker{
				What:   fmt.Sprintf("%s on %s", called(environment), cmp.Or(m.host, m.id)),
				Reason: m.unfit[environment].reason, Since: m.unfit[environment].since.UTC(),
			})
		}
	}
	return all[:min(len(all), maxBreakers)]
}

// called is an environment's name for people.
func called(environment string) string {
	if environment == router.Native {
		return "functions that need no interpreter"
	}
	return "Python " + environment
}

// maxBreakers bounds what a status tells: an endpoint may have thousands of nodes.
const maxBreakers = 20

// resetBreakers lets everything be tried again, here and on the nodes.
func (d *desk) resetBreakers() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closeBreakers()
	d.dispatch()
	d.scale.notify()
}

// closeBreakers is resetBreakers for a caller that holds the lock, and that
// goes on with what waits.
func (d *desk) closeBreakers() {
	d.log.Info("the breakers are reset")
	d.blocks.starts.Reset()
	d.blocks.failures.Count = 0
	d.forgive(d.now(), true)
	for _, m := range d.managers {
		if m.peer != nil {
			m.peer.Send(wire.KindBeat, wire.Beat{Reset: true})
		}
	}
}

// resetFile asks the agent of a state directory to reset its breakers. The
// agent removes it.
func resetFile(stateDir string) string { return filepath.Join(stateDir, "reset-breaker") }

// resetPoll is how often it is looked whether the agent has done what it was asked.
const resetPoll = 50 * time.Millisecond

// ResetBreaker has the running agent with the state directory try again what
// it has given up, and waits until it has taken note of that.
func ResetBreaker(ctx context.Context, stateDir string) error {
	file := resetFile(stateDir)
	if err := managers.WriteFile(file, nil); err != nil {
		return err
	}
	look := time.NewTicker(resetPoll)
	defer look.Stop()
	for {
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		select {
		case <-ctx.Done():
			_ = os.Remove(file) // nobody has taken note of it
			return yonder.Errorf(yonder.CodeTimeout, "the agent has not taken note of it: is it running? %w", context.Cause(ctx))
		case <-look.C:
		}
	}
}

// obeyReset does what a file asks for.
func (d *desk) obeyReset() {
	if os.Remove(resetFile(d.cfg.StateDir)) == nil {
		d.resetBreakers()
	}
}

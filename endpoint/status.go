package endpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
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

// StatusFile is what a running agent writes about itself into its state
// directory, as status.json, for the command line.
type StatusFile struct {
	wire.Status

	PID       int       `json:"pid"`
	Name      string    `json:"name"`
	Endpoint  yonder.ID `json:"endpoint"`
	Epoch     int64     `json:"epoch"`
	Connected bool      `json:"connected"`
	// Refused is why the service refuses the agent, if it does: somebody has
	// to act before they can connect.
	Refused yonder.Code `json:"refused,omitempty"`
	Updated time.Time   `json:"updated"`
}

// StatusPath is where an agent with the state directory writes its status.
func StatusPath(stateDir string) string { return filepath.Join(stateDir, "status.json") }

// ReadStatus reads the status of an agent. CodeNotRunning means that none
// runs with this state directory, or that it ended by force.
func ReadStatus(stateDir string) (StatusFile, error) {
	var s StatusFile
	data, err := os.ReadFile(StatusPath(stateDir))
	if os.IsNotExist(err) {
		return s, yonder.Errorf(yonder.CodeNotRunning, "no agent runs with the state directory %s", stateDir)
	}
	if err != nil {
		return s, fmt.Errorf("reading the agent's status: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, yonder.Errorf(yonder.CodeStorageCorrupt, "status file of %s: %w: start the agent anew", stateDir, err)
	}
	return s, nil
}

// status is the report of the moment; outside is what the link has to say.
func (d *desk) status(outside string) wire.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.statusNow(outside)
}

func (d *desk) statusNow(outside string) wire.Status {
	s := wire.Status{Blocks: len(d.blocks.all), Slots: d.router.Slots(), Held: d.ledger.Held()}
	for _, m := range d.managers {
		if m.peer != nil {
			s.Managers++
			s.Busy += max(m.beat.Busy, min(m.slots, d.router.Given(m.id)))
		}
	}
	s.Trouble, s.Breakers = d.troubles(outside), d.breakers()
	return s
}

// troubles are the reasons why nothing moves, the nearest first.
func (d *desk) troubles(outside string) string {
	var all []string
	add := func(what string) {
		if what != "" {
			all = append(all, what)
		}
	}
	add(outside)
	if d.full != nil {
		add(d.full.Error())
	}
	add(d.room.trouble(d.now()))
	if len(d.pythons) == 0 && slices.Contains(d.cfg.Kinds, yonder.KindPython) {
		add("no Python interpreter was found: set pythons in the configuration")
	}
	add(d.blocks.trouble)
	for _, m := range d.managers {
		if m.beat.Trouble != "" {
			add(fmt.Sprintf("manager %s on %s: %s", m.id, m.host, m.beat.Trouble))
			break
		}
	}
	for _, environment := range d.queue.Minors() {
		switch {
		case d.router.Slots() == 0 || d.router.Serves(environment):
		case environment == router.Native:
			add("tasks wait for a manager that runs functions of other kinds than Python's")
		default:
			add("tasks wait for a manager with Python " + environment)
		}
	}
	return strings.Join(all, "; ")
}

// publishing writes the status file until ctx ends, and removes it then.
func (a *Agent) publishing(ctx context.Context, p *parts) error {
	path := StatusPath(a.cfg.StateDir)
	defer os.Remove(path)
	tick := time.NewTicker(a.opts.StatusEvery)
	defer tick.Stop()
	failed := false
	for {
		p.desk.obeyReset()
		err := a.publish(path, p)
		if err != nil && !failed { // a full disk is no reason to end
			a.opts.Logger.Warn("the status file cannot be written", slog.Any("error", err))
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (a *Agent) publish(path string, p *parts) error {
	status := StatusFile{
		Status: p.desk.status(p.link.Trouble()), PID: os.Getpid(), Name: a.cfg.Name, Endpoint: a.cfg.Endpoint,
		Epoch: p.server.Epoch(), Connected: p.link.Connected(), Refused: p.link.Refused(), Updated: time.Now().UTC(),
	}
	data, err := json.Marshal(status)
	if err != nil {
		return fmt.Errorf("encoding the status: %w", err)
	}
	return managers.WriteFile(path, data)
}

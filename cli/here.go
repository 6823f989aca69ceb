package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/endpoint/daemon"
	"github.com/yonder-run/yonder/internal/nearest"
)

// States of an endpoint on this machine.
const (
	hereRunning = "running"
	hereStopped = "stopped"
	hereBroken  = "broken" // its configuration cannot be used
	hereAway    = "away"   // its agent runs on another machine with the same directory
)

// here is an endpoint as this machine knows it.
type here struct {
	Name    string               `json:"name"`
	State   string               `json:"state"`
	PID     int                  `json:"pid,omitempty"`
	Host    string               `json:"host,omitempty"` // of that process, if it is another one
	Dir     string               `json:"dir"`
	Problem string               `json:"problem,omitempty"`
	Status  *endpoint.StatusFile `json:"status,omitempty"`

	config endpoint.Config
}

// where is the state for people.
func (e *here) where() string {
	if e.State == hereAway {
		return "on " + e.Host
	}
	return e.State
}

func (e *here) file() string { return filepath.Join(e.Dir, configFile) }
func (e *here) log() string  { return daemon.LogPath(e.config.StateDir) }

// isHere says whether the endpoint is configured on this machine.
func isHere(h home.Home, name string) bool {
	_, err := os.Stat(filepath.Join(h.Endpoint(name), configFile))
	return err == nil
}

// lookHere finds out about an endpoint of this machine. What is wrong with its
// configuration is part of the answer.
func lookHere(h home.Home, name string) (here, error) {
	e := here{Name: name, State: hereStopped, Dir: h.Endpoint(name)}
	if err := checkEndpointName(name); err != nil {
		return e, err
	}
	if _, err := os.Stat(e.file()); errors.Is(err, fs.ErrNotExist) {
		return e, yonder.Errorf(yonder.CodeNotFound,
			"there is no endpoint %s on this machine; %s\"yonder endpoint configure %s\" makes it, \"yonder endpoint list\" shows all",
			name, askHere(h, name), name)
	}
	config, err := endpoint.LoadConfig(e.file())
	if err != nil {
		e.State, e.Problem = hereBroken, err.Error()
		return e, nil //nolint:nilerr // it is in the answer
	}
	e.config = config
	holder, err := home.LockedBy(filepath.Join(config.StateDir, "lock"))
	e.PID, e.Host = holder.PID, holder.Host
	switch {
	case err != nil:
		return e, err
	case e.PID == 0:
		return e, nil
	case e.Host != "":
		e.State = hereAway
	default:
		e.State = hereRunning
	}
	if status, err := endpoint.ReadStatus(config.StateDir); err == nil && status.PID == e.PID {
		e.Status = &status
	}
	return e, nil
}

// away refuses what has to be done on the machine on which the agent runs.
func (e *here) away() error {
	if e.State != hereAway {
		return nil
	}
	return yonder.Errorf(yonder.CodeConflict, "the agent of %s runs on %s, as process %d there, with the same directory %s: use that machine",
		e.Name, e.Host, e.PID, e.Dir)
}

// configured finds an endpoint of this machine whose configuration can be used.
func (a *app) configured(name string) (here, endpoint.Config, error) {
	h, err := a.home()
	if err != nil {
		return here{}, endpoint.Config{}, err
	}
	e, err := lookHere(h, name)
	if err != nil {
		return e, endpoint.Config{}, err
	}
	config, err := e.usable()
	return e, config, err
}

// askHere is the question after the endpoint of this machine that may have
// been meant.
func askHere(h home.Home, name string) string {
	names, _ := h.EndpointNames() // without them there is nothing to ask
	return nearest.Ask(name, names)
}

// usable returns the endpoint's configuration, or what is wrong with it.
func (e *here) usable() (endpoint.Config, error) {
	if e.State == hereBroken {
		return endpoint.LoadConfig(e.file())
	}
	return e.config, nil
}

// allHere looks at all endpoints of this machine.
func allHere(h home.Home) ([]here, error) {
	names, err := h.EndpointNames()
	if err != nil {
		return nil, err
	}
	var all []here
	for _, name := range names {
		if !isHere(h, name) {
			continue
		}
		e, err := lookHere(h, name)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

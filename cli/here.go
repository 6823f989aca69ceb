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
)

// here is an endpoint as this machine knows it.
type here struct {
	Name    string               `json:"name"`
	State   string               `json:"state"`
	PID     int                  `json:"pid,omitempty"`
	Dir     string               `json:"dir"`
	Problem string               `json:"problem,omitempty"`
	Status  *endpoint.StatusFile `json:"status,omitempty"`

	config endpoint.Config
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
	if e.PID, err = home.LockedBy(filepath.Join(config.StateDir, "lock")); err != nil {
		return e, err
	}
	if e.PID == 0 {
		return e, nil
	}
	e.State = hereRunning
	if status, err := endpoint.ReadStatus(config.StateDir); err == nil && status.PID == e.PID {
		e.Status = &status
	}
	return e, nil
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

// Package doctor looks at everything between a person and a result, one check
// after the other, and says of each what was found and what to do next.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/client"
)

// Mark is how a check ended.
type Mark string

// Marks, from good to bad. Skipped is what could not be looked at, because
// what it rests on failed.
const (
	Fine    Mark = "ok"
	Skipped Mark = "skipped"
	Warning Mark = "warning"
	Failed  Mark = "failed"
)

// Finding is what a check found.
type Finding struct {
	Check string `json:"check"`
	// Endpoint is the one that was looked at, if there are several.
	Endpoint string      `json:"endpoint,omitempty"`
	Mark     Mark        `json:"mark"`
	Found    string      `json:"found"`
	Next     string      `json:"next,omitempty"` // what to do about it
	Code     yonder.Code `json:"code,omitempty"` // of what failed
}

// Options are what is looked at, and with what.
type Options struct {
	Home     home.Home
	Program  string // this program's file
	Python   string // interpreter to compare with the endpoint's
	Endpoint string // name or id; empty: all
	Run      bool   // a task, at the end
	Patience time.Duration

	// Login is what commands log in with, Connect the client that they use.
	Login   func() (home.Login, error)
	Connect func() (*client.Client, error)
	// Places are the endpoint that the reference names, or all that may be used.
	Places func(ctx context.Context, c *client.Client, ref string) ([]yonder.Endpoint, error)
	// Agent is the agent of the endpoint if it is of this machine: its state
	// and state directory.
	Agent func(id yonder.ID) (state, dir string, ok bool)
}

// check is one thing to look at, once what it rests on is in order.
type check struct {
	name string
	on   string
	look func(ctx context.Context, x *examination) Finding
}

// checks are in the order of the way from here to a result.
var checks = []check{
	{"program", "", program},
	{"directory", "", directory},
	{"disk", "directory", disk},
	{"python", "", python},
	{"login", "", login},
	{"name", "login", name},
	{"connection", "name", connection},
	{"certificate", "connection", certificate},
	{"service", "certificate", service},
	{"clock", "service", clock},
	{"token", "service", token},
	{"websocket", "token", websocket},
}

// placeChecks follow, for each endpoint that may be meant.
var placeChecks = []check{
	{"endpoint", "token", endpoint},
	{"agent", "endpoint", agent},
	{"interpreter", "endpoint", interpreter},
	{"room", "endpoint", room},
	{"result", "agent", result},
}

// examination is what the checks so far have found out.
type examination struct {
	Options

	now      func() time.Time
	login    home.Login
	client   *client.Client
	probe    client.Probe
	probed   error
	minor    string // of the local Python
	endpoint yonder.Endpoint
	several  bool  // endpoints may be meant
	spared   bool  // this one: another is online
	unplaced error // why there is no endpoint
	about    func(check string)
	tell     func(Finding)
}

// mostPlaces bounds the endpoints that are looked at: a task runs at each.
const mostPlaces = 8

// Examine makes all checks and tells each finding as it is made; about says
// which check comes next.
func Examine(ctx context.Context, o Options, about func(check string), tell func(Finding)) []Finding {
	x := &examination{Options: o, now: time.Now, about: about, tell: tell}
	way := x.look(ctx, checks, nil)
	places, err := x.places(ctx, way)
	if x.unplaced = err; err != nil || len(places) == 0 {
		return append(way, x.look(ctx, placeChecks, way)...)
	}
	all := way
	for i, e := range places {
		if i == mostPlaces {
			rest := warning("name the one that you mean with --endpoint", "%d more endpoints were not looked at", len(places)-i)
			rest.Check = "endpoint"
			tell(rest)
			return append(all, rest)
		}
		x.endpoint, x.several = e, len(places) > 1
		x.spared = x.several && slices.ContainsFunc(places, func(e yonder.Endpoint) bool { return e.Online })
		all = append(all, x.look(ctx, placeChecks, way)...)
	}
	return all
}

// places are those to look at, the ones that are online first.
func (x *examination) places(ctx context.Context, way []Finding) ([]yonder.Endpoint, error) {
	if !holds(way, placeChecks[0].on) {
		return nil, nil
	}
	all, err := x.Places(ctx, x.client, x.Endpoint)
	slices.SortStableFunc(all, func(a, b yonder.Endpoint) int {
		switch {
		case a.Online == b.Online:
			return 0
		case a.Online:
			return -1
		}
		return 1
	})
	return all, err
}

// look makes checks one after the other, after those whose findings are given.
func (x *examination) look(ctx context.Context, checks []check, before []Finding) []Finding {
	all := slices.Clone(before)
	for _, c := range checks {
		if ctx.Err() != nil {
			break
		}
		x.about(c.name)
		f := Finding{Mark: Skipped, Found: "not looked at: the " + c.on + " comes first"}
		if holds(all, c.on) {
			f = c.look(ctx, x)
		}
		if f.Mark == "" {
			continue // there is nothing to look at
		}
		f.Check = c.name
		if x.several {
			f.Endpoint = x.endpoint.Name
		}
		all = append(all, f)
		x.tell(f)
		if f.Check == placeChecks[0].name && f.Mark == Warning {
			break // another one works
		}
	}
	return all[len(before):]
}

// holds says whether what a check rests on is in order.
func holds(all []Finding, on string) bool {
	return on == "" || !slices.ContainsFunc(all, func(f Finding) bool {
		return f.Check == on && (f.Mark == Failed || f.Mark == Skipped)
	})
}

// Verdict is the error of an examination: nil if nothing failed, else with
// the code of what failed first, on which the rest may depend.
func Verdict(all []Finding) error {
	var failed []string
	var code yonder.Code
	for _, f := range all {
		if f.Mark != Failed {
			continue
		}
		if code == "" {
			code = f.Code
		}
		name := f.Check
		if f.Endpoint != "" {
			name += " of " + f.Endpoint
		}
		failed = append(failed, name)
	}
	if len(failed) == 0 {
		return nil
	}
	return yonder.Errorf(code, "%d of %d checks failed: %s; begin with the first line that \"yonder doctor\" marks with ✗",
		len(failed), len(all), strings.Join(failed, ", "))
}

func fine(format string, args ...any) Finding {
	return Finding{Mark: Fine, Found: fmt.Sprintf(format, args...)}
}

func warning(next, format string, args ...any) Finding {
	return Finding{Mark: Warning, Found: fmt.Sprintf(format, args...), Next: next}
}

func failed(code yonder.Code, next, format string, args ...any) Finding {
	return Finding{Mark: Failed, Found: fmt.Sprintf(format, args...), Next: next, Code: code}
}

// failure is the finding of an error, whose sentence says what to do.
func failure(err error) Finding {
	return Finding{Mark: Failed, Found: err.Error(), Code: yonder.CodeOf(err)}
}

package kit

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/yonder-run/yonder/internal/startstop"
)

const (
	progressAfter = time.Second            // what is faster needs no progress
	spinEvery     = 100 * time.Millisecond // of a terminal
	repeatEvery   = 10 * time.Second       // of plain lines, if nothing changes
)

// Progress tells a person what is waited for, from one second on: a line that
// changes on a terminal that takes escape codes, else a plain line for each
// change, repeated ever more rarely. Programs that read
// JSON are not told.
type Progress struct {
	startstop.Base

	console *Console
	started time.Time
	mu      sync.Mutex
	what    string
}

// Progress starts telling; the caller stops it with Stop.
func (c *Console) Progress(ctx context.Context, what string) *Progress {
	p := &Progress{console: c, started: time.Now(), what: what}
	if c.JSON && !isTerminal(c.Err) {
		return p
	}
	_ = p.Start(ctx, p.run) // run is ready at once
	return p
}

// Sayf changes what is waited for.
func (p *Progress) Sayf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what = Clean(fmt.Sprintf(format, args...))
}

// Clear makes room for a line of the command's own, on a terminal.
func (p *Progress) Clear() {
	if p.console.colour(p.console.Err) {
		p.console.Notef("\r\x1b[K")
	}
}

func (p *Progress) run(ctx context.Context, ready func()) error {
	ready()
	show, every := p.lines(), progressAfter
	if p.console.colour(p.console.Err) {
		show, every = p.spin, spinEvery
		defer p.console.Notef("\r\x1b[K")
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if waited := now.Sub(p.started); waited >= progressAfter {
				show(waited)
			}
		}
	}
}

func (p *Progress) now() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.what
}

var spinner = strings.Split("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "")

func (p *Progress) spin(waited time.Duration) {
	frame := spinner[int(waited/spinEvery)%len(spinner)]
	text := fmt.Sprintf("%s %s (%s)", frame, p.now(), waited.Round(time.Second))
	p.console.Notef("\r\x1b[K%s", cut(text, p.console.width()-1)) // a full line would wrap
}

// lines returns what prints a line when there is news, or nothing was said for
// long.
func (p *Progress) lines() func(time.Duration) {
	var last string
	var said time.Duration
	repeat := repeatEvery
	return func(waited time.Duration) {
		if what := p.now(); what != last || waited-said >= repeat {
			if repeat *= 2; what != last {
				repeat = repeatEvery
			}
			last, said = what, waited
			p.console.Notef("%s (%s)\n", what, waited.Round(time.Second))
		}
	}
}

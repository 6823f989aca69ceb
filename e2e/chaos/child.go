package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// restartPause is how long a process that ended stays away: systemd's default
// is 100 ms, our unit's 2 s.
const restartPause = 500 * time.Millisecond

// child is a program that is started again whenever it ends, as an init
// system would, until it is told to stay away or, if it is to end once, has
// ended well.
type child struct {
	name   string
	log    string // file
	once   bool
	make   func() *exec.Cmd
	events func(format string, args ...any)

	mu    sync.Mutex
	cmd   *exec.Cmd // the one that runs
	stop  context.CancelCauseFunc
	ended chan struct{}
}

// start starts the process, and looks after it until stopped.
func (p *child) start(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	p.stop, p.ended = stop, make(chan struct{})
	if err := p.launch(); err != nil {
		close(p.ended)
		return err
	}
	go p.look(ctx)
	return nil
}

func (p *child) launch() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log of %s: %w", p.name, err)
	}
	defer log.Close()
	cmd := p.make()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = cmd
	return nil
}

func (p *child) look(ctx context.Context) {
	defer close(p.ended)
	for {
		err := p.cmd.Wait()
		p.mu.Lock()
		p.cmd = nil
		p.mu.Unlock()
		if ctx.Err() != nil || p.once && err == nil {
			return
		}
		p.events("%s ended: %v", p.name, err)
		for pause(ctx, restartPause) == nil {
			err := p.launch()
			if err == nil {
				break
			}
			p.events("%v", err)
		}
		if ctx.Err() != nil {
			p.signal(os.Kill)
			p.mu.Lock()
			cmd := p.cmd
			p.mu.Unlock()
			if cmd != nil {
				_ = cmd.Wait()
			}
			return
		}
	}
}

// signal sends a signal to the process, if there is one just now.
func (p *child) signal(s os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(s)
	}
}

var errStopped = errors.New("the run is over")

// kill ends the process for good.
func (p *child) kill() {
	p.stop(errStopped)
	p.signal(os.Kill)
	<-p.ended
}

// over says whether a process that ends once has done so.
func (p *child) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

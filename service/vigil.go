package service

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
)

const (
	// lookEvery is how often a replica looks whether it reaches the store, and
	// tells the others that it does; lookWithin is how long that may take.
	lookEvery  = 2 * time.Second
	lookWithin = 3 * time.Second
	// awayAfter is how long the store may be out of reach before agents are sent
	// to other replicas: a server that is restarted is back by then.
	awayAfter = 10 * time.Second
	// heardWithin is how old the word of another replica may be.
	heardWithin = 3 * lookEvery
)

// topicReach is told by replicas that reach the store.
const topicReach = "reach"

var errAway = yonder.Errorf(yonder.CodeUnavailable, "this replica does not reach its database: another one does")

// watch decides whether agents are better off with another replica: this one
// has not reached the store for long, and another one does. Without another one
// they stay, for they would find nothing better.
type watch struct {
	lost  time.Time // since when it is out of reach; zero: it is not
	heard time.Time // of another replica that reaches it
}

func (w *watch) look(now time.Time, err error) (away bool) {
	if err == nil {
		w.lost = time.Time{}
		return false
	}
	if w.lost.IsZero() {
		w.lost = now
	}
	return now.Sub(w.lost) >= awayAfter && now.Sub(w.heard) <= heardWithin
}

// vigil keeps watch over the way to the store, and sends agents away from a
// replica that has lost it.
type vigil struct {
	startstop.Base

	ping  func(ctx context.Context) error
	tell  func()                       // other replicas that the store is reached
	hear  func(func()) (func(), error) // calls for each word of another one
	shed  func(why error)              // ends the connections of agents
	now   func() time.Time
	log   *slog.Logger
	every time.Duration

	mu    sync.Mutex
	watch watch
	away  bool
}

// Start begins to look.
func (v *vigil) Start(ctx context.Context) error { return v.Base.Start(ctx, v.run) }

func (v *vigil) run(ctx context.Context, ready func()) error {
	stop, err := v.hear(func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.watch.heard = v.now()
	})
	if err != nil {
		return err
	}
	defer stop()
	ready()
	tick := time.NewTicker(v.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			v.look(ctx)
		}
	}
}

func (v *vigil) look(ctx context.Context) {
	asking, cancel := context.WithTimeoutCause(ctx, lookWithin, errAway)
	defer cancel()
	err := v.ping(asking)
	if ctx.Err() != nil {
		return
	}
	v.mu.Lock()
	before := v.away
	v.away = v.watch.look(v.now(), err)
	now := v.away
	v.mu.Unlock()
	switch {
	case err == nil:
		v.tell()
	case now && !before:
		v.log.Error("the database is out of reach, and another replica reaches it: agents are sent away", "error", err)
	}
	if now {
		v.shed(errAway)
	}
}

// guard answers requests at once that need the store, while another replica has
// it: whoever asks again may reach that one. Waiting for the store would keep
// them here.
func (v *vigil) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1/") || !v.isAway() {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Connection", "close") // or the next try would come over the same one
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(errAway.Code.Info().HTTP)
		_ = json.NewEncoder(w).Encode(errAway) // to nobody, if that fails
	})
}

func (v *vigil) isAway() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.away
}

package results

import (
	"math/rand/v2"
	"time"
)

// Readers look by themselves, should a hint be lost: soon after something has
// come, and less and less often while nothing does.
const (
	pollEvery  = 5 * time.Second
	pollSeldom = 40 * time.Second
)

// poll is the timer of one reader's own looks.
type poll struct {
	*time.Timer

	pause time.Duration
}

func newPoll() *poll { return &poll{Timer: time.NewTimer(pollEvery), pause: pollEvery} }

// next sets the timer for the next look, given whether the last found
// anything. Pauses are spread, so that readers do not all look at once.
func (p *poll) next(found bool) {
	p.pause = min(2*p.pause, pollSeldom)
	if found {
		p.pause = pollEvery
	}
	p.Reset(p.pause + time.Duration((rand.Float64()-0.5)/5*float64(p.pause)))
}

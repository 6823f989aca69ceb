package yonder

import (
	"math"
	"slices"
	"time"
)

// Retry says when an attempt that ended without a result is followed by
// another. A function's own exception is a result and never tried again. The
// zero value of a field leaves it to whoever is asked next: what a submission
// does not say the function does, and then the service.
type Retry struct {
	MaxAttempts int     `json:"max_attempts,omitempty" minimum:"0" doc:"how often a task may start; 1: never twice"`
	On          []Code  `json:"on,omitempty" doc:"of task_lost, worker_failed, walltime_exceeded; the first two by default"`
	Backoff     float64 `json:"backoff_s,omitempty" minimum:"0" doc:"seconds before the second attempt; at once by default"`
	Factor      float64 `json:"backoff_factor,omitempty" minimum:"0" doc:"what each further wait is multiplied by; 2 by default"`
	MaxBackoff  float64 `json:"backoff_max_s,omitempty" minimum:"0" doc:"seconds that a wait has at most; 300 by default"`
}

// Causes are the codes that Retry.On may name. An attempt that killed its
// worker ends with CodeWorkerFailed, one that was lost through no fault of its
// own with its manager, node, block or agent with CodeTaskLost.
var Causes = []Code{CodeTaskLost, CodeWorkerFailed, CodeWalltimeExceeded}

// Bounds of what a policy may ask for: a task that waits for longer is better
// submitted later.
const (
	MaxRetryFactor = 100
	MaxRetryWait   = 24 * time.Hour
)

const (
	defaultFactor = 2
	// maxBackoff keeps a growing wait to what people expect of a retry.
	maxBackoff = 5 * time.Minute
)

// Retries says whether another attempt may follow one that ended for the cause.
func (r Retry) Retries(cause Code) bool {
	if len(r.On) == 0 {
		return cause != CodeWalltimeExceeded
	}
	return slices.Contains(r.On, cause)
}

// Wait is how long a task rests after its attempt with the number was lost.
func (r Retry) Wait(attempt int) time.Duration {
	if r.Backoff <= 0 {
		return 0 // and not a number, times the factor's power
	}
	factor, longest := r.Factor, r.MaxBackoff
	if factor == 0 {
		factor = defaultFactor
	}
	if longest == 0 {
		longest = max(r.Backoff, maxBackoff.Seconds())
	}
	seconds := r.Backoff * math.Pow(factor, float64(max(attempt, 1)-1))
	return time.Duration(min(seconds, longest, MaxRetryWait.Seconds()) * float64(time.Second))
}

// Or fills in what the policy does not say.
func (r Retry) Or(other Retry) Retry {
	if r.MaxAttempts == 0 {
		r.MaxAttempts = other.MaxAttempts
	}
	if len(r.On) == 0 {
		r.On = other.On
	}
	if r.Backoff == 0 && r.Factor == 0 && r.MaxBackoff == 0 {
		r.Backoff, r.Factor, r.MaxBackoff = other.Backoff, other.Factor, other.MaxBackoff
	}
	return r
}

// IsZero says that the policy says nothing.
func (r Retry) IsZero() bool {
	return r.MaxAttempts == 0 && len(r.On) == 0 && r.Backoff == 0 && r.Factor == 0 && r.MaxBackoff == 0
}

// Check returns an error that names the field of a policy that makes no sense.
func (r Retry) Check(maxAttempts int) error {
	invalid := func(field, format string, args ...any) error {
		return FieldErrorf(CodeInvalidRequest, "retry."+field, format, args...)
	}
	if r.MaxAttempts < 0 || r.MaxAttempts > maxAttempts {
		return invalid("max_attempts", "a task has between 1 and %d attempts", maxAttempts)
	}
	for i, cause := range r.On {
		if !slices.Contains(Causes, cause) || slices.Contains(r.On[:i], cause) {
			return invalid("on", "%q is not a cause for another attempt: name some of %v, each once", cause, Causes)
		}
	}
	if r.Factor != 0 && (r.Factor < 1 || r.Factor > MaxRetryFactor) {
		return invalid("backoff_factor", "a factor is between 1 and %d", MaxRetryFactor)
	}
	for field, seconds := range map[string]float64{"backoff_s": r.Backoff, "backoff_max_s": r.MaxBackoff} {
		if !(seconds >= 0 && seconds <= MaxRetryWait.Seconds()) { // NaN, too
			return invalid(field, "a wait is between 0 and %.0f seconds", MaxRetryWait.Seconds())
		}
	}
	return nil
}

package cli

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
)

// retryFlags are a retry policy on the command line.
type retryFlags struct {
	attempts            int
	on                  []string
	backoff, maxBackoff time.Duration
}

// add declares the flags; rest says what holds without them.
func (r *retryFlags) add(flags *pflag.FlagSet, rest string) {
	kit.Count(flags, &r.attempts, "max-attempts", 0, 1, "how often a lost task is tried (default "+rest+")")
	flags.StringSliceVar(&r.on, "retry-on", nil, "`causes` after which it is tried again: task_lost, worker_failed, walltime_exceeded")
	kit.Duration(flags, &r.backoff, "retry-backoff", 0, "wait before the second attempt, such as 10s; doubles each time")
	kit.Duration(flags, &r.maxBackoff, "retry-backoff-max", 0, "the longest such wait")
}

func (r *retryFlags) policy() yonder.Retry {
	policy := yonder.Retry{MaxAttempts: r.attempts, Backoff: r.backoff.Seconds(), MaxBackoff: r.maxBackoff.Seconds()}
	for _, cause := range r.on {
		policy.On = append(policy.On, yonder.Code(cause))
	}
	return policy
}

package quota

import (
	"context"
	"sync"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
)

// Times and sizes of what is remembered.
const (
	// limitsFor is how long a change made at another replica may take.
	limitsFor = 10 * time.Second
	// usageFor is how long totals are added to before they are read again.
	usageFor = time.Second
	// maxKnown bounds each memory; at the bound it is emptied.
	maxKnown = 10_000
)

// Records is where limits are kept and usage is counted.
type Records interface {
	Limits(ctx context.Context, subject yonder.ID) (yonder.Allowance, error)
	Usage(ctx context.Context, identity yonder.ID) (store.Usage, error)
	BlobBytes(ctx context.Context) (int64, error)
}

// Limits knows which limits hold for whom: what was set for an identity or an
// endpoint, else what is configured.
type Limits struct {
	Records  Records
	Identity yonder.Allowance // that are not set
	Endpoint yonder.Allowance
	Blobs    int64 // bytes of blobs of all; 0: any
	Now      func() time.Time

	mu    sync.Mutex
	known map[yonder.ID]remembered[yonder.Allowance]
	usage map[yonder.ID]remembered[store.Usage]
}

type remembered[T any] struct {
	value T
	until time.Time
}

// Of returns the limits of an identity.
func (l *Limits) Of(ctx context.Context, identity yonder.ID) (yonder.Allowance, error) {
	set, err := l.set(ctx, identity)
	return set.Or(l.Identity), err
}

// At returns the limits of an endpoint.
func (l *Limits) At(ctx context.Context, endpoint yonder.ID) (yonder.Allowance, error) {
	set, err := l.set(ctx, endpoint)
	return set.Or(l.Endpoint), err
}

func (l *Limits) set(ctx context.Context, subject yonder.ID) (yonder.Allowance, error) {
	now := l.Now()
	l.mu.Lock()
	known, ok := l.known[subject]
	l.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.value, nil
	}
	set, err := l.Records.Limits(ctx, subject)
	if err == nil {
		l.mu.Lock()
		l.known = remember(l.known, subject, set, now.Add(limitsFor))
		l.mu.Unlock()
	}
	return set, err
}

func remember[T any](m map[yonder.ID]remembered[T], id yonder.ID, value T, until time.Time) map[yonder.ID]remembered[T] {
	if m == nil || len(m) >= maxKnown {
		m = map[yonder.ID]remembered[T]{}
	}
	m[id] = remembered[T]{value, until}
	return m
}

// Forget makes the next look see what was just set.
func (l *Limits) Forget(subject yonder.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, subject)
}

// Room refuses a submission that takes an identity over its limits at all
// endpoints together. Each endpoint's queue is bounded exactly, where it is
// written; the sum over endpoints is read once a second and added to, so
// requests at several replicas may go over it by what one second brings.
func (l *Limits) Room(ctx context.Context, identity yonder.ID, limits yonder.Allowance, add store.Usage) error {
	if over(limits, l.guess(identity), add) == nil {
		l.count(identity, add)
		return nil
	}
	usage, err := l.Records.Usage(ctx, identity)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.usage = remember(l.usage, identity, usage, l.Now().Add(usageFor))
	l.mu.Unlock()
	if err := over(limits, usage, add); err != nil {
		return err
	}
	l.count(identity, add)
	return nil
}

// guess is what was counted within the last second; what is not known counts
// as too much, so that it is read.
func (l *Limits) guess(identity yonder.ID) store.Usage {
	const unknown = 1 << 62
	l.mu.Lock()
	defer l.mu.Unlock()
	usage, ok := l.usage[identity]
	if !ok || !l.Now().Before(usage.until) {
		return store.Usage{QueuedTasks: unknown, QueuedBytes: unknown, Bundles: unknown}
	}
	return usage.value
}

func (l *Limits) count(identity yonder.ID, add store.Usage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	usage, ok := l.usage[identity]
	if !ok {
		return
	}
	usage.value.QueuedTasks += add.QueuedTasks
	usage.value.QueuedBytes += add.QueuedBytes
	usage.value.Bundles += add.Bundles
	l.usage[identity] = usage
}

func over(limits yonder.Allowance, usage, add store.Usage) error {
	for _, c := range []struct {
		name             string
		limit, now, more int64
		what             string
	}{
		{yonder.LimitQueuedTasks, limits.QueuedTasks, usage.QueuedTasks, add.QueuedTasks, "of yours wait at all endpoints"},
		{yonder.LimitQueuedBytes, limits.QueuedBytes, usage.QueuedBytes, add.QueuedBytes, "of yours wait at all endpoints"},
		{yonder.LimitBundles, limits.Bundles, usage.Bundles, add.Bundles, "of yours are unfinished at all endpoints"},
	} {
		if c.limit > 0 && c.now > c.limit-c.more {
			return yonder.LimitError(c.name, c.now, c.limit, c.more, c.what)
		}
	}
	return nil
}

// Disk returns how many bytes of blobs the identity may have in all, and
// refuses one that has as many already, before anything is uploaded.
func (l *Limits) Disk(ctx context.Context, identity yonder.ID) (int64, error) {
	limits, err := l.Of(ctx, identity)
	if err != nil {
		return 0, err
	}
	usage, err := l.Records.Usage(ctx, identity)
	if err != nil {
		return 0, err
	}
	if limits.BlobBytes > 0 && usage.BlobBytes >= limits.BlobBytes {
		return 0, yonder.LimitError(yonder.LimitBlobBytes, usage.BlobBytes, limits.BlobBytes, 1, "of large payloads and results are kept for you")
	}
	if l.Blobs <= 0 {
		return limits.BlobBytes, nil
	}
	all, err := l.Records.BlobBytes(ctx)
	if err == nil && all >= l.Blobs {
		err = yonder.LimitError(yonder.LimitBlobBytes, all, l.Blobs, 1, "of large payloads and results are kept for all users")
	}
	return limits.BlobBytes, err
}

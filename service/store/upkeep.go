package store

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
)

// Retired is what one call of Retire did.
type Retired struct {
	Results int // emptied
	Records int // deleted
	Groups  int // deleted
	More    bool
}

// Size is the space that a database takes.
type Size struct {
	Bytes int64 `json:"bytes"`
	Free  int64 `json:"free,omitempty" doc:"of these, what will be used again or given back"`
}

// Usage is what counts against limits now.
type Usage struct {
	QueuedTasks  int64 `json:"queued_tasks"`
	QueuedBytes  int64 `json:"queued_bytes"`
	RunningTasks int64 `json:"running_tasks"`
	Bundles      int64 `json:"bundles"`
	BlobBytes    int64 `json:"blob_bytes,omitempty"`
}

// Limited is where limits are kept, and what counts against them.
type Limited interface {
	// Limits returns what SetLimits set for an identity or an endpoint.
	Limits(ctx context.Context, subject yonder.ID) (yonder.Allowance, error)
	// SetLimits replaces what is set. What holds now for an identity, its
	// weight and running tasks, counts at once where its tasks wait already; the
	// zero value leaves that to its next submission.
	SetLimits(ctx context.Context, subject yonder.ID, limits, holds yonder.Allowance) error
	Usage(ctx context.Context, identity yonder.ID) (Usage, error)
	EndpointUsage(ctx context.Context, endpoint yonder.ID) (Usage, error)
	// BlobBytes is what the uploads of all take.
	BlobBytes(ctx context.Context) (int64, error)
}

// Upkeep is what time does to rows. Each call does a bounded amount.
type Upkeep interface {
	// Silence marks live sessions without a heartbeat for longer than patience. A
	// heartbeat that is further ahead of now than that came before the clock was
	// set back, and counts as now's.
	Silence(ctx context.Context, now time.Time, patience time.Duration) (int, error)
	// ExpireTasks ends tasks whose submitter gave up before now, and returns
	// agents to be stopped.
	ExpireTasks(ctx context.Context, now time.Time, limit int) (int, []Stop, Woken, error)
	// WakeTasks puts tasks of at most limit bundles that have rested long
	// enough after a lost attempt back into the queue, and returns how many
	// bundles that were.
	WakeTasks(ctx context.Context, now time.Time, limit int) (int, error)
	// Orphans lists blobs made before the time that nothing refers to.
	Orphans(ctx context.Context, before time.Time, limit int) ([]BlobRecord, error)
	// DeleteBlob forgets an orphan; CodeConflict if something refers to it by
	// now. The bytes are to be deleted after that, never before.
	DeleteBlob(ctx context.Context, id yonder.ID) error
	// Retire empties at most about limit results, in small transactions, that
	// were accepted longer ago than their group's retention, and deletes
	// records after the other time, with bundles and groups of which nothing
	// is left. What is undone, or within its time, is never touched.
	Retire(ctx context.Context, now time.Time, records time.Duration, limit int) (Retired, error)
	// DeleteOldTokens deletes tokens that expired or were revoked before.
	DeleteOldTokens(ctx context.Context, before time.Time, limit int) (int, error)
	// DeleteUnusedFunctions deletes anonymous functions that were last
	// submitted before the time and that no unfinished task is of. It looks at
	// limit of them, and says whether there may be more.
	DeleteUnusedFunctions(ctx context.Context, before, now time.Time, limit int) (deleted int, more bool, err error)
	// Counts returns gauges for metrics: tasks that are not done by their
	// state, and endpoints by their session's.
	Counts(ctx context.Context) (map[yonder.State]int64, error)
}

// Replica is one service process over a shared database.
type Replica struct {
	ID   yonder.ID
	Addr string // host:port of its fabric routes
	Seen time.Time
}

// Replicas find each other through the database they share.
type Replicas interface {
	PutReplica(ctx context.Context, r Replica) error
	DeleteReplica(ctx context.Context, id yonder.ID) error
	ListReplicas(ctx context.Context, seenAfter time.Time) ([]Replica, error)
	// Setting returns the value of key, storing value first if there is none:
	// all replicas get the same.
	Setting(ctx context.Context, key string, value []byte) ([]byte, error)
}

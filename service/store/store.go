// Package store is the seam to the one source of truth: metadata, task state,
// queue and results. Drivers: sqlite and postgres, which share one
// implementation (sqldb) and pass one conformance suite (storetest).
//
// Contract for every method: it is safe for concurrent use, by several
// replicas over one database too; it returns *yonder.Error with
// CodeNotFound, CodeConflict, CodeSessionFenced, CodeStorageFull and so on
// where a caller can act, any other error for a fault of the store; when it
// returns nil what it wrote is durable (committed and fsynced in the default
// mode); when it returns an error nothing was changed. Times are UTC with
// microseconds.
package store

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Store is all of the seam; its users declare the parts they need.
type Store interface {
	Identities
	Tokens
	Functions
	Endpoints
	Sessions
	Tasks
	Results
	Blobs
	Upkeep
	Limited
	Replicas
	Database
}

// Database is what is true of the store as a whole.
type Database interface {
	Ping(ctx context.Context) error
	// Tidy gives a bounded part of free space back to the file system. Where a
	// backup copies files after the database, it leaves what those were that
	// the copy may name.
	Tidy(ctx context.Context, now time.Time) (more bool, err error)
	// Size is what the database takes.
	Size(ctx context.Context) (Size, error)
	Close() error
}

// Page asks for a part of a listing, newest first.
type Page struct {
	Limit int
	After yonder.ID // zero: from the start
}

// Viewer is who asks, for listings and checks of visibility.
type Viewer struct {
	Identity yonder.ID
	Groups   []yonder.ID // that it is a member of
	Admin    bool
}

// Identities are people, service accounts and groups. Names are unique.
type Identities interface {
	CreateIdentity(ctx context.Context, identity yonder.Identity) error
	Identity(ctx context.Context, id yonder.ID) (yonder.Identity, error)
	IdentityByName(ctx context.Context, name string) (yonder.Identity, error)
	ListIdentities(ctx context.Context, page Page) ([]yonder.Identity, error)
	// DeleteIdentity revokes its tokens. An identity that owns endpoints or
	// functions is in conflict.
	DeleteIdentity(ctx context.Context, id yonder.ID) error
	AddMember(ctx context.Context, group, member yonder.ID) error
	RemoveMember(ctx context.Context, group, member yonder.ID) error
	// Viewer returns the identity with its groups.
	Viewer(ctx context.Context, id yonder.ID) (Viewer, error)
}

// TokenRecord is a token with what is needed to check it in one look-up.
type TokenRecord struct {
	Token  yonder.Token
	Hash   []byte // SHA-256 of the secret
	Viewer Viewer
	Name   string // of the identity
}

// Tokens are stored hashed.
type Tokens interface {
	CreateToken(ctx context.Context, token yonder.Token, hash []byte) error
	// RenewToken replaces the secret of a token that was never used, which its
	// holder did not get to see; CodeConflict otherwise.
	RenewToken(ctx context.Context, id yonder.ID, hash []byte) error
	TokenRecord(ctx context.Context, id yonder.ID) (TokenRecord, error)
	ListTokens(ctx context.Context, identity yonder.ID, page Page) ([]yonder.Token, error)
	RevokeToken(ctx context.Context, id yonder.ID, at time.Time) error
	// ReplaceAgentToken revokes every agent token of the endpoint and stores
	// the new one, in one transaction.
	ReplaceAgentToken(ctx context.Context, token yonder.Token, hash []byte) error
	// TouchTokens records when tokens were last used; losing it loses nothing.
	TouchTokens(ctx context.Context, used map[yonder.ID]time.Time) error
}

// FunctionFilter selects functions that the viewer may see.
type FunctionFilter struct {
	Viewer Viewer
	Query  string // words, all of which must occur in name, description or docstring
	Owner  yonder.ID
	Name   string
	// Anonymous asks for these functions too.
	Anonymous bool
	Page      Page
}

// Functions are immutable versions under a mutable head (sharing, deletion).
type Functions interface {
	Memos
	// PutFunction stores the body as a version. The same owner, name and hash
	// return the version that is there; another hash makes the next version.
	// An anonymous function is a registered version of its owner, name and hash,
	// or a function of its own, the same for all that is said of it.
	PutFunction(ctx context.Context, f yonder.Function, body []byte) (yonder.Function, error)
	// Function returns a version, 0 meaning the newest.
	Function(ctx context.Context, id yonder.ID, version int) (yonder.Function, error)
	FunctionVersions(ctx context.Context, id yonder.ID) ([]yonder.Function, error)
	FunctionBody(ctx context.Context, id yonder.ID, version int) ([]byte, error)
	// LeasedFunctionBody returns a body by its hash if the endpoint holds a
	// lease of a function with that body.
	LeasedFunctionBody(ctx context.Context, endpoint yonder.ID, hash string) ([]byte, error)
	ListFunctions(ctx context.Context, filter FunctionFilter) ([]yonder.Function, error)
	SetFunctionSharing(ctx context.Context, id yonder.ID, sharing yonder.Sharing) error
	DeleteFunction(ctx context.Context, id yonder.ID) error
	// UseFunction notes that an anonymous function is about to be submitted:
	// until long after that it is not deleted as unused.
	UseFunction(ctx context.Context, id yonder.ID, now time.Time) error
}

// EndpointFilter selects endpoints that the viewer may see.
type EndpointFilter struct {
	Viewer Viewer
	Owner  yonder.ID
	Name   string
	Page   Page
}

// Terms are what an endpoint's owner and its agent have said of it, and nothing
// that changes from task to task.
type Terms struct {
	Endpoint yonder.Endpoint // without what its session brings, but for capabilities
	// Agent is what the agent said when it opened the newest session; Reported
	// is false if none ever did.
	Agent    wire.Capabilities
	Reported bool
}

// Endpoints carry the newest session's state with them.
type Endpoints interface {
	// CreateEndpoint stores it with its agent's token. An owner's endpoint
	// names are unique.
	CreateEndpoint(ctx context.Context, e yonder.Endpoint, token yonder.Token, hash []byte) error
	Endpoint(ctx context.Context, id yonder.ID) (yonder.Endpoint, error)
	// EndpointTerms is what admission asks of an endpoint.
	EndpointTerms(ctx context.Context, id yonder.ID) (Terms, error)
	ListEndpoints(ctx context.Context, filter EndpointFilter) ([]yonder.Endpoint, error)
	ChangeEndpoint(ctx context.Context, id yonder.ID, change wire.ChangeEndpoint) (yonder.Endpoint, error)
	// PauseEndpoint gives the endpoint no more work, or with nil gives it work
	// again. What was offered and not accepted returns to the queue.
	PauseEndpoint(ctx context.Context, id yonder.ID, pause *yonder.Pause, now time.Time) (wire.Turn, error)
	// DeleteEndpoint fences its session, revokes its tokens and fails its
	// tasks that have no result (CodeNotFound, "endpoint was deleted"), in
	// several transactions if these are very many. After an error it may still
	// be listed, without taking tasks: deleting it again goes on.
	DeleteEndpoint(ctx context.Context, id yonder.ID) (Woken, error)
}

// Woken names groups that have new results: their streams should look.
type Woken []yonder.ID

// News are results that were just added to a group's stream, of the cursors
// after After and up to Cursor.
type News struct {
	Group         yonder.ID
	After, Cursor int64
	Bytes         int // of payloads and output
	// Page is what GroupResults returns of them. It may be called many times.
	Page func() (wire.ResultPage, [][]byte, error)
}

// NewBundle is a submission as the API has checked it.
type NewBundle struct {
	wire.Bundle
	Owner       yonder.ID
	Hash        string // of the function's body
	Kind        string
	Requires    wire.Requires
	MaxAttempts int      // Retry.MaxAttempts, or what holds in its place
	Payloads    [][]byte // columns, as FormEach or FormChunk say
	Submitted   time.Time
	Bounds      Bounds
	// Memo is the function's: results are looked up, unless the bundle says
	// that they shall be fresh, and kept. Only of FormEach.
	Memo yonder.Memo
	// Retention is how long this submission wants results kept; 0: it does not
	// say. It is the group's, and only ever grows.
	Retention time.Duration
}

// Bounds are what a submission is held to, as configured and as set for its
// owner and its endpoint. 0 means that there is no bound.
type Bounds struct {
	Owner    yonder.Allowance
	Endpoint yonder.Allowance
	// Retention is how long results of a new group are kept if nobody says.
	Retention time.Duration
}

// Offered is a lease with its payload columns, ready to be sent.
type Offered struct {
	Endpoint yonder.ID
	Epoch    int64
	Lease    wire.Lease
	Payloads [][]byte
}

// Submitted is what became of a submission.
type Submitted struct {
	Bundles []wire.SubmittedBundle // in the order of the request
	Offered []Offered
	Woken   Woken // groups that memos gave results to
}

// TaskFilter selects tasks.
type TaskFilter struct {
	Owner    yonder.ID
	Group    yonder.ID
	Endpoint yonder.ID
	Function yonder.ID
	State    yonder.State
	Page     Page // After is a task's ID
}

// Stop asks an endpoint's agent to stop spans.
type Stop struct {
	Endpoint yonder.ID
	Epoch    int64
	Spans    []wire.Span
}

// Tasks are submitted in bundles and looked at one by one.
type Tasks interface {
	Histories
	// Submit accepts all bundles or none. A bundle whose ID is there already
	// with the same owner is a duplicate and adds nothing; another owner's is
	// a conflict. What a live session has credit for, and nothing older waits
	// for, is claimed in the same transaction; what a memo answers is done in it.
	Submit(ctx context.Context, bundles []NewBundle) (Submitted, error)
	// SubmitAhead is Submit that tells what is offered while it is still being
	// committed: an agent's answer cannot overtake that, and to offers of a
	// commit that fails it is that they must not start. ahead is called on the
	// caller's goroutine, perhaps several times, or never; what it was not told,
	// or was told otherwise, is in the answer's Offered.
	SubmitAhead(ctx context.Context, bundles []NewBundle, ahead func([]Offered)) (Submitted, error)
	Task(ctx context.Context, id yonder.ID) (yonder.Task, error)
	ListTasks(ctx context.Context, filter TaskFilter) ([]yonder.Task, error)
	CreateGroup(ctx context.Context, group yonder.Group) error
	Group(ctx context.Context, id yonder.ID) (yonder.Group, error)
	ListGroups(ctx context.Context, owner yonder.ID, page Page) ([]yonder.Group, error)
	// CancelTasks ends what no agent has, and marks the rest, which the
	// returned stops ask agents to end. It deals with a bounded number of
	// bundles in one transaction; the answer's Next says where to go on.
	CancelTasks(ctx context.Context, c Cancel) (Cancelling, error)
}

// Reported is what became of a report.
type Reported struct {
	Refused []wire.Span // of results
	// News are for readers who have all before them and need not look.
	News []News
	// Waiting says whether tasks wait to be offered to the endpoint.
	Waiting bool
}

// Cancel names tasks to be cancelled: one task, those of a bundle or of a
// group, or the open ones of an endpoint, of an owner, or of both.
type Cancel struct {
	Task, Bundle, Group, Endpoint, Owner yonder.ID

	Why   string    // for the tasks' records, a sentence; empty: that they were cancelled
	After yonder.ID // bundle up to which an earlier call came
}

// Cancelling is what a cancel did, and who has to be told.
type Cancelling struct {
	wire.Cancelled

	Stops []Stop
	Woken Woken
}

// Reports are what agents say of tasks that they accepted; the rules are those
// of Sessions.
type Reports interface {
	// Report returns the spans of results that were refused.
	Report(ctx context.Context, endpoint yonder.ID, r wire.Report, columns [][]byte, now time.Time) ([]wire.Span, Woken, error)
	// ReportNews is Report that tells more of what came of it.
	ReportNews(ctx context.Context, endpoint yonder.ID, r wire.Report, columns [][]byte, now time.Time) (Reported, error)
}

// Sessions are the agents' side. Every method but OpenSession fails with
// CodeSessionFenced unless epoch is the endpoint's newest.
type Sessions interface {
	Reports
	// OpenSession grants the next epoch and fences the session before. The
	// instance of the newest session gets its own epoch again. Nothing is
	// claimed for it before Reconcile with Last.
	OpenSession(ctx context.Context, endpoint yonder.ID, open wire.SessionOpen, now time.Time) (int64, error)
	// Reconcile adopts what is held, and with Last ends what older epochs
	// had and nobody holds.
	Reconcile(ctx context.Context, endpoint yonder.ID, r wire.Reconcile, now time.Time) (wire.Reconciled, Woken, error)
	// Claim offers queued tasks to the live session within its credit, at
	// most maxBytes of payload and header, in the order of the queue.
	Claim(ctx context.Context, endpoint yonder.ID, maxBytes int, now time.Time) ([]Offered, error)
	// Unanswered returns offers older than before that were neither accepted
	// nor returned, to be sent again; those far after it were made before the
	// clock was set back, and count as older.
	Unanswered(ctx context.Context, endpoint yonder.ID, before time.Time, maxBytes int) ([]Offered, error)
	// Accept returns the spans that must not start.
	Accept(ctx context.Context, endpoint yonder.ID, a wire.Accept, now time.Time) ([]wire.Span, error)
	// Heartbeat says besides, as Waits does, whether tasks wait.
	Heartbeat(ctx context.Context, endpoint yonder.ID, h wire.Heartbeat, now time.Time) (reply wire.HeartbeatReply, waits bool, err error)
	// Waits says whether Claim may find something, as far as the queue goes.
	Waits(ctx context.Context, endpoint yonder.ID) (bool, error)
	// CloseSession returns offered ranges to the queue and keeps the others.
	CloseSession(ctx context.Context, endpoint yonder.ID, epoch int64, now time.Time) error
	// EndpointHolds says whether the endpoint's session holds the task now.
	EndpointHolds(ctx context.Context, endpoint, task yonder.ID) (attempt int, held bool, err error)
	// Claimable lists live endpoints that have queued tasks and credit, so
	// that what a lost hint left behind is found.
	Claimable(ctx context.Context, limit int) ([]yonder.ID, error)
	// Unsettled lists live endpoints with such offers.
	Unsettled(ctx context.Context, before time.Time, limit int) ([]yonder.ID, error)
}

// Results are read by cursor: positions in a group's stream, from 1, without
// gaps between committed results.
type Results interface {
	// GroupResults returns results after the cursor, at most limit entries
	// and about maxBytes of payload (at least one entry if there is one).
	GroupResults(ctx context.Context, group yonder.ID, cursor int64, limit, maxBytes int) (wire.ResultPage, [][]byte, error)
	// TaskResult returns one task's entry; CodeNotFound while there is none.
	// A chunk's entry is returned whole.
	TaskResult(ctx context.Context, task yonder.ID) (wire.ResultEntry, []byte, error)
}

// BlobRecord is what is known of a stored body; its bytes are elsewhere.
type BlobRecord struct {
	wire.Blob
	Owner   yonder.ID // who uploaded it; of a result's blob, the task's owner
	Created time.Time
	Bundle  yonder.ID // that refers to it, as payload or result; zero: none yet
	// Most is how many bytes its owner may have in all, for CreateBlob; 0: any.
	Most int64
}

// Blobs are records of out-of-line bodies.
type Blobs interface {
	CreateBlob(ctx context.Context, blob BlobRecord) error
	Blob(ctx context.Context, id yonder.ID) (BlobRecord, error)
	// TaskBlob returns the blob if the task's payload is it.
	TaskBlob(ctx context.Context, task, blob yonder.ID) (BlobRecord, error)
	// BundleOwner serves checks of who may read a bundle's blobs.
	BundleOwner(ctx context.Context, bundle yonder.ID) (yonder.ID, error)
}

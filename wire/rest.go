package wire

import "github.com/yonder-run/yonder"

// Content types of the API besides JSON.
const (
	TypeFrames = "application/vnd.yonder.frames" // a sequence of frames
	TypeBytes  = "application/octet-stream"
)

// RegisterFunction is the body of POST /v1/functions.
type RegisterFunction struct {
	Name         string              `json:"name" minLength:"1" maxLength:"200"`
	Kind         string              `json:"kind,omitempty" enum:"python,shell" doc:"python by default"`
	Description  string              `json:"description,omitempty" maxLength:"10000"`
	Docstring    string              `json:"docstring,omitempty" maxLength:"100000"`
	Body         []byte              `json:"body" doc:"what the worker loads, base64; of kind shell the JSON that docs/protocol.md describes"`
	Signature    *yonder.Signature   `json:"signature,omitempty"`
	Requirements yonder.Requirements `json:"requirements,omitzero" required:"false"`
	Sharing      yonder.Sharing      `json:"sharing,omitzero" required:"false"`
	// Retry replaces the function's if it says anything; it is of all versions.
	Retry yonder.Retry `json:"retry,omitzero" required:"false"`
	// Anonymous is for what is submitted ad hoc: it leaves alone what the name
	// means. A version that is registered under the name, with the same body, is it.
	Anonymous bool `json:"anonymous,omitempty" doc:"not a version of what the name means, but a function of its own"`
	// Memo replaces the function's scope if it is not empty.
	Memo string `json:"memo,omitempty" enum:"private,shared" doc:"keep results to answer equal calls: the caller's own, or those of all callers"`
}

// SetMemo is the body of PUT /v1/functions/{id}/memo.
type SetMemo struct {
	Scope string `json:"scope,omitempty" enum:"off,private,shared" doc:"private: a caller's own results answer, shared: those of all; off by default"`
}

// MemoOff is the scope of a function whose results are not kept.
const MemoOff = "off"

// MemoReport is what a function's memo holds, and how it has done.
type MemoReport struct {
	Scope      string `json:"scope" enum:"off,private,shared"`
	Generation int64  `json:"generation" doc:"how often what was kept was forgotten"`
	Results    int64  `json:"results" doc:"that are kept"`
	Bytes      int64  `json:"bytes" doc:"of these results"`
	Hits       int64  `json:"hits" doc:"tasks that were answered with a kept result"`
	Misses     int64  `json:"misses" doc:"tasks for which there was none"`
}

// RegisterEndpoint is the body of POST /v1/endpoints. An ID made by the client
// makes repeating the request harmless.
type RegisterEndpoint struct {
	ID          yonder.ID      `json:"id,omitzero" required:"false" doc:"made by the client, so that the request can be repeated"`
	Name        string         `json:"name" minLength:"1" maxLength:"200"`
	Description string         `json:"description,omitempty" maxLength:"10000"`
	Sharing     yonder.Sharing `json:"sharing,omitzero" required:"false"`
	Functions   []yonder.ID    `json:"functions,omitempty"`
}

// RegisteredEndpoint answers it, with the credential of the agent.
type RegisteredEndpoint struct {
	yonder.Endpoint
	Credential string `json:"credential" doc:"token of the endpoint's agent; shown once"`
}

// ChangeEndpoint is the body of PATCH /v1/endpoints/{id}; absent fields stay.
type ChangeEndpoint struct {
	Description *string         `json:"description,omitempty" maxLength:"10000"`
	Sharing     *yonder.Sharing `json:"sharing,omitempty"`
	Functions   *[]yonder.ID    `json:"functions,omitempty"`
}

// CreateIdentity is the body of POST /v1/identities.
type CreateIdentity struct {
	Name    string      `json:"name" minLength:"1" maxLength:"200"`
	Kind    string      `json:"kind" enum:"person,service,group"`
	Admin   bool        `json:"admin,omitempty"`
	Members []yonder.ID `json:"members,omitempty"`
}

// CreateToken is the body of POST /v1/tokens. An ID made by the client makes
// repeating the request harmless: the secret of the last answer is the one that counts.
type CreateToken struct {
	ID       yonder.ID  `json:"id,omitzero" required:"false" doc:"made by the client, so that the request can be repeated"`
	Label    string     `json:"label,omitempty" maxLength:"200"`
	Scopes   []string   `json:"scopes,omitempty" doc:"all by default"`
	Seconds  int64      `json:"expires_in_s,omitempty" minimum:"0" maximum:"3153600000" doc:"0: never; at most the life of the token used"`
	Identity *yonder.ID `json:"identity,omitempty" doc:"for whom; only admins may name another"`
}

// CreateGroup is the body of POST /v1/groups. A group also comes to be with
// the first bundle that names it.
type CreateGroup struct {
	ID        yonder.ID `json:"id,omitzero" required:"false"`
	Label     string    `json:"label,omitempty" maxLength:"200"`
	Retention int64     `json:"retention_s,omitempty" minimum:"0" doc:"for how long each result is kept, in seconds; 0: the service's default"`
}

// Submit is the JSON body of POST /v1/bundles: the same bundle as the binary
// form, with its payloads in base64 or, for codec json, as Calls.
type Submit struct {
	Bundle
	Payloads [][]byte `json:"payloads,omitempty" doc:"one per task, or one for a chunk"`
	Calls    []Call   `json:"calls,omitempty" doc:"instead of payloads, for codec json"`
}

// Call is one task's arguments in JSON.
type Call struct {
	Args   []any          `json:"args,omitempty"`
	Kwargs map[string]any `json:"kwargs,omitempty"`
}

// Submitted answers POST /v1/bundles: every listed bundle is durable.
type Submitted struct {
	Bundles []SubmittedBundle `json:"bundles"`
}

// SubmittedBundle is one accepted, or earlier accepted, bundle.
type SubmittedBundle struct {
	ID        yonder.ID `json:"id"`
	Group     yonder.ID `json:"group"`
	Tasks     int       `json:"tasks"`
	Duplicate bool      `json:"duplicate,omitempty" doc:"it was here already; nothing was added"`
	// Paused is set if the endpoint takes no work now: the tasks wait.
	Paused *yonder.Pause `json:"paused,omitempty" doc:"the endpoint is given no work now: the tasks wait until it is resumed"`
}

// Cancel is the body of every cancel; all of it may be left out.
type Cancel struct {
	Reason string    `json:"reason,omitempty" maxLength:"500" doc:"stands in the tasks' records and errors"`
	After  yonder.ID `json:"after,omitzero" required:"false" doc:"the next of the answer before, to go on"`
}

// Cancelled answers a cancel: what happened to each task asked for. What
// became of those that are being stopped stands in their records later.
type Cancelled struct {
	Cancelled int       `json:"cancelled" doc:"ended at once"`
	Stopping  int       `json:"stopping" doc:"given to the agent, which is asked to stop them"`
	Done      int       `json:"done" doc:"had ended before; not counted for an endpoint or an owner"`
	Next      yonder.ID `json:"next,omitzero" required:"false" doc:"there is more: ask again with this as after"`
}

// Add sums two answers; what is next comes from the later one.
func (c Cancelled) Add(more Cancelled) Cancelled {
	return Cancelled{
		Cancelled: c.Cancelled + more.Cancelled, Stopping: c.Stopping + more.Stopping, Done: c.Done + more.Done, Next: more.Next,
	}
}

// PauseEndpoint is the body of POST /v1/endpoints/{id}/pause and …/drain; all of it
// may be left out.
type PauseEndpoint struct {
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"shown to everybody whose tasks wait"`
	Exit   bool   `json:"exit,omitempty" doc:"of a drain: the agent ends once it has nothing left"`
}

// Result is the JSON form of a result.
type Result struct {
	Task    yonder.ID  `json:"task"`
	Outcome Outcome    `json:"outcome"`
	Codec   string     `json:"codec"`
	Payload []byte     `json:"payload,omitempty" doc:"base64"`
	Value   any        `json:"value,omitempty" doc:"decoded, for codec json"`
	Blob    *Blob      `json:"blob,omitempty"`
	Error   *TaskError `json:"error,omitempty"`
	Stdout  string     `json:"stdout,omitempty"`
	Stderr  string     `json:"stderr,omitempty"`
	Attempt int        `json:"attempt"`
	Cursor  int64      `json:"cursor"`
	Form    Form       `json:"form,omitempty" doc:"chunk: payload and value hold the values of the tasks lo to hi-1 of the bundle"`
	Lo      int        `json:"lo"`
	Hi      int        `json:"hi"`
	Skip    int        `json:"skip,omitempty" doc:"values of the chunk before lo's"`
}

// Page is one page of a listing.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"give as after= for the next page"`
}

// Subscribe is a JSON text over the WebSocket at /v1/stream. The service
// answers with binary KindResult frames, and a KindError frame for a group
// that cannot be followed.
type Subscribe struct {
	Group  yonder.ID `json:"group"`
	Cursor int64     `json:"cursor" doc:"the last one seen; 0: from the start"`
	Stop   bool      `json:"stop,omitempty"`
}

// VersionInfo answers GET /v1/version.
type VersionInfo struct {
	Version    string `json:"version"`
	WireOldest int    `json:"wire_oldest"`
	WireNewest int    `json:"wire_newest"`
	Limits     Limits `json:"limits"`
}

// Limits tells clients what fits.
type Limits struct {
	InlineBytes  int64 `json:"inline_bytes" doc:"larger payloads are uploaded as blobs first"`
	PayloadBytes int64 `json:"payload_bytes" doc:"largest payload of a task"`
	RequestBytes int64 `json:"request_bytes" doc:"largest body of POST /v1/bundles"`
	BundleTasks  int   `json:"bundle_tasks"`
}

// LimitsOf answers GET and PUT of limits: what was set, what holds, what counts.
type LimitsOf struct {
	Set       yonder.Allowance `json:"set" doc:"for this one; 0: as configured"`
	Effective yonder.Allowance `json:"effective" doc:"what holds; 0: no limit"`
	Used      yonder.Allowance `json:"used" doc:"what counts now"`
}

// Storage answers GET /v1/storage.
type Storage struct {
	Database     int64 `json:"database" doc:"bytes that the database takes"`
	DatabaseFree int64 `json:"database_free" doc:"of these, bytes that will be used again or given back"`
	Blobs        int64 `json:"blobs" doc:"bytes of large payloads and results"`
}

package yonder

// Code names a kind of failure. Codes are stable: clients branch on them.
type Code string

// Every code, by what a caller can do about it.
const (
	CodeInvalidRequest   Code = "invalid_request"
	CodeInvalidID        Code = "invalid_id"
	CodeInvalidArguments Code = "invalid_arguments"
	CodeInvalidConfig    Code = "invalid_config"
	CodeUnauthenticated  Code = "unauthenticated"
	CodeTokenExpired     Code = "token_expired"
	CodeTokenRevoked     Code = "token_revoked"
	CodeForbidden        Code = "forbidden"
	CodeNotFound         Code = "not_found"
	CodeConflict         Code = "conflict"
	CodeTooLarge         Code = "too_large"
	CodeLimitReached     Code = "limit_reached"
	CodeUnsupportedWire  Code = "unsupported_wire"
	CodeMalformedFrame   Code = "malformed_frame"
	CodeUnserialisable   Code = "unserialisable"
	CodeCodecMismatch    Code = "codec_mismatch"
	CodeFunctionFailed   Code = "function_failed"
	CodeTaskLost         Code = "task_lost"
	CodeTaskCancelled    Code = "task_cancelled"
	CodeTaskExpired      Code = "task_expired"
	CodeWalltimeExceeded Code = "walltime_exceeded"
	CodeWorkerFailed     Code = "worker_failed"
	CodeNoInterpreter    Code = "no_interpreter"
	CodeUnsupportedKind  Code = "unsupported_kind"
	CodeEndpointBroken   Code = "endpoint_broken"
	CodeResultExpired    Code = "result_expired"
	CodeSessionFenced    Code = "session_fenced"
	CodeUnavailable      Code = "unavailable"
	CodeTimeout          Code = "timeout"
	CodeStorageFull      Code = "storage_full"
	CodeStorageCorrupt   Code = "storage_corrupt"
	CodePortInUse        Code = "port_in_use"
	CodeInsecureListen   Code = "insecure_listen"
	CodeAlreadyRunning   Code = "already_running"
	CodeNotRunning       Code = "not_running"
	CodeInternal         Code = "internal"
)

// CodeInfo says how a code shows itself at each boundary.
type CodeInfo struct {
	Code   Code
	HTTP   int    // status of an API answer
	Exit   int    // exit code of the command line
	Python string // exception class in the Python package
	Means  string // one sentence for docs/errors.md
}

// Exit codes of the command line, by class of error: 2 wrong use, 3 not
// allowed, 4 no such thing, 5 in the way, 6 over a limit, 7 the task itself
// failed, 8 the other side cannot be reached, 9 this machine's state, 1 a bug.
const (
	exitInternal = iota + 1
	exitUsage
	exitDenied
	exitMissing
	exitConflict
	exitLimit
	exitTask
	exitUnreachable
	exitLocal
)

// Codes is the one table of codes. docs/errors.md, the HTTP API, the command
// line and the Python package are all checked against it.
var Codes = []CodeInfo{
	{CodeInvalidRequest, 400, exitUsage, "InvalidRequest", "A request or command is malformed; the message names the part."},
	{CodeInvalidID, 400, exitUsage, "InvalidID", "An id does not have the form of a UUID."},
	{CodeInvalidArguments, 422, exitUsage, "InvalidArguments", "The arguments do not fit the function's signature."},
	{CodeInvalidConfig, 400, exitUsage, "InvalidConfig", "A configuration file, variable or flag is wrong; the message names the field."},
	{CodeUnauthenticated, 401, exitDenied, "Unauthenticated", "No token was given, or the service does not know it."},
	{CodeTokenExpired, 401, exitDenied, "TokenExpired", "The token's time is over; get a new one."},
	{CodeTokenRevoked, 401, exitDenied, "TokenRevoked", "The token was revoked; get a new one."},
	{CodeForbidden, 403, exitDenied, "Forbidden", "The identity may not do this; the message says who may."},
	{CodeNotFound, 404, exitMissing, "NotFound", "There is no such thing, or it may not be seen by this identity."},
	{CodeConflict, 409, exitConflict, "Conflict", "The request contradicts what is stored already."},
	{CodeTooLarge, 413, exitLimit, "TooLarge", "A payload is over the configured limit."},
	{CodeLimitReached, 429, exitLimit, "LimitReached", "A queue or a quota is full; the answer says which, and when to retry."},
	{CodeUnsupportedWire, 426, exitUnreachable, "UnsupportedWire", "The two sides share no version of the wire format; upgrade the older one."},
	{CodeMalformedFrame, 400, exitUsage, "MalformedFrame", "Bytes on a connection are not a message of the wire format."},
	{CodeUnserialisable, 422, exitUsage, "PackError", "An argument, a function or a result cannot be packed; the message names it."},
	{CodeCodecMismatch, 422, exitTask, "CodecMismatch", "A payload was packed by a codec or Python version that the other side must not load."},
	{CodeFunctionFailed, 422, exitTask, "RemoteError", "The function raised an exception; the remote traceback comes with it."},
	{CodeTaskLost, 410, exitTask, "TaskLost", "The task's last allowed attempt was lost with its worker, node or endpoint."},
	{CodeTaskCancelled, 410, exitTask, "TaskCancelled", "The task was cancelled."},
	{CodeTaskExpired, 410, exitTask, "TaskExpired", "The submitter's give-up time passed before a result came."},
	{CodeWalltimeExceeded, 410, exitTask, "WalltimeExceeded", "The task ran longer than its walltime and was stopped."},
	{CodeWorkerFailed, 502, exitTask, "WorkerFailed", "The worker process ended while it ran the task; the message says how."},
	{CodeNoInterpreter, 422, exitTask, "NoInterpreter", "The endpoint has no Python interpreter that fits the function."},
	{CodeUnsupportedKind, 422, exitTask, "UnsupportedKind", "The endpoint does not run functions of this kind."},
	{CodeEndpointBroken, 502, exitTask, "EndpointBroken", "Blocks or workers of the endpoint kept failing to start; the message says why."},
	{CodeResultExpired, 410, exitMissing, "ResultExpired", "The result's retention time is over; only the task's record remains."},
	{CodeSessionFenced, 409, exitConflict, "SessionFenced", "Another agent has taken over this endpoint; this one must stop."},
	{CodeUnavailable, 503, exitUnreachable, "Unavailable", "The service cannot be reached or is starting or stopping; retry."},
	{CodeTimeout, 504, exitUnreachable, "Timeout", "The answer did not come within the time allowed."},
	{CodeStorageFull, 507, exitLocal, "StorageFull", "The disk or the database is full or read-only; nothing accepted earlier is lost."},
	{CodeStorageCorrupt, 500, exitLocal, "StorageCorrupt", "A state file is damaged; the message names it and the way to repair it."},
	{CodePortInUse, 503, exitLocal, "PortInUse", "Another program listens on the address; choose another one."},
	{CodeInsecureListen, 400, exitUsage, "InsecureListen", "Listening beyond this machine needs TLS."},
	{CodeAlreadyRunning, 409, exitConflict, "AlreadyRunning", "The daemon runs already."},
	{CodeNotRunning, 409, exitConflict, "NotRunning", "The daemon is not running."},
	{CodeInternal, 500, exitInternal, "InternalError", "A bug in Yonder; please report it with the log."},
}

// Info returns the table's row for the code; an unknown code, from a newer
// peer, is shown as internal.
func (c Code) Info() CodeInfo {
	for _, info := range Codes {
		if info.Code == c {
			return info
		}
	}
	info := Codes[len(Codes)-1]
	info.Code = c
	return info
}

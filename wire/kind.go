package wire

import "fmt"

// Kinds of frames. 1–19 client and service, 20–49 service and agent, 50–79
// agent and manager, 80–99 manager and worker.
const (
	KindBundle Kind = 1 // Bundle; columns: payloads
	KindResult Kind = 2 // ResultPage; columns: one payload per entry

	KindError          Kind = 20 // yonder.Error: the answer to any refused request
	KindSessionOpen    Kind = 21
	KindSessionOpened  Kind = 22
	KindReconcile      Kind = 23
	KindReconciled     Kind = 24
	KindOffer          Kind = 25 // Offer; columns: payloads of its leases, in order
	KindAccept         Kind = 26
	KindSpans          Kind = 27 // Spans: the answer to Accept and Report
	KindReport         Kind = 28 // Report; columns: one payload per result
	KindHeartbeat      Kind = 29
	KindHeartbeatReply Kind = 30
	KindFunctionGet    Kind = 31
	KindFunction       Kind = 32 // FunctionBody; column 0: the body
	KindCancel         Kind = 33 // Spans to stop
	KindFence          Kind = 34
	KindSessionClose   Kind = 35
	KindTail           Kind = 40 // Tail; from service to agent and from agent to manager
	KindTailed         Kind = 41 // Tailed: its answer; columns: one per piece
	KindTurn           Kind = 42 // Turn
	KindLook           Kind = 43 // Look: how things are at the endpoint
	KindView           Kind = 44 // View: the answer to Look

	KindManagerHello   Kind = 50
	KindManagerWelcome Kind = 51
	KindWork           Kind = 52 // Work; columns: payloads
	KindDone           Kind = 53 // Done; columns: one payload per result
	KindDoneAck        Kind = 54
	KindBeat           Kind = 55
	KindStop           Kind = 56 // Spans to stop
	KindDrain          Kind = 57
	KindNeed           Kind = 58
	KindBody           Kind = 59 // Body; column 0: the function's body
	KindBlobChunk      Kind = 60 // BlobChunk; column 0: bytes
	KindBegun          Kind = 61 // Spans a worker has begun
	KindLookTask       Kind = 65 // LookTask: how a task is at the manager
	KindTaskView       Kind = 66 // TaskView: the answer to LookTask

	KindWorkerHello Kind = 80
	KindFork        Kind = 81
	KindExited      Kind = 82
	KindLoad        Kind = 83 // Load; column 0: the function's body
	KindRun         Kind = 84 // Run; columns: payloads
	KindRan         Kind = 85 // Ran; columns: one payload per result
	KindYield       Kind = 90 // Yield; columns: values
)

// String names the kind for messages and logs.
func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

var kindNames = map[Kind]string{
	KindBundle: "bundle", KindResult: "result", KindError: "error",
	KindSessionOpen: "session open", KindSessionOpened: "session opened",
	KindReconcile: "reconcile", KindReconciled: "reconciled",
	KindOffer: "offer", KindAccept: "accept", KindSpans: "spans", KindReport: "report",
	KindHeartbeat: "heartbeat", KindHeartbeatReply: "heartbeat reply",
	KindFunctionGet: "function get", KindFunction: "function", KindCancel: "cancel",
	KindFence: "fence", KindSessionClose: "session close",
	KindTurn: "turn", KindLook: "look", KindView: "view",
	KindManagerHello: "manager hello", KindManagerWelcome: "manager welcome",
	KindWork: "work", KindDone: "done", KindDoneAck: "done ack", KindBeat: "beat",
	KindStop: "stop", KindDrain: "drain", KindNeed: "need", KindBody: "body",
	KindBlobChunk: "blob chunk", KindBegun: "begun",
	KindLookTask: "look task", KindTaskView: "task view",
	KindWorkerHello: "worker hello", KindFork: "fork", KindExited: "exited",
	KindLoad: "load", KindRun: "run", KindRan: "ran",
	KindTail: "tail", KindTailed: "tailed", KindYield: "yield",
}

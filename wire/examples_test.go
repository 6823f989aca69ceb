package wire_test

import (
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

type example struct {
	header  any
	columns [][]byte
}

func id(last byte) yonder.ID {
	return yonder.ID{0x01, 0x98, 0xc5, 0xa2, 0x7b, 0x1e, 0x7c, 0x3d, 0x9f, 0, 0x3a, 0x5b, 0x6c, last, 0, 0}
}

var (
	giveUp = time.Date(2026, 2, 3, 4, 5, 6, 789000000, time.UTC)
	hash   = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	blob   = wire.Blob{ID: id(9), Size: 3 << 30, SHA256: hash}
	span   = wire.Span{Bundle: id(1), Attempt: 2, Lo: 10, Hi: 14}
	python = wire.Interpreter{Version: "3.11.7", Path: "/usr/bin/python3"}

	entry = wire.Entry{
		Bundle: id(1), Attempt: 2, Lo: 10, Hi: 11, Outcome: wire.OutcomeOK, Form: wire.FormEach,
		Stdout: "größe 5 µm\n", Stderr: "warning: 1 of 2\n", Started: 1764720306000001, Finished: 1764720306000042, Worker: "node7/w3",
	}
	said       = wire.Output{Stdout: "step 1\n", Stderr: "größe?\n"}
	chunkEntry = wire.Entry{
		Bundle: id(1), Attempt: 2, Lo: 11, Hi: 14, Outcome: wire.OutcomeOK, Form: wire.FormChunk, Blob: &blob,
	}
	lease = wire.Lease{
		Span: span, Owner: id(2), Function: id(3), Hash: hash, Kind: yonder.KindPython,
		Requires: wire.Requires{Python: "3.11", Packages: []string{"numpy"}},
		Form:     wire.FormEach, Total: 1000, Codec: "pickle", Priority: 5, Weight: 3, Walltime: 1.5,
		Blobs: map[int]wire.Blob{2: blob}, Columns: 4,
	}
	chunkLease = wire.Lease{
		Span: wire.Span{Bundle: id(4), Attempt: 1, Lo: 0, Hi: 65536}, Owner: id(2), Function: id(3), Hash: hash,
		Kind: yonder.KindPython, Form: wire.FormChunk, Total: 65536, Codec: "json", Columns: 1,
	}
	payloads = [][]byte{[]byte("Y1p\x00\x03\x0b\x00\x00a"), {}, {0, 0xff, 0x80}, []byte("Y1j\x00\x03\x0b\x00\x00[]"), []byte("chunk")}
	mark     = wire.Mark{Attempt: 2, Output: 1 << 31, Values: 3, Calls: 4}
	turn     = wire.Turn{Number: 3, Paused: &yonder.Pause{Drain: true, Exit: true, Reason: "Wartung für 1 h", Since: giveUp}}
	taskView = wire.TaskView{
		ID: 3, State: wire.ManagerRunning, Environment: "/usr/bin/python3", Worker: "w3", PID: 4712, Since: 1764720306000004,
		Printed: 1764720306000005, Ahead: 2, Siblings: 7, Busy: 64, Slots: 64, Failures: 1, Trouble: "workers do not start",
	}
	holding = []wire.Holding{{Span: span, State: yonder.RangeAccepted}, {Span: span, State: yonder.RangeStarted}}
)

// examples fill every field once: what is empty here is not held together.
var examples = map[wire.Kind]example{
	wire.KindBundle: {wire.Bundle{
		ID: id(1), Group: id(5), Endpoint: id(6), Function: id(3), Version: 7, Tasks: 4, Form: wire.FormEach,
		Codec: "pickle", Python: "3.11", Shapes: []wire.Shape{{Positional: 2, Keywords: []string{"größe", "unit"}}},
		Priority: -1, Retry: wire.Retry{
			MaxAttempts: 3, On: []yonder.Code{yonder.CodeTaskLost}, Backoff: 1.5, Factor: 3, MaxBackoff: 60,
		}, Walltime: 0.25, GiveUpAt: &giveUp, Label: "Übung 1",
		Blobs: map[int]wire.Blob{3: blob},
	}, payloads[:4]},
	wire.KindResult: {wire.ResultPage{Group: id(5), Cursor: 18, Entries: []wire.ResultEntry{
		{Entry: entry, Cursor: 17, Endpoint: id(6), Submitted: 1764720300000000, Accepted: 1764720307000000},
		{Entry: chunkEntry, Cursor: 18, Skip: 2, Endpoint: id(6)},
	}}, [][]byte{payloads[0], {}}},

	wire.KindError: {yonder.Error{
		Code: yonder.CodeSessionFenced, Message: "epoch 3 is over: another agent has taken over", Field: "epoch",
	}, nil},
	wire.KindSessionOpen: {wire.SessionOpen{
		WireOldest: 1, WireNewest: 1, Instance: id(8), Journal: id(7),
		Capabilities: wire.Capabilities{
			Pythons: []wire.Interpreter{python, {Version: "3.9.18"}}, Kinds: []string{"python"}, Runtime: "process", Isolated: true,
			Provider: "local", Hostname: "knoten7", System: "linux/amd64", Version: "0.1.0", CPUs: 64, MemoryMiB: 515000,
		},
		Capacity: wire.Capacity{Tasks: 1000, Bytes: 64 << 20},
	}, nil},
	wire.KindSessionOpened: {wire.SessionOpened{Epoch: 4, Owner: id(2), HeartbeatSeconds: 15, Wire: 1}, nil},
	wire.KindReconcile:     {wire.Reconcile{Epoch: 4, Held: holding, Last: true}, nil},
	wire.KindReconciled:    {wire.Reconciled{Drop: []wire.Span{span}, Turn: wire.Turn{Number: 2}}, nil},
	wire.KindOffer:         {wire.Offer{Epoch: 4, Leases: []wire.Lease{lease, chunkLease}}, payloads},
	wire.KindAccept: {wire.Accept{
		Epoch: 4, Spans: []wire.Span{span}, Declined: []wire.Span{{Bundle: id(4), Attempt: 1, Lo: 0, Hi: 9}},
	}, nil},
	wire.KindSpans: {wire.Spans{Epoch: 4, Spans: []wire.Span{span}, Cause: "cancelled meanwhile"}, nil},
	wire.KindReport: {wire.Report{
		Epoch: 4, Started: []wire.Span{span}, Results: []wire.Entry{entry, chunkEntry},
		Lost: []wire.Loss{{
			Span: span, Started: true, Code: yonder.CodeWorkerFailed, Message: "killed by signal 11", Where: "node7/w3", Output: said,
		}},
		Cancelled: []wire.Stopped{{Span: span, How: wire.StoppedKilled, Seconds: 5.25, Output: said}},
	}, [][]byte{payloads[0], {}}},
	wire.KindHeartbeat: {wire.Heartbeat{
		Epoch: 4, Capacity: wire.Capacity{Tasks: 10, Bytes: 1 << 20},
		Status: wire.Status{Managers: 2, Blocks: 1, Slots: 128, Busy: 100, Held: 400, Trouble: "no interpreter 3.13", Breakers: []yonder.Breaker{
			{What: "blocks", Reason: "no such partition", Since: giveUp, Failures: 3},
		}},
	}, nil},
	wire.KindHeartbeatReply: {wire.HeartbeatReply{Cancel: []wire.Span{span}, Turn: turn}, nil},
	wire.KindFunctionGet:    {wire.FunctionGet{Epoch: 4, Hash: hash}, nil},
	wire.KindFunction:       {wire.FunctionBody{Hash: hash, Blob: &blob}, [][]byte{[]byte("def f(): pass\n")}},
	wire.KindCancel:         {wire.Spans{Epoch: 4, Spans: []wire.Span{span}, Cause: "asked by its owner"}, nil},
	wire.KindFence:          {wire.Fence{Epoch: 5}, nil},
	wire.KindSessionClose:   {wire.Fence{Epoch: 4}, nil},
	wire.KindTurn:           {turn, nil},
	wire.KindLook:           {wire.Look{Task: new(id(1).Task(12)), Attempt: 2}, nil},
	wire.KindView: {wire.View{
		Status: wire.Status{Managers: 1, Blocks: 2, Slots: 64, Busy: 64, Held: 100}, Capacity: wire.Capacity{Tasks: 1000, Bytes: 1 << 20},
		Pythons: []wire.Interpreter{python},
		Blocks:  []wire.BlockView{{ID: "b2", Handle: "4711", State: yonder.BlockRequested, Since: 1764720306000001, Reason: "Priority"}},
		Managers: []wire.ManagerView{{
			ID: "m1", Block: "b1", Host: "knoten7", Slots: 64, Busy: 64, Given: 70, Pythons: []string{"3.11"}, Draining: true,
			Lost: 1764720306000002, Trouble: "workers do not start",
		}},
		MaxBlocks: 4, Failures: 2, Failure: "invalid partition", Failed: 1764720306000003,
		Task: &wire.AgentTask{
			State: wire.AgentDispatched, Cancel: true, Python: "3.11", Waiting: 3, Manager: "m1", Host: "knoten7", Block: "b1",
			Detail: &taskView, Silence: "it did not answer within 1s",
		},
	}, nil},

	wire.KindTail: {wire.Tail{Seq: 7, Task: id(1).Task(12), After: mark, Wait: 10, Bytes: 65536, Output: true, Values: true}, nil},
	wire.KindTailed: {wire.Tailed{
		Seq: 7, State: wire.TailRunning, Next: mark, Pause: 0.25, Message: "its manager is not connected",
		Pieces: []wire.Piece{
			{Stream: wire.StreamOutput, At: 10, Skipped: 1 << 30}, {Stream: wire.StreamStdout, At: 1<<30 + 10}, {Stream: wire.StreamValue, At: 3},
		},
		Progress: &yonder.Progress{Done: 3, Total: 12.5, Message: "größer", At: giveUp, Calls: 4},
	}, [][]byte{{}, []byte("line\n\xff"), payloads[0]}},

	wire.KindManagerHello: {wire.ManagerHello{
		WireOldest: 1, WireNewest: 1, Manager: "m1", Block: "b1", Secret: "s3cret", Epoch: 4, Hostname: "knoten7", PID: 4711,
		Slots: 64, Pythons: []wire.Interpreter{python}, Broken: []wire.BrokenInterpreter{{Interpreter: python, Reason: "no libssl"}},
		Kinds: []string{"python", "shell"}, Looks: true, Holds: holding,
	}, nil},
	wire.KindManagerWelcome: {wire.ManagerWelcome{
		Wire: 1, Epoch: 4, BeatEvery: 2.5, InlineBytes: 1 << 16, Drop: []wire.Span{span},
	}, nil},
	wire.KindWork: {wire.Work{Leases: []wire.Lease{lease, chunkLease}}, payloads},
	wire.KindDone: {wire.Done{
		Seq: 12, Results: []wire.Entry{entry, chunkEntry},
		Lost:      []wire.Loss{{Span: span, Code: yonder.CodeNoInterpreter, Message: "no Python 3.13 here"}},
		Cancelled: []wire.Stopped{{Span: span, How: wire.StoppedWaiting}},
	}, [][]byte{payloads[0], {}}},
	wire.KindDoneAck: {wire.DoneAck{Seq: 12}, nil},
	wire.KindBeat:    {wire.Beat{Busy: 60, Free: 4, Workers: 62, Trouble: "workers of 3.11 crash", Reset: true}, nil},
	wire.KindStop:    {wire.Spans{Spans: []wire.Span{span}}, nil},
	wire.KindDrain:   {wire.Drain{Reason: "the block's time is nearly over"}, nil},
	wire.KindNeed:    {wire.Need{Function: hash, Blob: &blob, Task: new(id(1).Task(12))}, nil},
	wire.KindBody: {wire.Body{
		Function: hash, Error: &yonder.Error{Code: yonder.CodeNotFound, Message: "no such function"},
	}, [][]byte{[]byte("def f(): pass\n")}},
	wire.KindBlobChunk: {wire.BlobChunk{
		Blob: blob, Span: &span, Offset: 1 << 20, Last: true, Error: &yonder.Error{Code: yonder.CodeForbidden, Message: "not this task's"},
	}, [][]byte{{1, 2, 3}}},
	wire.KindBegun:    {wire.Spans{Spans: []wire.Span{span}}, nil},
	wire.KindLookTask: {wire.LookTask{ID: 3, Task: id(1).Task(12), Attempt: 2}, nil},
	wire.KindTaskView: {taskView, nil},

	wire.KindWorkerHello: {wire.WorkerHello{Wire: 1, Role: "worker", Worker: "w3", PID: 4712, Python: "3.11.7"}, nil},
	wire.KindFork: {wire.Fork{
		Worker: "w3", Stdout: "/tmp/y/w3.out", Stderr: "/tmp/y/w3.err", Dir: "/tmp/y/w3", Progress: "/tmp/y/w3.progress",
		Kept: "/tmp/y/w3.kept", Claims: "/tmp/y/w3.claims", Memory: 1 << 30,
	}, nil},
	wire.KindExited: {wire.Exited{Worker: "w3", PID: 4712, Code: -1, Signal: 9}, nil},
	wire.KindLoad:   {wire.Load{Function: hash, Name: "größe"}, [][]byte{[]byte("def größe(): pass\n")}},
	wire.KindRun: {wire.Run{
		Run: 99, Function: hash, Form: wire.FormChunk, Codec: "pickle", Lo: 10, Hi: 14, Total: 1000, Block: 2,
		Task: id(1).Task(10).String(), Attempt: 2, Files: map[int]string{0: "/tmp/y/blob1"}, Inline: 65536, Patience: 60,
	}, [][]byte{{}}},
	wire.KindRan: {wire.Ran{
		Run: 99, Entries: []wire.RanEntry{
			{Lo: 10, Hi: 13, Outcome: wire.OutcomeOK, Form: wire.FormChunk, Started: 1764720306000001, Finished: 1764720306000042},
			{Lo: 13, Hi: 14, Outcome: wire.OutcomeException, Form: wire.FormEach, Started: 1764720306000042, Finished: 1764720306000043},
		},
		Files: map[int]string{0: "/tmp/y/w3/result-99-10"}, Last: true,
	}, [][]byte{{}, []byte(`Y1j{"type":"ValueError"}`)}},
	wire.KindYield: {wire.Yield{Run: 99, Index: 12, First: 3}, payloads[:2]},
}

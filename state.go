package yonder

import "fmt"

// State is a state of one of the machines below.
type State string

// Event moves a machine from one state to another.
type Event string

// Transition is one arrow of a state machine.
type Transition struct {
	From  State
	Event Event
	To    State
}

// Machine is a table of all arrows; docs/states.md draws it and a test holds
// the two together. What is not in the table is refused.
type Machine struct {
	Name        string
	Start       State
	Transitions []Transition
}

// Next returns the state after the event, or an error for a step that the
// table does not have.
func (m *Machine) Next(from State, event Event) (State, error) {
	for _, t := range m.Transitions {
		if t.From == from && t.Event == event {
			return t.To, nil
		}
	}
	return from, fmt.Errorf("%s: no transition from %q on %q", m.Name, from, event) //nolint:err113 // a bug, never branched on
}

// States of a range of a bundle's tasks, as the service sees it.
const (
	RangeQueued   State = "queued"
	RangeOffered  State = "offered"
	RangeAccepted State = "accepted"
	RangeStarted  State = "started"
	RangeDone     State = "done"
)

// Events of a range.
const (
	EventOffer     Event = "offer"     // claimed for a session that has credit
	EventReturn    Event = "return"    // certainly not started: no attempt is spent
	EventAccept    Event = "accept"    // journalled by the agent
	EventStart     Event = "start"     // given to a worker
	EventResult    Event = "result"    // value or exception accepted
	EventLose      Event = "lose"      // the attempt ended without a result; another is allowed
	EventExhaust   Event = "exhaust"   // the attempt ended without a result; it was the last
	EventCancel    Event = "cancel"    // ended before any worker had it
	EventCancelled Event = "cancelled" // the agent stopped it
	EventExpire    Event = "expire"    // the submitter gave up
	EventRecall    Event = "recall"    // answered with the kept result of an equal call
)

// RangeMachine is the life of a task range. A range is split whenever its
// tasks diverge; every task is in exactly one range until it is done.
var RangeMachine = Machine{Name: "range", Start: RangeQueued, Transitions: []Transition{
	{RangeQueued, EventOffer, RangeOffered},
	{RangeQueued, EventResult, RangeDone}, // late result of an earlier attempt
	{RangeQueued, EventCancel, RangeDone},
	{RangeQueued, EventExpire, RangeDone},
	{RangeQueued, EventRecall, RangeDone},
	{RangeOffered, EventAccept, RangeAccepted},
	{RangeOffered, EventReturn, RangeQueued},
	{RangeOffered, EventResult, RangeDone}, // late result of an earlier attempt
	{RangeOffered, EventCancel, RangeDone},
	{RangeOffered, EventExpire, RangeDone},
	{RangeAccepted, EventStart, RangeStarted},
	{RangeAccepted, EventReturn, RangeQueued},
	{RangeAccepted, EventResult, RangeDone},
	{RangeAccepted, EventLose, RangeQueued},
	{RangeAccepted, EventExhaust, RangeDone},
	{RangeAccepted, EventCancelled, RangeDone},
	{RangeAccepted, EventExpire, RangeDone},
	{RangeStarted, EventResult, RangeDone},
	{RangeStarted, EventLose, RangeQueued},
	{RangeStarted, EventExhaust, RangeDone},
	{RangeStarted, EventCancelled, RangeDone},
	{RangeStarted, EventExpire, RangeDone},
}}

// States and events of an agent's session with the service.
const (
	SessionConnecting  State = "connecting"
	SessionReconciling State = "reconciling"
	SessionLive        State = "live"
	SessionSilent      State = "silent"
	SessionFenced      State = "fenced"
	SessionClosed      State = "closed"

	EventOpen       Event = "open"       // the service granted an epoch
	EventReconciled Event = "reconciled" // every held range was compared
	EventSilence    Event = "silence"    // no heartbeat for the allowed time
	EventHeard      Event = "heard"      // a heartbeat after silence
	EventFence      Event = "fence"      // a newer epoch was granted
	EventClose      Event = "close"      // the agent said goodbye
)

// SessionMachine is the life of one epoch of an endpoint's session.
var SessionMachine = Machine{Name: "session", Start: SessionConnecting, Transitions: []Transition{
	{SessionConnecting, EventOpen, SessionReconciling},
	{SessionReconciling, EventReconciled, SessionLive},
	{SessionReconciling, EventSilence, SessionSilent},
	{SessionReconciling, EventFence, SessionFenced},
	{SessionReconciling, EventClose, SessionClosed},
	{SessionLive, EventSilence, SessionSilent},
	{SessionLive, EventFence, SessionFenced},
	{SessionLive, EventClose, SessionClosed},
	{SessionSilent, EventHeard, SessionLive},
	{SessionSilent, EventFence, SessionFenced},
}}

// States and events of a block, one job at a provider.
const (
	BlockIntended  State = "intended"
	BlockRequested State = "requested"
	BlockRunning   State = "running"
	BlockDraining  State = "draining"
	BlockEnded     State = "ended"
	BlockFailed    State = "failed"

	EventIntend  Event = "intend"  // journalled before the provider is asked
	EventSubmit  Event = "submit"  // the provider gave a handle
	EventManager Event = "manager" // its first manager connected
	EventDrain   Event = "drain"   // no new work; ends when idle
	EventEnd     Event = "end"     // the provider says it is over
	EventFail    Event = "fail"    // over without ever having a manager
)

// BlockMachine is the life of a block in the agent.
var BlockMachine = Machine{Name: "block", Start: BlockIntended, Transitions: []Transition{
	{BlockIntended, EventSubmit, BlockRequested},
	{BlockIntended, EventFail, BlockFailed},
	{BlockRequested, EventManager, BlockRunning},
	{BlockRequested, EventFail, BlockFailed},
	{BlockRequested, EventDrain, BlockDraining},
	{BlockRunning, EventDrain, BlockDraining},
	{BlockRunning, EventEnd, BlockEnded},
	{BlockDraining, EventEnd, BlockEnded},
}}

// States and events of a worker process.
const (
	WorkerForking State = "forking"
	WorkerIdle    State = "idle"
	WorkerBusy    State = "busy"
	WorkerKilling State = "killing"
	WorkerDead    State = "dead"

	EventHello  Event = "hello"  // the process connected
	EventAssign Event = "assign" // it was given tasks
	EventFinish Event = "finish" // it returned all of them
	EventKill   Event = "kill"   // cancel, walltime or shutdown
	EventExit   Event = "exit"   // the process is gone
)

// WorkerMachine is the life of a worker in its manager.
var WorkerMachine = Machine{Name: "worker", Start: WorkerForking, Transitions: []Transition{
	{WorkerForking, EventHello, WorkerIdle},
	{WorkerForking, EventKill, WorkerKilling},
	{WorkerForking, EventExit, WorkerDead},
	{WorkerIdle, EventAssign, WorkerBusy},
	{WorkerIdle, EventKill, WorkerKilling},
	{WorkerIdle, EventExit, WorkerDead},
	{WorkerBusy, EventFinish, WorkerIdle},
	{WorkerBusy, EventKill, WorkerKilling},
	{WorkerBusy, EventExit, WorkerDead},
	{WorkerKilling, EventExit, WorkerDead},
}}

// Machines lists every state machine of the platform.
var Machines = []*Machine{&RangeMachine, &SessionMachine, &BlockMachine, &WorkerMachine}

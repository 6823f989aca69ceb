package yonder

import "time"

// Endpoint is a named place that runs functions.
type Endpoint struct {
	ID           ID              `json:"id"`
	Name         string          `json:"name"`
	Owner        ID              `json:"owner"`
	OwnerName    string          `json:"owner_name,omitempty"`
	Description  string          `json:"description,omitempty"`
	Sharing      Sharing         `json:"sharing" doc:"who besides the owner may submit"`
	Functions    []ID            `json:"functions,omitempty" doc:"if set, only these functions may run"`
	Online       bool            `json:"online"`
	Session      State           `json:"session,omitempty" doc:"state of the newest session"`
	Epoch        int64           `json:"epoch,omitempty"`
	LastSeen     *time.Time      `json:"last_seen,omitempty"`
	Capabilities map[string]any  `json:"capabilities,omitempty" doc:"as the agent reported them"`
	Status       *EndpointStatus `json:"status,omitempty" doc:"from the last heartbeat"`
	Paused       *Pause          `json:"paused,omitempty" doc:"set while it is given no work, because its owner said so"`
	Queued       int             `json:"queued" doc:"tasks waiting in the service"`
	Outstanding  int             `json:"outstanding" doc:"tasks given to the agent"`
	Created      time.Time       `json:"created"`
}

// EndpointStatus is what an agent last said about itself.
type EndpointStatus struct {
	Managers int    `json:"managers"`
	Blocks   int    `json:"blocks"`
	Slots    int    `json:"slots"`
	Busy     int    `json:"busy"`
	Held     int    `json:"held" doc:"tasks accepted and not yet delivered"`
	Trouble  string `json:"trouble,omitempty" doc:"why nothing moves"`
	// Breakers are what the agent has stopped to try.
	Breakers []Breaker `json:"breakers,omitempty" doc:"what has failed to start several times in a row, and is not tried again for now"`
}

// Breaker is something that has failed several times in a row.
type Breaker struct {
	What     string    `json:"what" doc:"blocks, or an interpreter on a node"`
	Reason   string    `json:"reason" doc:"of the last failure, in the scheduler's or the interpreter's own words"`
	Since    time.Time `json:"since"`
	Failures int       `json:"failures,omitempty" doc:"in a row"`
}

// Pause says that an endpoint is given no work until it is resumed. Tasks for
// it are accepted and wait.
type Pause struct {
	Drain  bool      `json:"drain,omitempty" doc:"its agent finishes what it has taken, and lets its nodes go; else only what is on nodes goes on"`
	Exit   bool      `json:"exit,omitempty" doc:"the agent ends once it is drained"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}

// Word is the pause in one word, for tables and sentences.
func (p *Pause) Word() string {
	if p.Drain {
		return "draining"
	}
	return "paused"
}

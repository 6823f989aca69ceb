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
}

package yonder

import "time"

// Progress is the last that a running function has said of how far it is.
type Progress struct {
	Done    float64   `json:"done"`
	Total   float64   `json:"total,omitempty" doc:"0: unknown"`
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at" doc:"worker's clock"`
	Calls   int64     `json:"calls" doc:"how often the attempt has told its progress"`
}

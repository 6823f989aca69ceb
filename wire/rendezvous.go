package wire

// Rendezvous is the file through which managers find their agent: JSON, 0600,
// always replaced as a whole. Managers read it again whenever they have no
// connection.
type Rendezvous struct {
	Addresses   []string `json:"addresses"`   // host:port, to be tried in turn
	Fingerprint string   `json:"fingerprint"` // SHA-256 of the certificate's DER form, in hex
	Epoch       int64    `json:"epoch"`       // a manager never goes back to a lower one
	Secret      string   `json:"secret"`      // for ManagerHello
	Wire        int      `json:"wire"`        // newest version that the agent speaks
	// Slots and Pythons are the endpoint's settings for its nodes: how many
	// tasks run at once (0: one per CPU), and what runs them (none: what the
	// node has).
	Slots   int           `json:"slots,omitempty"`
	Pythons []Interpreter `json:"pythons,omitempty"`
	// Kinds of functions that may run; none: all that the manager knows.
	Kinds []string `json:"kinds,omitempty"`
	// CancelGrace is how many seconds a task has between SIGTERM and SIGKILL;
	// 0: the manager's default.
	CancelGrace float64 `json:"cancel_grace_s,omitempty"`
	// Failures is how many workers in a row may fail to start before no more
	// are tried for ProbeSeconds; 0: the manager's own.
	Failures     int     `json:"failures,omitempty"`
	ProbeSeconds float64 `json:"probe_s,omitempty"`
	// WorkerBytes is how much memory a worker may use; 0: no limit.
	WorkerBytes int64 `json:"worker_bytes,omitempty"`
}

package journal

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/yonder-run/yonder"
)

// Header says whose journal it is and who wrote it last.
type Header struct {
	ID       yonder.ID `json:"id"`
	Hostname string    `json:"hostname"`
	// Boot changes whenever the host starts; empty where the system has no
	// such thing. Same host and boot means that the kernel never went down:
	// all that was written is here, and a lock that could be taken was held
	// by nobody.
	Boot string `json:"boot,omitempty"`
}

// here is the header of a journal that this process writes.
func here(id yonder.ID) (Header, error) {
	host, err := os.Hostname()
	if err != nil {
		return Header{}, fmt.Errorf("asking for the host's name: %w", err)
	}
	return Header{ID: id, Hostname: host, Boot: bootID()}, nil
}

func (h Header) encode() []byte {
	data, _ := json.Marshal(h) // strings and an id always encode
	return data
}

// sameBoot says whether both were written under one life of one kernel.
func (h Header) sameBoot(other Header) bool {
	return h.Boot != "" && h.Boot == other.Boot && h.Hostname == other.Hostname
}

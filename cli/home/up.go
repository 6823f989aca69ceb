package home

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/yonder-run/yonder"
)

// Up is what `yonder up` says of itself once everything runs.
type Up struct {
	PID        int       `json:"pid"`
	URL        string    `json:"url"`
	Dir        string    `json:"dir"`
	Log        string    `json:"log"`
	Endpoint   string    `json:"endpoint"`
	EndpointID yonder.ID `json:"endpoint_id"`
}

func (h Home) upFile() string { return filepath.Join(string(h), "up.json") }

// LogFile is where `yonder up` writes its log.
func (h Home) LogFile() string { return filepath.Join(string(h), "up.log") }

// UpLog opens a new log, keeping the last one beside it.
func (h Home) UpLog() (*os.File, error) {
	if err := os.Rename(h.LogFile(), h.LogFile()+".1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("keeping the last log: %w", err)
	}
	file, err := os.OpenFile(h.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	return file, nil
}

// WriteUp says that everything runs.
func (h Home) WriteUp(up Up) error {
	data, err := json.Marshal(up)
	if err != nil {
		return fmt.Errorf("encoding the state: %w", err)
	}
	return WriteSecret(h.upFile(), append(data, '\n'))
}

// ReadUp reads what WriteUp wrote; whether it still holds, only the lock says.
func (h Home) ReadUp() (Up, error) {
	var up Up
	data, err := os.ReadFile(h.upFile())
	if err == nil {
		err = json.Unmarshal(data, &up)
	}
	if err != nil {
		return up, fmt.Errorf("reading the state: %w", err)
	}
	return up, nil
}

func (h Home) addressFile() string { return filepath.Join(string(h), "up.address") }

// WriteAddress remembers where the service of `yonder up` listens, host:port:
// endpoints look for it there.
func (h Home) WriteAddress(address string) error {
	return WriteSecret(h.addressFile(), []byte(address+"\n"))
}

// LastAddress is what WriteAddress wrote last; empty if nothing that can be
// listened at is there.
func (h Home) LastAddress() string {
	data, _ := os.ReadFile(h.addressFile())
	address := strings.TrimSpace(string(data))
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return ""
	}
	return address
}

// RemoveUp says that it has ended.
func (h Home) RemoveUp() { _ = os.Remove(h.upFile()) } // the lock tells more

package home

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
)

// Login is who to talk to, and as whom. The Python package reads the same file.
type Login struct {
	URL    string `json:"url"`
	Token  string `json:"token"`
	CAFile string `json:"ca_file,omitempty"`
}

// ReadLogin reads the login file; without one the error is unauthenticated.
func (h Home) ReadLogin() (Login, error) {
	var login Login
	data, err := os.ReadFile(h.Login())
	if errors.Is(err, fs.ErrNotExist) {
		return login, yonder.Errorf(yonder.CodeUnauthenticated,
			"you are not logged in: run \"yonder up\" for a service on this machine, or \"yonder login URL\" for another one")
	}
	if err != nil {
		return login, yonder.Errorf(yonder.CodeInvalidConfig, "reading the login: %w", err)
	}
	if err := private(h.Login()); err != nil {
		return login, err
	}
	if err := json.Unmarshal(data, &login); err != nil || login.URL == "" {
		return login, yonder.Errorf(yonder.CodeStorageCorrupt, "%s is damaged: log in again with \"yonder login URL\"", h.Login())
	}
	return login, nil
}

// WriteLogin replaces the login file, all of it or nothing.
func (h Home) WriteLogin(login Login) error {
	data, err := json.MarshalIndent(login, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding login: %w", err)
	}
	if err := h.Make(); err != nil {
		return err
	}
	return WriteSecret(h.Login(), append(data, '\n'))
}

// RemoveLogin forgets the login, if there is one.
func (h Home) RemoveLogin() error {
	if err := os.Remove(h.Login()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the login: %w", err)
	}
	return nil
}

// WriteSecret replaces a file that only its owner may read, all of it or nothing.
func WriteSecret(path string, data []byte) error {
	return osfs.Replace(osfs.OS{}, path, data)
}

// ReadSecret reads a file that must hold one secret and be its owner's alone.
func ReadSecret(path string) (string, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", yonder.Errorf(yonder.CodeInvalidConfig,
			"there is no file %s, where a token is to be: check the path in --token-file or YONDER_TOKEN_FILE", path)
	}
	if err != nil {
		return "", yonder.Errorf(yonder.CodeInvalidConfig, "reading a secret: %w", err)
	}
	if err := private(path); err != nil {
		return "", err
	}
	return strings.TrimSpace(string(data)), nil
}

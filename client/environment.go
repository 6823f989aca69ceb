package client

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/yonder-run/yonder"
)

// FromEnvironment returns a client of the service that YONDER_URL and
// YONDER_TOKEN or YONDER_TOKEN_FILE name, else of the one that this user has
// logged in to ("yonder up", "yonder login"). YONDER_CA_FILE names
// certificates to trust. The login's token is never sent to another service.
func FromEnvironment(options ...Option) (*Client, error) {
	return fromEnvironment(os.Getenv, options)
}

// login is the command line's login file.
type login struct {
	URL    string `json:"url"`
	Token  string `json:"token"`
	CAFile string `json:"ca_file"`
}

func fromEnvironment(getenv func(string) string, options []Option) (*Client, error) {
	want := login{URL: strings.TrimRight(getenv("YONDER_URL"), "/"), Token: getenv("YONDER_TOKEN"), CAFile: getenv("YONDER_CA_FILE")}
	if file := getenv("YONDER_TOKEN_FILE"); want.Token == "" && file != "" {
		data, err := readSecret(file)
		if err != nil {
			return nil, err
		}
		want.Token = strings.TrimSpace(string(data))
	}
	if want.URL == "" || want.Token == "" {
		found, err := readLogin(getenv)
		if err != nil {
			return nil, err
		}
		if want.URL != "" && want.URL != found.URL && want.Token == "" {
			return nil, yonder.Errorf(yonder.CodeUnauthenticated,
				"the login is for %s, not for %s: set YONDER_TOKEN or YONDER_TOKEN_FILE", found.URL, want.URL)
		}
		want = login{cmp.Or(want.URL, found.URL), cmp.Or(want.Token, found.Token), cmp.Or(want.CAFile, found.CAFile)}
	}
	return New(want.URL, want.Token, append([]Option{WithCA(want.CAFile)}, options...)...)
}

func readLogin(getenv func(string) string) (login, error) {
	var found login
	dir := getenv("YONDER_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return found, yonder.Errorf(yonder.CodeInvalidConfig, "this user has no home directory: set YONDER_URL and YONDER_TOKEN, or YONDER_HOME")
		}
		dir = filepath.Join(home, ".yonder")
	}
	file := filepath.Join(dir, "login.json")
	data, err := readSecret(file)
	if errors.Is(err, fs.ErrNotExist) {
		return found, yonder.Errorf(yonder.CodeUnauthenticated,
			"no service is configured: start one with \"yonder up\", sign in to one with \"yonder login\", or set YONDER_URL and YONDER_TOKEN")
	}
	if err != nil {
		return found, err
	}
	if err := json.Unmarshal(data, &found); err != nil || found.URL == "" {
		return found, yonder.Errorf(yonder.CodeStorageCorrupt, "%s is damaged: log in again with \"yonder login URL\"", file)
	}
	return found, nil
}

// readSecret reads a file that must be its owner's alone.
func readSecret(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, yonder.Errorf(yonder.CodeInvalidConfig, "reading a secret: %w", err)
	}
	info, err := os.Stat(file)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, yonder.Errorf(yonder.CodeInvalidConfig, "others on this machine may read the secret in %s: chmod 600 %s", file, file)
	}
	return data, nil
}

package link

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Read reads a rendezvous file. Others than its owner must not be able to
// read it: its secret admits managers.
func Read(file string) (wire.Rendezvous, error) {
	var r wire.Rendezvous
	info, err := os.Stat(file)
	if err != nil {
		return r, yonder.Errorf(yonder.CodeUnavailable, "there is no rendezvous file of an agent: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return r, yonder.Errorf(yonder.CodeForbidden, "%s can be read by others (mode %v): chmod 600 it and restart the agent",
			file, info.Mode().Perm())
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return r, yonder.Errorf(yonder.CodeUnavailable, "reading the rendezvous file: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, yonder.Errorf(yonder.CodeInvalidConfig, "the rendezvous file %s is damaged: %w", file, err)
	}
	return r, nil
}

// stamp changes whenever the file is replaced.
func stamp(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return ""
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size())
}

// dial tries the agent's addresses in turn.
func dial(ctx context.Context, r wire.Rendezvous) (net.Conn, error) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: greeting, KeepAlive: 15 * time.Second}, Config: pinned(r.Fingerprint)}
	var failures []error
	for _, address := range r.Addresses {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
	}
	if len(failures) == 0 {
		return nil, yonder.Errorf(yonder.CodeInvalidConfig, "the rendezvous file names no address")
	}
	return nil, fmt.Errorf("connecting to the agent: %w", errors.Join(failures...))
}

// pinned accepts the one certificate with the fingerprint. Nobody signed it:
// the file that names it is what proves it.
func pinned(fingerprint string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection is the check
		VerifyConnection: func(state tls.ConnectionState) error {
			sum := sha256.Sum256(state.PeerCertificates[0].Raw)
			if subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(fingerprint)) != 1 {
				return yonder.Errorf(yonder.CodeUnauthenticated, "this is not the agent of the rendezvous file: its certificate differs")
			}
			return nil
		},
	}
}

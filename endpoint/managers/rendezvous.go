package managers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/wire"
)

// identity is a certificate that nobody signed: the rendezvous file, which
// only the owner can read and write, says which one it is.
type identity struct {
	certificate tls.Certificate
	fingerprint string
}

func newIdentity() (identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, fmt.Errorf("making a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "yonder agent"},
		NotBefore:    time.Now().Add(-24 * time.Hour), // nodes' clocks differ
		NotAfter:     time.Now().AddDate(10, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"yonder-agent"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return identity{}, fmt.Errorf("making a certificate: %w", err)
	}
	sum := sha256.Sum256(der)
	return identity{
		certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		fingerprint: hex.EncodeToString(sum[:]),
	}, nil
}

// Secret returns the secret that managers show, from the file or, the first
// time, into it: managers outlive the agent that started them.
func Secret(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err == nil && len(strings.TrimSpace(string(data))) >= 32 {
		return strings.TrimSpace(string(data)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("reading the managers' secret: %w", err)
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	secret := base64.RawURLEncoding.EncodeToString(random)
	return secret, WriteFile(file, []byte(secret+"\n"))
}

// WriteFile replaces a file as a whole, readable by its owner only.
func WriteFile(name string, data []byte) error {
	return osfs.Replace(osfs.OS{}, name, data)
}

// SetEpoch tells managers, those that connect and those that look into the
// file, which epoch this is.
func (s *Server) SetEpoch(epoch int64) error {
	s.mu.Lock()
	s.epoch = epoch
	listening := len(s.addrs) > 0
	s.mu.Unlock()
	if !listening {
		return nil
	}
	return s.publish()
}

// Epoch is the epoch set last.
func (s *Server) Epoch() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

func (s *Server) publish() error {
	s.mu.Lock()
	r := wire.Rendezvous{
		Addresses: s.addrs, Fingerprint: s.identity.fingerprint, Epoch: s.epoch,
		Secret: s.cfg.Secret, Wire: wire.Version, Slots: s.cfg.Slots, Pythons: s.cfg.Pythons, Kinds: s.cfg.Kinds,
		CancelGrace: s.cfg.CancelGrace.Seconds(),
		Failures:    s.cfg.Failures, ProbeSeconds: s.cfg.Probe.Seconds(), WorkerBytes: s.cfg.WorkerBytes,
	}
	s.mu.Unlock()
	data, err := json.Marshal(r) //nolint:gosec // the secret is what the file, the owner's only, is for
	if err != nil {
		return fmt.Errorf("encoding the rendezvous file: %w", err)
	}
	return WriteFile(s.cfg.File, data)
}

// ReadRendezvous reads a rendezvous file.
func ReadRendezvous(file string) (wire.Rendezvous, error) {
	var r wire.Rendezvous
	data, err := os.ReadFile(file)
	if err != nil {
		return r, fmt.Errorf("reading the rendezvous file: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("reading the rendezvous file %s: %w", file, err)
	}
	return r, nil
}

// admit says whether somebody may be a manager of this agent.
func (s *Server) admit(secret string) error {
	if subtle.ConstantTimeCompare([]byte(secret), []byte(s.cfg.Secret)) != 1 {
		return yonder.Errorf(yonder.CodeUnauthenticated, "the manager does not know this agent's secret")
	}
	return nil
}

// check says whether a manager may be served by this agent.
func (s *Server) check(hello wire.ManagerHello) error {
	if hello.WireOldest > wire.Version || hello.WireNewest < wire.Oldest {
		return yonder.Errorf(yonder.CodeUnsupportedWire,
			"the manager speaks wire versions %d to %d, this agent %d to %d: start it from the same release",
			hello.WireOldest, hello.WireNewest, wire.Oldest, wire.Version)
	}
	if hello.Manager == "" || hello.Slots < 1 {
		return yonder.Errorf(yonder.CodeInvalidRequest, "a manager needs a name and at least one slot")
	}
	if epoch := s.Epoch(); hello.Epoch > epoch {
		return yonder.Errorf(yonder.CodeSessionFenced,
			"the manager has served epoch %d, this agent has %d: another agent took over", hello.Epoch, epoch)
	}
	return nil
}

// advertised are the addresses at which a listener can be reached.
func advertised(configured []string, addr net.Addr) []string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return []string{addr.String()}
	}
	var hosts []string
	switch ip := net.ParseIP(host); {
	case len(configured) > 0:
		hosts = configured
	case ip != nil && ip.IsUnspecified():
		hosts = interfaces()
	default:
		hosts = []string{host}
	}
	addrs := make([]string, 0, len(hosts))
	for _, h := range hosts {
		addrs = append(addrs, net.JoinHostPort(h, port))
	}
	return addrs
}

// interfaces lists this host's addresses, those of other hosts' use first.
func interfaces() []string {
	var hosts []string
	found, err := net.InterfaceAddrs()
	if err != nil {
		return []string{"127.0.0.1"}
	}
	for _, a := range found {
		if network, ok := a.(*net.IPNet); ok && network.IP.IsGlobalUnicast() {
			hosts = append(hosts, network.IP.String())
		}
	}
	return append(hosts, "127.0.0.1")
}

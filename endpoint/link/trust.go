package link

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/reread"
)

// trusting is the TLS of a client of the host. With a file of certificates it
// trusts these instead of the system's, as they are at each connection: the
// service's may be renewed while the agent runs.
func trusting(host, file string, log *slog.Logger) (*tls.Config, error) {
	if file == "" {
		return &tls.Config{MinVersion: tls.VersionTLS12}, nil
	}
	failed := func(err error) {
		log.Error("the certificates to trust changed and cannot be used; those before stay", slog.Any("error", err))
	}
	roots, err := reread.New(func() (*x509.CertPool, error) { return read(file) }, failed, time.Now, file)
	if err != nil {
		return nil, yonder.FieldErrorf(yonder.CodeInvalidConfig, "ca_file", "cannot be used: %w", err)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection is the check
		VerifyConnection: func(state tls.ConnectionState) error {
			// The name may be a proxy's; an address is no server name of TLS.
			return verify(state.PeerCertificates, cmp.Or(state.ServerName, host), roots.Get())
		},
	}, nil
}

func read(file string) (*x509.CertPool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says what it is
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, yonder.Errorf(yonder.CodeInvalidConfig, "%s holds no certificate in PEM form", file)
	}
	return pool, nil
}

// verify is what crypto/tls does by itself with authorities that do not change.
func verify(chain []*x509.Certificate, host string, roots *x509.CertPool) error {
	options := x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: x509.NewCertPool()}
	for _, certificate := range chain[1:] {
		options.Intermediates.AddCert(certificate)
	}
	if _, err := chain[0].Verify(options); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: chain, Err: err}
	}
	return nil
}

package service

import (
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"github.com/yonder-run/yonder/internal/reread"
)

// secure speaks TLS over what the listener accepts. A certificate that is
// renewed is used from the next connection on.
func (c *Config) secure(listener net.Listener, log *slog.Logger) (net.Listener, error) {
	read := func() (*tls.Certificate, error) {
		certificate, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err == nil {
			log.Info("certificate read", slog.String("file", c.TLSCert), slog.Time("expires", certificate.Leaf.NotAfter))
		}
		return &certificate, err //nolint:wrapcheck // the callers say what it is
	}
	failed := func(err error) {
		log.Error("the certificate changed and cannot be used; the one before stays", slog.String("file", c.TLSCert), slog.Any("error", err))
	}
	certificate, err := reread.New(read, failed, time.Now, c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, invalid("tls_cert", "the certificate and key cannot be used: %w", err)
	}
	return tls.NewListener(listener, &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate.Get(), nil },
		MinVersion:     tls.VersionTLS12,
		// WebSockets need HTTP/1.1, and agents and streams are most of the load.
		NextProtos: []string{"http/1.1"},
	}), nil
}

package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/yonder-run/yonder"
)

// Unreachable says why a service gave no answer, and what to do about it. All
// of it begins the same way: "the service at URL cannot be reached".
func Unreachable(base *url.URL, err error) *yonder.Error {
	var detail *url.Error // repeats the address
	if errors.As(err, &detail) {
		err = detail.Err
	}
	return yonder.Errorf(yonder.CodeUnavailable, "the service at %s cannot be reached: %w", base, &reason{cause: err, says: why(base, err)})
}

// reason is an error of the network in the words of who has to mend it.
type reason struct {
	cause error
	says  string
}

func (r *reason) Error() string { return r.says }
func (r *reason) Unwrap() error { return r.cause }

// inVain says whether the same request can only fail again: it is the address
// or the certificate that is wrong.
func inVain(err error) bool {
	var untrusted *tls.CertificateVerificationError
	var name *net.DNSError
	return errors.As(err, &untrusted) || errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &name) && name.IsNotFound
}

func why(base *url.URL, err error) string {
	var untrusted *tls.CertificateVerificationError
	var name *net.DNSError
	var op *net.OpError
	isOp := errors.As(err, &op)
	switch {
	case errors.As(err, &untrusted):
		return whyUntrusted(untrusted.Err)
	case errors.Is(err, http.ErrSchemeMismatch):
		return "it speaks http, not https: use http://" + base.Host
	case isOp && op.Op == "proxyconnect":
		return "the proxy in between cannot be used (" + bare(op.Err) + "): check HTTPS_PROXY and NO_PROXY"
	case errors.As(err, &name) && name.IsNotFound:
		return "there is no machine named " + name.Name + ": check the address for a typo"
	case errors.As(err, &name):
		return "the name " + name.Name + " cannot be looked up (" + name.Err + "): check this machine's network"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check address and port, or start it with \"yonder up\" or \"yonder serve\""
	case isOp && (errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH)):
		return "there is no way to that machine (" + bare(op.Err) + "): check the network, VPN and firewall"
	case os.IsTimeout(err):
		return "there was no answer in time: check the network, any proxy and firewall"
	}
	return bare(err)
}

func whyUntrusted(err error) string {
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired, or the clock of this machine is wrong: compare them, and have the certificate renewed"
	case errors.As(err, &host):
		return "its certificate is for another name (" + bare(err) + "): use the name that is in the certificate"
	}
	return "its certificate is signed by nobody that this machine trusts (" + bare(err) +
		"): for a certificate of your own, name its PEM file with --ca-file or YONDER_CA_FILE"
}

// bare leaves out what Go puts before the words of the system.
func bare(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	text := err.Error()
	for _, prefix := range []string{"x509: ", "tls: ", "http: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// plainToTLS is how Go's servers answer who speaks http to their https.
const plainToTLS = "Client sent an HTTP request to an HTTPS server"

// strange is the error of an answer that no service of Yonder gave.
func strange(base *url.URL, resp *http.Response, body []byte) error {
	if resp.StatusCode == http.StatusBadRequest && strings.Contains(string(body), plainToTLS) {
		return yonder.Errorf(yonder.CodeInvalidConfig, "the service at %s speaks https, not http: use https://%s", base, base.Host)
	}
	code := yonder.CodeInvalidConfig
	if resp.StatusCode >= http.StatusInternalServerError {
		code = yonder.CodeUnavailable
	}
	return yonder.Errorf(code, "the answer %q of %s did not come from a Yonder service: check the address and any proxy", resp.Status, base)
}

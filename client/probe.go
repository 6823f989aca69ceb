package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/yonder-run/yonder/wire"
)

// Probe is what one request on a new connection shows of the way to the
// service. A stage that was not reached has no duration.
type Probe struct {
	Proxy       string   // that the environment names for this service
	Addresses   []string // of the host's name, or of the proxy's
	Address     string   // that was connected to
	Looked      time.Duration
	Connected   time.Duration
	Secured     time.Duration
	Answered    time.Duration
	Certificate *x509.Certificate // of the service
	Skew        time.Duration     // of this machine's clock: positive if it is ahead
	Version     wire.VersionInfo
}

// Probe asks for the service's version, and looks at how the answer came
// about. The error, if any, is that of the first stage that failed.
func (c *Client) Probe(ctx context.Context) (Probe, error) {
	var p Probe
	target := c.base.JoinPath("/v1/version")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return p, Unreachable(c.base, err)
	}
	if proxy, err := http.ProxyFromEnvironment(request); err == nil && proxy != nil {
		p.Proxy = proxy.Redacted()
	}
	watch := &watch{probe: &p}
	once := *c.http
	if transport, ok := c.http.Transport.(*http.Transport); ok {
		transport = transport.Clone()
		transport.DisableKeepAlives = true // so that there is a new connection to look at
		once.Transport = transport
	}
	sent := time.Now()
	resp, err := once.Do(request.WithContext(httptrace.WithClientTrace(ctx, watch.trace())))
	watch.end()
	if err != nil {
		return p, Unreachable(c.base, err)
	}
	defer resp.Body.Close()
	p.Answered = time.Since(sent)
	p.Skew = skew(resp.Header.Get("Date"), sent, time.Now())
	if resp.StatusCode >= http.StatusBadRequest {
		return p, answerError(c.base, resp)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxErrorBody)).Decode(&p.Version); err != nil || p.Version.WireNewest == 0 {
		return p, strange(c.base, resp, nil)
	}
	return p, nil
}

// skew compares clocks; the answer's has whole seconds, and was read at some
// time between sent and got.
func skew(date string, sent, got time.Time) time.Duration {
	at, err := http.ParseTime(date)
	if err != nil {
		return 0
	}
	switch {
	case sent.After(at.Add(time.Second)):
		return sent.Sub(at.Add(time.Second))
	case got.Before(at):
		return got.Sub(at)
	}
	return 0
}

// watch fills a probe. A dialler that lost a race may still call it when the
// answer is there.
type watch struct {
	mu                        sync.Mutex
	probe                     *Probe
	ended                     bool
	looking, dialling, hiding time.Time
}

func (w *watch) end() { w.note(func() { w.ended = true }) }

func (w *watch) note(what func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		what()
	}
}

func (w *watch) trace() *httptrace.ClientTrace {
	p := w.probe
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { w.note(func() { w.looking = time.Now() }) },
		DNSDone: func(info httptrace.DNSDoneInfo) {
			w.note(func() {
				for _, address := range info.Addrs {
					p.Addresses = append(p.Addresses, address.String())
				}
				if info.Err == nil {
					p.Looked = time.Since(w.looking)
				}
			})
		},
		ConnectStart: func(string, string) { w.note(func() { w.dialling = time.Now() }) },
		ConnectDone: func(_, address string, err error) {
			w.note(func() {
				if err == nil {
					p.Address, p.Connected = address, time.Since(w.dialling)
				}
			})
		},
		TLSHandshakeStart: func() { w.note(func() { w.hiding = time.Now() }) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			w.note(func() {
				if err == nil && len(state.PeerCertificates) > 0 {
					p.Secured, p.Certificate = time.Since(w.hiding), state.PeerCertificates[0]
				}
			})
		},
	}
}

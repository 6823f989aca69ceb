// Package metrics counts what the service does, for Prometheus. Every service
// has a registry of its own.
package metrics

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/yonder-run/yonder"
)

// Metrics is one service's.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	agents   *prometheus.HistogramVec
	refused  *prometheus.CounterVec
	retired  *prometheus.CounterVec
}

// New returns metrics of the process and of requests.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yonder_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "yonder_request_seconds", Help: "Time to answer, by route. Streams count from start to end.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"route"}),
	}
	m.agents = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "yonder_agent_request_seconds", Help: "Time to answer agents on the fabric, by verb and error code.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
	}, []string{"verb", "code"})
	m.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "yonder_refused_total", Help: "Requests refused for a limit, by its name.",
	}, []string{"limit"})
	m.retired = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "yonder_retired_total", Help: "What retention let go: results emptied, records and groups deleted.",
	}, []string{"what"})
	m.registry.MustRegister(m.requests, m.seconds, m.agents, m.refused, m.retired, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Request counts one answered request. Routes are patterns, so that their
// number is bounded.
func (m *Metrics) Request(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

// AgentRequest counts one answered request of an agent.
func (m *Metrics) AgentRequest(verb string, code yonder.Code, took time.Duration) {
	m.agents.WithLabelValues(verb, string(code)).Observe(took.Seconds())
}

// Refused counts a request that a limit refused.
func (m *Metrics) Refused(limit string) { m.refused.WithLabelValues(limit).Inc() }

// Retired counts what retention let go.
func (m *Metrics) Retired(results, records, groups int) {
	for what, n := range map[string]int{"results": results, "records": records, "groups": groups} {
		m.retired.WithLabelValues(what).Add(float64(n))
	}
}

// Measure adds a figure that is asked for when somebody looks; when the
// answer fails it is not a number.
func (m *Metrics) Measure(name, help string, read func(ctx context.Context) (int64, error)) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
		defer cancel()
		n, err := read(ctx)
		if err != nil {
			return math.NaN()
		}
		return float64(n)
	}))
}

// Gauge adds a figure that is read when somebody looks.
func (m *Metrics) Gauge(name, help string, read func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
		func() float64 { return float64(read()) }))
}

// States adds the numbers of tasks and of sessions by state, counted when
// somebody looks.
func (m *Metrics) States(count func(ctx context.Context) (map[yonder.State]int64, error)) {
	m.registry.MustRegister(&states{
		count:    count,
		tasks:    prometheus.NewDesc("yonder_tasks", "Unfinished tasks by state.", []string{"state"}, nil),
		sessions: prometheus.NewDesc("yonder_sessions", "Endpoints by the state of their newest session.", []string{"state"}, nil),
	})
}

// Handler serves the figures.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: 10 * time.Second})
}

// states collects counts by state.
type states struct {
	count           func(ctx context.Context) (map[yonder.State]int64, error)
	tasks, sessions *prometheus.Desc
}

// of returns what a state is a state of.
func (s *states) of(state yonder.State) *prometheus.Desc {
	for _, t := range yonder.RangeMachine.Transitions {
		if t.From == state || t.To == state {
			return s.tasks
		}
	}
	return s.sessions
}

const countTimeout = 5 * time.Second

// Describe implements prometheus.Collector.
func (s *states) Describe(ch chan<- *prometheus.Desc) {
	ch <- s.tasks
	ch <- s.sessions
}

// Collect implements prometheus.Collector.
func (s *states) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	counts, err := s.count(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(s.tasks, err)
		return
	}
	for state, n := range counts {
		ch <- prometheus.MustNewConstMetric(s.of(state), prometheus.GaugeValue, float64(n), string(state))
	}
}

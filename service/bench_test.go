package service_test

import (
	"testing"

	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

// BenchmarkRoundTrip is one warm task at a time: submit, offer, accept,
// report, result, over real connections, with an agent that does nothing.
func BenchmarkRoundTrip(b *testing.B) {
	s := servicetest.Start(b)
	f, e := s.Function(b, s.Admin, "f"), s.Endpoint(b, s.Admin, "e")
	agent := s.Agent(b, e).Live(b, 100)
	stream := s.Stream(b, s.Admin)
	b.ResetTimer()
	for b.Loop() {
		bundle, payloads := servicetest.Bundle(f.ID, e.ID, 1)
		s.Submit(b, s.Admin, bundle, payloads)
		stream.Subscribe(b, wire.Subscribe{Group: bundle.Group})
		agent.Run(b, 1, value)
		stream.Next(b)
		stream.Subscribe(b, wire.Subscribe{Group: bundle.Group, Stop: true})
	}
}

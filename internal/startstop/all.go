package startstop

import (
	"context"
	"slices"
)

// All is a Service that starts the given ones in order and stops them in
// reverse, so that each may rely on those before it. If one cannot start, the
// ones before it are stopped again.
func All(services ...Service) Service {
	return all(services)
}

type all []Service

func (a all) Start(ctx context.Context) error {
	for i, s := range a {
		if err := s.Start(ctx); err != nil {
			a[:i].Stop()
			return err
		}
	}
	return nil
}

func (a all) Stop() {
	for _, s := range slices.Backward(a) {
		s.Stop()
	}
}

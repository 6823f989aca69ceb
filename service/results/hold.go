package results

import (
	"context"
	"time"
)

// Hold counts in a stream that another package serves, and bounds it like all
// others: its context ends with the request's and the service's. Between
// messages, still says whether the token still holds; leave ends it.
func (s *Streams) Hold(ctx context.Context, access Access) (life context.Context, still func() error, leave func(), err error) {
	life, one, end, err := s.enter(ctx, access.Token, access.Who)
	if err != nil {
		return nil, nil, nil, err
	}
	checked := time.Now()
	still = func() error {
		if time.Since(checked) < recheckEvery {
			return one.still(life, access)
		}
		checked = time.Now()
		return access.Still(life)
	}
	return life, still, func() { end(nil) }, nil
}

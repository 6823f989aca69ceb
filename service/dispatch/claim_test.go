package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
)

// failing is a store that cannot read the offers of the first endpoint.
type failing struct {
	Store

	endpoints []yonder.ID
	asked     []yonder.ID
}

func (f *failing) Unsettled(context.Context, time.Time, int) ([]yonder.ID, error) {
	return f.endpoints, nil
}

func (f *failing) Unanswered(_ context.Context, endpoint yonder.ID, _ time.Time, _ int) ([]store.Offered, error) {
	f.asked = append(f.asked, endpoint)
	if endpoint == f.endpoints[0] {
		return nil, errors.New("mine alone")
	}
	return nil, nil
}

func (f *failing) Claimable(context.Context, int) ([]yonder.ID, error) { return f.endpoints, nil }

func (f *failing) Waits(_ context.Context, endpoint yonder.ID) (bool, error) {
	f.asked = append(f.asked, endpoint)
	return false, nil
}

// What fails for one endpoint holds up no other, neither its offers nor its queue.
func TestResendGoesOnAfterAnEndpointThatFails(t *testing.T) {
	t.Parallel()
	f := &failing{endpoints: []yonder.ID{yonder.NewID(), yonder.NewID()}}
	d := New(Config{Store: f, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, d.Resend(t.Context()))
	require.Equal(t, append(f.endpoints, f.endpoints...), f.asked)
}

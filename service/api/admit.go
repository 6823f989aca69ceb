package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/admit"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// admission looks up what a request's bundles refer to, each thing once.
type admission struct {
	api       *API
	principal auth.Principal
	functions map[versioned]yonder.Function
	endpoints map[yonder.ID]store.Terms
}

type versioned struct {
	id      yonder.ID
	version int
}

// admit checks bundles and completes them from what is stored.
func (a *API) admit(ctx context.Context, p auth.Principal, submissions []submission) ([]store.NewBundle, error) {
	adm := &admission{api: a, principal: p, functions: map[versioned]yonder.Function{}, endpoints: map[yonder.ID]store.Terms{}}
	bundles := make([]store.NewBundle, len(submissions))
	for i, s := range submissions {
		b, err := adm.bundle(ctx, s)
		if err != nil {
			return nil, numbered(err, i, len(submissions))
		}
		bundles[i] = b
	}
	return bundles, nil
}

// numbered says which of several bundles is at fault.
func numbered(err error, i, n int) error {
	public := yonder.Public(err)
	if n == 1 || public.Code == yonder.CodeInternal {
		return err
	}
	return &yonder.Error{
		Code: public.Code, Field: public.Field, Reached: public.Reached, Message: fmt.Sprintf("bundle %d: %s", i, public.Message),
	}
}

func (adm *admission) bundle(ctx context.Context, s submission) (store.NewBundle, error) {
	a := adm.api
	if err := admit.Bundle(s.Bundle, s.payloads, a.Limits); err != nil {
		return store.NewBundle{}, err
	}
	b := store.NewBundle{
		Bundle: s.Bundle, Owner: adm.principal.ID(), Payloads: s.payloads, Submitted: a.Now(),
	}
	err := adm.check(ctx, &b)
	if err != nil && adm.repeated(ctx, b) {
		return b, nil
	}
	return b, err
}

// repeated says whether the bundle was accepted before. A repetition must be
// answered as the first one was, even if it would not be admitted any more,
// for instance because the first one has filled the queue.
func (adm *admission) repeated(ctx context.Context, b store.NewBundle) bool {
	owner, err := adm.api.Store.BundleOwner(ctx, b.ID)
	return err == nil && owner == b.Owner
}

func (adm *admission) check(ctx context.Context, b *store.NewBundle) error {
	viewer := adm.principal.Viewer
	f, err := adm.function(ctx, b.Function, b.Version)
	if err != nil {
		return err
	}
	e, err := adm.endpoint(ctx, b.Endpoint)
	if err != nil {
		return err
	}
	if err := admit.Access(viewer, f, e.Endpoint); err != nil {
		return err
	}
	for _, err := range []error{
		admit.Isolation(viewer, e.Endpoint, e.Agent, e.Reported),
		admit.Kind(b.Codec, f, e.Agent.Kinds, e.Reported),
		admit.Python(b.Bundle, f, e.Agent, e.Reported),
		admit.Signature(f, b.Shapes),
		admit.GiveUp(b.GiveUpAt, b.Submitted),
		admit.Age(b.ID, b.Submitted, adm.api.Limits),
		adm.room(ctx, b),
	} {
		if err != nil {
			return err
		}
	}
	b.Version, b.Hash, b.Kind, b.Memo = f.Version, f.Hash, f.Kind, f.Memo
	if b.Walltime == 0 {
		b.Walltime = f.Requirements.Walltime
	}
	b.Retry = b.Retry.Or(f.Retry)
	b.MaxAttempts = min(cmp.Or(b.Retry.MaxAttempts, adm.api.MaxAttempts), adm.api.Limits.MaxAttempts)
	b.Requires = wire.Requires{Python: f.Requirements.Python, Packages: f.Requirements.Packages}
	return adm.blobs(ctx, b)
}

// room looks up the limits that the bundle is held to, and refuses it where
// its owner has no room at all endpoints together. The endpoint's queue is
// looked at when the bundle is stored.
func (adm *admission) room(ctx context.Context, b *store.NewBundle) error {
	limits := adm.api.Quota
	owner, err := limits.Of(ctx, b.Owner)
	if err != nil {
		return err
	}
	endpoint, err := limits.At(ctx, b.Endpoint)
	if err != nil {
		return err
	}
	if endpoint.RunningTasks > 0 && (owner.RunningTasks == 0 || endpoint.RunningTasks < owner.RunningTasks) {
		owner.RunningTasks = endpoint.RunningTasks
	}
	b.Bounds = store.Bounds{Owner: owner, Endpoint: endpoint, Retention: adm.api.Retention}
	b.Retention = time.Duration(b.Bundle.Retention) * time.Second
	size := int64(0)
	for _, p := range b.Payloads {
		size += int64(len(p))
	}
	return limits.Room(ctx, b.Owner, owner, store.Usage{QueuedTasks: int64(b.Tasks), QueuedBytes: size, Bundles: 1})
}

func (adm *admission) function(ctx context.Context, id yonder.ID, version int) (yonder.Function, error) {
	key := versioned{id, version}
	if f, ok := adm.functions[key]; ok {
		return f, nil
	}
	f, err := adm.api.visibleFunction(ctx, adm.principal, id, version)
	if err == nil {
		err = adm.use(ctx, f)
	}
	if err == nil {
		adm.functions[key] = f
	}
	return f, err
}

// usedAgain is how old the note of an anonymous function's last use gets: far
// less than the time after which it counts as unused.
const usedAgain = time.Hour

// use notes that a function is used, before the bundle is stored: what is
// noted is not deleted.
func (adm *admission) use(ctx context.Context, f yonder.Function) error {
	now := adm.api.Now()
	if !f.Anonymous || now.Sub(f.Used) < usedAgain {
		return nil
	}
	return adm.api.Store.UseFunction(ctx, f.ID, now)
}

func (adm *admission) endpoint(ctx context.Context, id yonder.ID) (store.Terms, error) {
	if e, ok := adm.endpoints[id]; ok {
		return e, nil
	}
	e, err := adm.api.Store.EndpointTerms(ctx, id)
	if err = visible(adm.principal, e.Endpoint, err, id); err == nil {
		adm.endpoints[id] = e
	}
	return e, err
}

// blobs replaces what the client says of its uploads by what is known of them.
func (adm *admission) blobs(ctx context.Context, b *store.NewBundle) error {
	for column, claimed := range b.Blobs {
		record, err := adm.api.Store.Blob(ctx, claimed.ID)
		if yonder.CodeOf(err) == yonder.CodeNotFound {
			return admit.NoBlob(claimed.ID)
		}
		if err != nil {
			return err
		}
		known, err := admit.Blob(b.Owner, b.ID, record.Blob, record.Owner, record.Bundle)
		if err != nil {
			return err
		}
		b.Blobs[column] = known
	}
	return nil
}

func errRequestTooLarge(limit int64) error {
	return yonder.Errorf(yonder.CodeTooLarge, "the request's body is over the limit of %d bytes: send less at once", limit)
}

// bodyError says why a body could not be read.
func bodyError(err error, limit int64) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return errRequestTooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return yonder.Errorf(yonder.CodeTimeout, "the request's body did not arrive in time")
	case yonder.CodeOf(err) != yonder.CodeInternal:
		return err
	}
	return yonder.Errorf(yonder.CodeInvalidRequest, "the request's body could not be read: %w", err)
}

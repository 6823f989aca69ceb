package admit

import (
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Limits of a submission.
type Limits struct {
	wire.Limits
	MaxAttempts int // of a task
	// Retention is how long one may ask for results to be kept, and Records how
	// long it is known that a bundle was here.
	Retention time.Duration
	Records   time.Duration
}

// Codecs of payloads.
var codecs = []string{"pickle", "json", "raw"}

const (
	maxLabel    = 200
	maxShapes   = 1000
	maxPriority = 1000
)

// Bundle refuses a bundle whose parts do not fit together or are over a limit.
func Bundle(b wire.Bundle, payloads [][]byte, l Limits) error {
	for _, check := range []func(wire.Bundle, Limits) error{ids, sizes, policy} {
		if err := check(b, l); err != nil {
			return err
		}
	}
	return columns(b, payloads, l)
}

func ids(b wire.Bundle, _ Limits) error {
	switch {
	case b.ID.IsZero():
		return invalid("id", "a bundle needs an id, made by the client: it lets a submission be repeated safely")
	case b.ID != b.ID.Bundle():
		return invalid("id", "the last 16 bits of a bundle's id must be zero: they number its tasks")
	case b.Group.IsZero():
		return invalid("group", "a bundle belongs to a group: make up an id for one")
	case b.Function.IsZero():
		return invalid("function", "name the function to run by its id")
	case b.Endpoint.IsZero():
		return invalid("endpoint", "name the endpoint to run at by its id")
	}
	return nil
}

func sizes(b wire.Bundle, l Limits) error {
	switch {
	case b.Tasks < 1:
		return invalid("tasks", "a bundle has at least one task")
	case b.Tasks > l.BundleTasks:
		return yonder.FieldErrorf(yonder.CodeTooLarge, "tasks", "a bundle has at most %d tasks: send several", l.BundleTasks)
	case b.Form != wire.FormEach && b.Form != wire.FormChunk:
		return invalid("form", "the form is %q or %q", wire.FormEach, wire.FormChunk)
	case !slices.Contains(codecs, b.Codec):
		return invalid("codec", "the codec is one of %v", codecs)
	case len(b.Shapes) > maxShapes:
		return invalid("shapes", "at most %d different shapes of calls fit a bundle", maxShapes)
	case len(b.Label) > maxLabel:
		return invalid("label", "a label has at most %d bytes", maxLabel)
	}
	return nil
}

// maxWalltime is ten years, in seconds: more than a duration can hold means a mistake.
const maxWalltime = 10 * 366 * 24 * 3600

func policy(b wire.Bundle, l Limits) error {
	switch {
	case b.Priority < -maxPriority || b.Priority > maxPriority:
		return invalid("priority", "a priority is between %d and %d", -maxPriority, maxPriority)
	case b.Walltime < 0 || b.Walltime > maxWalltime:
		return invalid("walltime_s", "the walltime is a number of seconds up to ten years, 0 for no limit")
	case b.Retention < 0 || b.Retention > int64(l.Retention/time.Second):
		return TooLong(b.Retention, l)
	case b.Version < 0:
		return invalid("version", "versions count from 1; 0 is the newest")
	}
	return b.Retry.Check(l.MaxAttempts)
}

func columns(b wire.Bundle, payloads [][]byte, l Limits) error {
	want := b.Tasks
	if b.Form == wire.FormChunk {
		want = 1
	}
	if len(payloads) != want {
		return invalid("payloads", "%d tasks of form %q have %d payloads, and this bundle has %d", b.Tasks, b.Form, want, len(payloads))
	}
	for i, p := range payloads {
		if int64(len(p)) > l.InlineBytes {
			return yonder.FieldErrorf(yonder.CodeTooLarge, "payloads",
				"payload %d has %d bytes: upload what is over %d with POST /v1/blobs and refer to it in blobs", i, len(p), l.InlineBytes)
		}
	}
	for i, blob := range b.Blobs {
		if i < 0 || i >= want || len(payloads[i]) > 0 {
			return invalid("blobs", "blob %s stands for payload %d, which must be there and empty", blob.ID, i)
		}
	}
	return nil
}

// NoBlob refuses a blob that is not there, or that is somebody else's.
func NoBlob(id yonder.ID) error {
	return yonder.FieldErrorf(yonder.CodeNotFound, "blobs", "there is no blob %s, or it is not yours", id)
}

// Blob refuses a blob that the submitter did not upload, or that belongs to
// another bundle already. It returns what was uploaded, which is what counts.
func Blob(submitter, bundle yonder.ID, record wire.Blob, owner, taken yonder.ID) (wire.Blob, error) {
	if owner != submitter {
		return wire.Blob{}, NoBlob(record.ID)
	}
	if !taken.IsZero() && taken != bundle {
		return wire.Blob{}, yonder.FieldErrorf(yonder.CodeConflict, "blobs", "blob %s belongs to another bundle: upload it again", record.ID)
	}
	return record, nil
}

func invalid(field, format string, args ...any) error {
	return yonder.FieldErrorf(yonder.CodeInvalidRequest, field, format, args...)
}

// TooLong refuses a time for which results cannot be kept.
func TooLong(seconds int64, l Limits) error {
	if seconds >= 0 && seconds <= int64(l.Retention/time.Second) {
		return nil
	}
	return invalid("retention_s", "results are kept for 0 to %d seconds: ask for less, or the operator to raise retention_limit",
		int64(l.Retention/time.Second))
}

// skew is how far a client's clock may be off.
const skew = time.Hour

// Age refuses a bundle whose id does not say that it was made a short while
// ago. Ids make repeating a submission harmless for as long as the service
// has a record of them; after that, it must not be taken for a new one.
func Age(id yonder.ID, now time.Time, l Limits) error {
	made, ok := id.Time()
	switch {
	case !ok:
		return invalid("id", "a bundle's id is a UUID of version 7, whose time says how long ago it was made")
	case made.After(now.Add(skew)):
		return invalid("id", "the bundle's id says that it was made at %s, and now it is %s: set the client's clock",
			made.Format(time.RFC3339), now.Format(time.RFC3339))
	case made.Before(now.Add(skew - l.Records)):
		return invalid("id", "the bundle's id says that it was made at %s, from which time the service keeps no records: "+
			"it cannot tell a repetition from a new bundle, so make a new id if it has not run", made.Format(time.RFC3339))
	}
	return nil
}

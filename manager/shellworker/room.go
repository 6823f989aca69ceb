package shellworker

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/yonder-run/yonder/internal/osfs"
)

// tryEvery is how often a disk that takes nothing is tried again.
const tryEvery = 500 * time.Millisecond

// untilRoom calls f again while the disk takes nothing, for so many seconds: a
// command is not to fail, nor its result to be lost, because a disk was full
// for a moment. f leaves nothing behind when it fails.
func untilRoom(seconds float64, f func() error) error {
	until := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	_, err := backoff.Retry(context.Background(), func() (struct{}, error) {
		err := f()
		if _, refused := osfs.Refused(err); err != nil && (!refused || !time.Now().Before(until)) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(backoff.NewConstantBackOff(tryEvery)), backoff.WithMaxElapsedTime(0))
	return err //nolint:wrapcheck // it is f's
}

package simworker_test

import (
	"testing"

	"github.com/yonder-run/yonder/internal/startstop/startstoptest"
	"github.com/yonder-run/yonder/manager/simworker"
)

func TestStartStop(t *testing.T) {
	t.Parallel()
	startstoptest.Stress(t, simworker.New(simworker.Work{}, nil))
}

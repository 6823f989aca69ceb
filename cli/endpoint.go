package cli

import (
	"regexp"

	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder/cli/kit"
)

func newEndpoint(a *app) *cobra.Command {
	return parent("endpoint", "Configure, run and share endpoints",
		newEndpointConfigure(a), newEndpointStart(a), newEndpointStop(a), newEndpointRestart(a), newEndpointStatus(a),
		newEndpointList(a), newEndpointLogs(a), newEndpointShare(a), newEndpointDelete(a),
		newEndpointPause(a), newEndpointDrain(a), newEndpointResume(a), newEndpointCancel(a), newEndpointExplain(a),
		newEndpointResetBreaker(a))
}

var endpointName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// checkEndpointName keeps names harmless as names of files.
func checkEndpointName(name string) error {
	if !endpointName.MatchString(name) {
		return kit.Usagef("%q cannot be an endpoint's name: use up to 64 letters, digits, dots, dashes and underscores", name)
	}
	return nil
}

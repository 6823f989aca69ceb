package kit_test

import (
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/cli/kit"
)

func TestFlagsThatTakeOnlySomeValues(t *testing.T) {
	t.Parallel()
	var limit, slots int
	var wait time.Duration
	var state string
	flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
	kit.Count(flags, &limit, "limit", 20, 0, "at most so many")
	kit.CountP(flags, &slots, "slots", "s", 0, 1, "a `number`")
	kit.Duration(flags, &wait, "wait", time.Minute, "so long")
	kit.Choice(flags, &state, "state", "new", []string{"new", "done"}, "its state")
	require.NoError(t, flags.Parse([]string{"--limit", "0", "-s", "2", "--wait", "90s", "--state", "done"}))
	require.Equal(t, []any{0, 2, 90 * time.Second, "done"}, []any{limit, slots, wait, state})
	for says, args := range map[string][]string{
		`"--limit" flag: expected a whole number, 0 or more`:     {"--limit", "-1"},
		`"-s, --slots" flag: expected a whole number, 1 or more`: {"-s", "0"},
		`"--wait" flag: expected a length of time`:               {"--wait", "3"},
		`"--state" flag: did you mean "done"? there are`:         {"--state", "doen"},
	} {
		require.ErrorContains(t, flags.Parse(args), says)
	}
	require.Equal(t, []any{0, 2, 90 * time.Second, "done"}, []any{limit, slots, wait, state}, "what is refused changes nothing")
	for name, shows := range map[string]string{"limit": "20", "slots": "", "wait": "1m0s", "state": "new"} {
		require.Equal(t, shows, flags.Lookup(name).DefValue)
	}
	require.Equal(t, "did you mean --limit? ", kit.UnknownFlag(flags, flags.Parse([]string{"--limt", "1"})))
	require.Empty(t, kit.UnknownFlag(flags, flags.Parse([]string{"--colour", "1"})))
}

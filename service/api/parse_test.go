package api

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/admit"
	"github.com/yonder-run/yonder/wire"
)

// Whatever is sent as a submission is refused with a code that blames the
// sender, or is a bundle whose parts fit together.
func FuzzParseSubmit(f *testing.F) {
	bundle := wire.Bundle{
		ID: yonder.NewBundleID(), Group: yonder.NewID(), Function: yonder.NewID(), Endpoint: yonder.NewID(),
		Tasks: 2, Form: wire.FormEach, Codec: "raw",
	}
	frame, err := wire.NewFrame(wire.KindBundle, bundle, []byte("one"), []byte("two"))
	require.NoError(f, err)
	calls := wire.Submit{Bundle: bundle, Calls: []wire.Call{{Args: []any{1, "x"}}, {Kwargs: map[string]any{"k": nil}}}}
	calls.Codec = "json"
	text, err := json.Marshal(calls)
	require.NoError(f, err)
	f.Add(frame.Bytes(), wire.TypeFrames)
	f.Add(append(frame.Bytes(), frame.Bytes()...), wire.TypeFrames)
	f.Add(text, "application/json")
	f.Add([]byte(`{"calls":[{}]} {}`), "application/json; charset=utf-8")
	limits := admit.Limits{Limits: wire.Limits{InlineBytes: 1 << 10, BundleTasks: 100}, MaxAttempts: 10}
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		submissions, err := parseSubmit(kind, body)
		if err != nil {
			status := yonder.CodeOf(err).Info().HTTP
			require.True(t, status >= 400 && status < 500, "%v", err)
			return
		}
		require.NotEmpty(t, submissions)
		for _, s := range submissions {
			if admit.Bundle(s.Bundle, s.payloads, limits) != nil {
				continue
			}
			if s.Form == wire.FormEach {
				require.Len(t, s.payloads, s.Tasks)
			}
			require.Equal(t, s.ID, s.ID.Bundle())
		}
	})
}

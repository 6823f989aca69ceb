package cli

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

func payload(codec byte, text string) []byte {
	return append([]byte{'Y', '1', codec, 0, 3, 11, 0, 0}, text...)
}

func TestValuesArePrintedExactly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`12345678901234567890`: `12345678901234567890`,
		`"a\nb"`:               "a\nb",
		`null`:                 `null`,
		`{"a": 1.0}`:           `{"a": 1.0}`,
		`NaN`:                  `NaN`,
	} {
		r := wire.Result{Outcome: wire.OutcomeOK, Payload: payload('j', text)}
		require.NoError(t, fill(t.Context(), nil, &r))
		got, err := human(r)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	r := wire.Result{Outcome: wire.OutcomeOK, Payload: payload('p', "\x80")}
	require.NoError(t, fill(t.Context(), nil, &r))
	_, err := human(r)
	require.Equal(t, yonder.CodeCodecMismatch, yonder.CodeOf(err))
	require.ErrorContains(t, err, "pickle")
}

func printed(t *testing.T, r wire.Result) string {
	t.Helper()
	text, err := human(r)
	require.NoError(t, err)
	return text
}

func TestAChunkIsTakenApart(t *testing.T) {
	t.Parallel()
	bundle := yonder.NewBundleID()
	r := wire.Result{
		Task: bundle.Task(3), Outcome: wire.OutcomeOK, Form: wire.FormChunk, Lo: 2, Hi: 5, Skip: 1, Payload: payload('j', `[1,2,3,4]`),
	}
	require.NoError(t, fill(t.Context(), nil, &r))
	one, err := single(r)
	require.NoError(t, err)
	require.Equal(t, "3", printed(t, one))
	require.Equal(t, []int{3, 4, 0}, []int{one.Lo, one.Hi, one.Skip})
	all, err := expand(r)
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, bundle.Task(4), all[2].Task)
	require.Equal(t, "4", printed(t, all[2]))

	r.Task = bundle.Task(9)
	_, err = single(r)
	require.Error(t, err)
	r.Hi = 9
	_, err = expand(r)
	require.Equal(t, yonder.CodeCodecMismatch, yonder.CodeOf(err))
}

func TestLinesAreCalls(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`3`:            `{"args":[3]}`,
		`"x"`:          `{"args":["x"]}`,
		`[1, [2]]`:     `{"args":[1,[2]]}`,
		`{"a": 1}`:     `{"kwargs":{"a":1}}`,
		`[]`:           `{}`,
		`[{"a": 1.0}]`: `{"args":[{"a":1.0}]}`,
	} {
		call, err := lineCall([]byte(line))
		require.NoError(t, err)
		got, err := json.Marshal(call)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	for _, line := range []string{`x`, `[1`, `{"a"}`, `1 2`} {
		_, err := lineCall([]byte(line))
		require.Error(t, err, line)
	}
}

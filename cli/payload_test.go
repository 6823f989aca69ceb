package cli

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
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

// chunk is a table of values in JSON, as Python packs it.
func chunk(values ...string) []byte {
	table := binary.LittleEndian.AppendUint32([]byte{'v', 0, 0, 0}, uint32(len(values)))
	table = append(table, 0, 0, 0, 0)
	for _, value := range values {
		table = binary.LittleEndian.AppendUint32(table, uint32(len(value)))
	}
	p := payload('j', string(table)+strings.Join(values, ""))
	p[3] = 2
	return p
}

func TestAChunkIsTakenApart(t *testing.T) {
	t.Parallel()
	bundle := yonder.NewBundleID()
	r := wire.Result{
		Task: bundle.Task(3), Outcome: wire.OutcomeOK, Form: wire.FormChunk, Lo: 2, Hi: 5, Skip: 1, Payload: chunk("1", "2", "NaN", "4"),
	}
	require.NoError(t, fill(t.Context(), nil, &r))
	one, err := client.Only(r, r.Task)
	require.NoError(t, err)
	require.Equal(t, "NaN", printed(t, one))
	require.Equal(t, []int{3, 4, 0}, []int{one.Lo, one.Hi, one.Skip})
	all, err := client.Split(r)
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, bundle.Task(4), all[2].Task)
	require.Equal(t, "4", printed(t, all[2]))

	r.Task = bundle.Task(9)
	_, err = client.Only(r, r.Task)
	require.Error(t, err)
	r.Hi = 9
	_, err = client.Split(r)
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

// Programs of Windows write a mark before a text, and end lines with CRLF.
func TestAByteOrderMarkIsNoPartOfTheArguments(t *testing.T) {
	t.Parallel()
	read := func(from calls) (all []string) {
		for {
			call, _, err := from.next()
			if errors.Is(err, io.EOF) {
				return all
			}
			require.NoError(t, err)
			text, err := json.Marshal(call)
			require.NoError(t, err)
			all = append(all, string(text))
		}
	}
	for text, want := range map[string]string{
		"\ufeffa,b\r\n1,x\r\n": `{"kwargs":{"a":1,"b":"x"}}`, "\ufeff\"a\",b\n1,x": `{"kwargs":{"a":1,"b":"x"}}`,
		"é,b\n1,x": `{"kwargs":{"b":"x","é":1}}`,
	} {
		require.Equal(t, []string{want}, read(newCSVRows(newPlainText(iotest.OneByteReader(strings.NewReader(text))))))
	}
	for text, want := range map[string][]string{
		"\ufeff[1]\r\n2\r\n": {`{"args":[1]}`, `{"args":[2]}`}, "3": {`{"args":[3]}`}, "": nil, "\ufeff": nil,
	} {
		require.Equal(t, want, read(newJSONLines(newPlainText(strings.NewReader(text)))))
	}
	_, _, err := newJSONLines(newPlainText(strings.NewReader("\xff\xfe1\x00"))).next()
	require.ErrorContains(t, err, "save them as UTF-8")
	broken := iotest.ErrReader(io.ErrUnexpectedEOF)
	_, _, err = newCSVRows(newPlainText(broken)).next()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

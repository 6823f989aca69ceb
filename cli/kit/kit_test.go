package kit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
)

func newConsole(in string) (c *kit.Console, out, errs *bytes.Buffer) {
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	return &kit.Console{In: strings.NewReader(in), Out: out, Err: errs, Getenv: func(string) string { return "" }}, out, errs
}

func TestTablesAlignAndAreHarmless(t *testing.T) {
	t.Parallel()
	c, out, _ := newConsole("")
	table := kit.NewTable("NAME", "ONLINE", "SEEN", "NOTE")
	table.Add("größer", true, time.Now().Add(-90*time.Minute), "")
	table.Add("b\x1b[31m", false, (*time.Time)(nil), strings.Repeat("x", 3))
	c.Table(table, "Nothing.")
	require.Equal(t, "NAME    ONLINE  SEEN     NOTE\n"+
		"größer  yes     90m ago  -\n"+
		"b [31m  no      -        xxx\n", out.String())
	out.Reset()
	c.Table(kit.NewTable("NAME"), "Nothing.")
	require.Equal(t, "Nothing.\n", out.String())
}

func TestTimesAreRelative(t *testing.T) {
	t.Parallel()
	for past, want := range map[time.Duration]string{
		0: "now", 3 * time.Second: "3s ago", 119 * time.Second: "119s ago", 2 * time.Minute: "2m ago", 50 * time.Hour: "2d ago",
		30 * 24 * time.Hour: "4w ago", -time.Hour - time.Second: "in 60m",
	} {
		c, out, _ := newConsole("")
		c.Fields("at", time.Now().Add(-past))
		require.Equal(t, "at  "+want+"\n", out.String())
	}
}

func TestFieldsLeaveOutWhatIsEmpty(t *testing.T) {
	t.Parallel()
	c, out, _ := newConsole("")
	c.Fields("name", "x", "description", "", "ended", time.Time{}, "tasks", 0)
	require.Equal(t, "name   x\ntasks  0\n", out.String())
}

func TestTextOfSeveralLinesStaysReadable(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a\n  b [1m", kit.Printable("a\r\n  b\x1b[1m \n\n"))
	require.Equal(t, strings.Repeat("ä", 59)+"…", kit.Short(strings.Repeat("ä", 70)+"\nmore"))
}

func TestAnExcerptHasBothEnds(t *testing.T) {
	t.Parallel()
	text, left := kit.Excerpt("1\n2\n3\n4\n5\n6\n7\n", 4)
	require.Equal(t, "1\n2\n… 3 lines left out\n6\n7", text)
	require.Equal(t, 3, left)
	text, left = kit.Excerpt(strings.Repeat("x", 1000), 4)
	require.Equal(t, strings.Repeat("x", 399)+"…", text)
	require.Zero(t, left)
}

func TestTheSentenceComesBeforeTheDetail(t *testing.T) {
	t.Parallel()
	c, _, errs := newConsole("")
	require.Equal(t, 7, c.Fail(t.Context(), kit.WithDetail(yonder.Errorf(yonder.CodeWorkerFailed, "it crashed"), "a dump")))
	require.Equal(t, "error: it crashed\na dump\n", errs.String())
}

func TestFailPrintsASentenceAndWhatToDo(t *testing.T) {
	t.Parallel()
	interrupted, cancel := context.WithCancelCause(t.Context())
	cancel(kit.ErrInterrupted)
	wrapped := fmt.Errorf("doing: %w", yonder.Errorf(yonder.CodeNotFound, "gone"))
	for name, test := range map[string]struct {
		ctx  context.Context //nolint:containedctx // a case of the table
		err  error
		code int
		says string
		json yonder.Code
	}{
		"ours":        {t.Context(), yonder.FieldErrorf(yonder.CodeInvalidConfig, "a.b", "no"), 2, "error: a.b: no\n", yonder.CodeInvalidConfig},
		"wrapped":     {t.Context(), wrapped, 4, "error: doing: gone\n", yonder.CodeNotFound},
		"other":       {t.Context(), errors.New("odd"), 1, "error: odd\n", yonder.CodeInternal},
		"full":        {t.Context(), fmt.Errorf("writing x: %w", syscall.ENOSPC), 9, "free some space on that disk", yonder.CodeStorageFull},
		"permission":  {t.Context(), fmt.Errorf("writing x: %w", syscall.EACCES), 2, "check who owns it", yonder.CodeInvalidConfig},
		"read-only":   {t.Context(), fmt.Errorf("writing x: %w", syscall.EROFS), 2, "not read-only", yonder.CodeInvalidConfig},
		"hint":        {t.Context(), yonder.Errorf(yonder.CodeUnavailable, "no answer"), 8, `"yonder up"`, yonder.CodeUnavailable},
		"interrupted": {interrupted, yonder.Errorf(yonder.CodeUnavailable, "canceled"), 130, "error: interrupted\n", "interrupted"},
		"goes on":     {interrupted, kit.Interruptedf("it goes on"), 130, "error: it goes on\n", "interrupted"},
		"real":        {interrupted, yonder.Errorf(yonder.CodeNotFound, "gone"), 4, "error: gone\n", yonder.CodeNotFound},
	} {
		c, _, errs := newConsole("")
		require.Equal(t, test.code, c.Fail(test.ctx, test.err), name)
		require.Contains(t, errs.String(), test.says, name)
		errs.Reset()
		c.JSON = true
		require.Equal(t, test.code, c.Fail(test.ctx, test.err), name)
		var e yonder.Error
		require.NoError(t, json.Unmarshal(errs.Bytes(), &e), name)
		require.Equal(t, test.json, e.Code, name)
	}
	c, _, errs := newConsole("")
	require.Zero(t, c.Fail(t.Context(), nil))
	require.Empty(t, errs.String())
}

func TestNobodyIsAskedWhereNobodyIs(t *testing.T) {
	t.Parallel()
	c, _, _ := newConsole("yes\n")
	require.NoError(t, c.Confirm(true, "Delete?"))
	require.ErrorContains(t, c.Confirm(false, "Delete %s?", "x"), "Delete x? Nobody can be asked here")
	secret, err := c.Secret("Token: ")
	require.NoError(t, err)
	require.Equal(t, "yes", secret)
}

// What is fast shows no progress; what is slow shows a line for each change,
// and one now and then.
func TestProgressIsPlainLinesWithoutATerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _, errs := newConsole("")
		p := c.Progress(t.Context(), "quick")
		<-time.After(900 * time.Millisecond)
		p.Stop()
		require.Empty(t, errs.String())

		p = c.Progress(t.Context(), "slow")
		<-time.After(2500 * time.Millisecond)
		p.Sayf("%d of 2", 1)
		<-time.After(11 * time.Second)
		p.Stop()
		require.Equal(t, "slow (1s)\n1 of 2 (3s)\n1 of 2 (13s)\n", errs.String())

		errs.Reset()
		c.JSON = true
		p = c.Progress(t.Context(), "slow")
		<-time.After(5 * time.Second)
		p.Stop()
		require.Empty(t, errs.String())
	})
}

func TestLogsAreJSONUnlessAskedOtherwise(t *testing.T) {
	t.Parallel()
	c, _, errs := newConsole("")
	log, err := c.Logger(kit.LogFlags{Level: "warn", Format: "auto"})
	require.NoError(t, err)
	log.Info("quiet")
	log.Warn("loud")
	require.Contains(t, errs.String(), `"msg":"loud"`)
	require.NotContains(t, errs.String(), "quiet")
	errs.Reset()
	log, err = c.Logger(kit.LogFlags{Level: "debug", Format: "text"})
	require.NoError(t, err)
	log.Debug("plain")
	require.Contains(t, errs.String(), "msg=plain")
	_, err = c.Logger(kit.LogFlags{Level: "loud"})
	require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err))
	_, err = c.Logger(kit.LogFlags{Level: "info", Format: "xml"})
	require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err))
}

func TestOutputIsHarmless(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a\tb\nc\nd [31mred", kit.Harmless("a\tb\r\nc\rd\x1b[31mred"))
}

package yonder_test

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
)

func TestErrorsKeepCodeAndCause(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("reading journal: %w", yonder.Errorf(yonder.CodeStorageFull, "writing %s: %w", "x", io.ErrShortWrite))
	require.Equal(t, yonder.CodeStorageFull, yonder.CodeOf(err))
	require.ErrorIs(t, err, io.ErrShortWrite)
	require.ErrorIs(t, err, &yonder.Error{Code: yonder.CodeStorageFull})
	require.NotErrorIs(t, err, &yonder.Error{Code: yonder.CodeNotFound})
	require.Equal(t, yonder.CodeInternal, yonder.CodeOf(io.EOF))
	require.Empty(t, yonder.CodeOf(nil))
	require.EqualError(t, yonder.FieldErrorf(yonder.CodeInvalidConfig, "listen", "no port"), "listen: no port")
}

func TestUnknownCodesAreShownAsInternal(t *testing.T) {
	t.Parallel()
	info := yonder.Code("from_the_future").Info()
	require.Equal(t, yonder.Code("from_the_future"), info.Code)
	require.Equal(t, 500, info.HTTP)
}

// docs/errors.md has a row for every code, and nothing else.
func TestErrorsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/errors.md")
	require.NoError(t, err)
	rows := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\d+) \\| (\\d+) \\| `(\\w+)` \\| (.+) \\|$").FindAllStringSubmatch(string(text), -1)
	documented := make([]yonder.CodeInfo, 0, len(rows))
	for _, row := range rows {
		status, _ := strconv.Atoi(row[2])
		exit, _ := strconv.Atoi(row[3])
		documented = append(documented, yonder.CodeInfo{Code: yonder.Code(row[1]), HTTP: status, Exit: exit, Python: row[4], Means: row[5]})
	}
	require.Equal(t, yonder.Codes, documented, "edit docs/errors.md so that it agrees with code.go")
}

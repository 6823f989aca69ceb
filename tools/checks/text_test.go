package checks

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// foreign are paths that exist on one machine only. Everything here is used as
// it comes from a clone, wherever that is.
var foreign = regexp.MustCompile(`(^|[\s"'=(:,` + "`" + `])(/root|/home/[a-z]+)(/[\w.]|["'\s` + "`" + `]|$)`)

// built are files that tools write and that are not ours to phrase.
var built = []string{"go.sum"}

func TestNothingTiesTheRepositoryToAPlace(t *testing.T) {
	t.Parallel()

	var found []string
	for _, name := range files(t) {
		if slices.Contains(built, path.Base(name)) || strings.HasPrefix(name, "tools/checks/") || strings.HasPrefix(name, "web/dist/") {
			continue
		}
		n := 0
		for line := range strings.Lines(text(t, name)) {
			n++
			if foreign.MatchString(line) {
				found = append(found, fmt.Sprintf("%s:%d: %.100s", name, n, strings.TrimSpace(line)))
			}
		}
	}
	none(t, found, "a clone has to work anywhere: use paths relative to the repository")
}

func TestForeign(t *testing.T) {
	t.Parallel()

	for line, want := range map[string]bool{
		`cd /root/x`:               true,
		`home: /home/ann/data`:     true,
		`https://example.org/root`: false,
		`network/root/x`:           false,
		`$HOME/.config/yonder`:     false,
	} {
		require.Equal(t, want, foreign.MatchString(line), line)
	}
}

// waiting finds sleeps in the Python tests. A function that is sent away may
// sleep, that is its work; the test itself waits for what it waits for.
var waiting = regexp.MustCompile(`\bsleep\((0*\.?0*[1-9])`)

func TestPythonTestsDoNotSleep(t *testing.T) {
	t.Parallel()

	var found []string
	for _, name := range files(t) {
		if !strings.Contains("/"+name, "/tests/") || !strings.HasSuffix(name, ".py") {
			continue
		}
		n := 0
		for line := range strings.Lines(text(t, name)) {
			n++
			if waiting.MatchString(line) && !strings.Contains(line, "# workload") {
				found = append(found, fmt.Sprintf("%s:%d: %s", name, n, strings.TrimSpace(line)))
			}
		}
	}
	none(t, found, "do not sleep in tests: wait for an event, a file or a line of output with a limit; "+
		"a function that sleeps because that is its work says so with `# workload` on the line")
}

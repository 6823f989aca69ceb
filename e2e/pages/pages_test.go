package pages

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/e2e/system"
	"github.com/yonder-run/yonder/internal/pgtest"
	"github.com/yonder-run/yonder/internal/programtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	system.Clean()
	os.Exit(code)
}

// notRun is how many blocks of all pages are not run. Each says why on its
// page; a reader cannot trust it as much as the others, so there are few.
const notRun = 7

const top = "../.."

// database is what pages call the database that a test has of its own.
const database = "postgres://yonder@db.example.org/yonder"

// TestPages runs every page of the documentation. What differs from what a
// reader does: the home is a new one, the service listens on a free port, and
// other machines are this one.
func TestPages(t *testing.T) {
	t.Parallel()
	system.RequirePython(t)
	skipped := 0
	for _, name := range documents(t) {
		text, err := os.ReadFile(filepath.Join(top, name))
		require.NoError(t, err)
		page, err := Parse(string(text))
		require.NoError(t, err, name)
		skipped += len(page.NotRun)
		for _, reason := range page.NotRun {
			t.Logf("%s: not run: %s", name, reason)
		}
		if len(page.Steps) == 0 {
			continue
		}
		t.Run(strings.TrimSuffix(name, ".md"), func(t *testing.T) {
			t.Parallel()
			run(t, name, page)
		})
	}
	require.Equal(t, notRun, skipped, "blocks that are not run: run them, or say why and count them")
}

// documents are the pages that people read; README.md has a test of its own.
func documents(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md", "docs/*/*/*.md", "examples/*.md", "compat/*/*.md", "python/*.md"} {
		matches, err := filepath.Glob(filepath.Join(top, pattern))
		require.NoError(t, err)
		for _, match := range matches {
			name, err := filepath.Rel(top, match)
			require.NoError(t, err)
			found = append(found, name)
		}
	}
	return found
}

func run(t *testing.T, name string, page Page) {
	t.Helper()
	s := system.New(t)
	session := NewSession(t, s.Home, environ(t, s))
	t.Cleanup(func() { end(t, s, session) })
	_, port, err := net.SplitHostPort(s.Address)
	require.NoError(t, err)
	local := []string{"8470", port, "yonder.example.org", "localhost"}
	if page.Mentions(database) {
		local = append(local, database, pgtest.DurableURL(t))
	}
	here := strings.NewReplacer(local...)
	for _, step := range page.Steps {
		step.Text, step.Prints = here.Replace(step.Text), here.Replace(step.Prints)
		out, ok := session.Do(step)
		require.True(t, ok || step.Fails, "%s:%d: failed:\n%s\nprinted:\n%s", name, step.Line, step.Text, out)
		if step.Prints != "" {
			require.True(t, Matches(step.Prints, out), "%s:%d:\n%s\nshould print:\n%s\nprints:\n%s", name, step.Line, step.Text, step.Prints, out)
		}
	}
}

// environ is what a reader has: the program and Python on PATH, and no
// settings from anywhere.
func environ(t *testing.T, s *system.System) []string {
	t.Helper()
	bin := filepath.Join(s.Home, ".bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	program := "#!/bin/sh\nif [ \"$1\" = up ]; then shift; set -- up --listen " + s.Address + " \"$@\"; fi\nexec '" + s.Binary() + "' \"$@\"\n"
	programtest.Write(t, filepath.Join(bin, "yonder"), program)
	python := filepath.Dir(system.RequirePython(t))
	return []string{
		"HOME=" + s.Home, "LANG=C.UTF-8", "PATH=" + bin + ":" + python + ":" + os.Getenv("PATH"), "TMPDIR=" + s.Home,
	}
}

// end stops whatever the page has started, and sees that nothing is left.
func end(t *testing.T, s *system.System, session *Session) {
	t.Helper()
	_, _ = session.runShell("cd; yonder task cancel --all --yes; for f in .yonder/endpoints/*/endpoint.yaml; do " +
		"yonder endpoint stop $(basename $(dirname $f)); done; yonder down\n")
	session.Close()
	var left []byte
	for end := time.Now().Add(system.Patience); time.Now().Before(end); {
		if left, _ = exec.Command("pgrep", "-af", s.Home).Output(); len(left) == 0 {
			return
		}
	}
	require.Empty(t, string(left), "processes are left running")
}

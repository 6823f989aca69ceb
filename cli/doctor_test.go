package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/doctor"
)

// examined is what doctor found, by the check's name.
func (a answer) examined() map[string]doctor.Finding {
	a.t.Helper()
	found := map[string]doctor.Finding{}
	for _, f := range decode[struct{ Findings []doctor.Finding }](a).Findings {
		found[f.Check] = f
	}
	return found
}

func TestDoctorOfAPersonWhoHasEverything(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.env = []string{"YONDER_PYTHON=" + pythonWithPackage(t)}
	p.ok("up", "--detach", "--listen", "127.0.0.1:0", "--slots", "1")
	t.Cleanup(func() { p.run("down") })
	a := p.ok("doctor")
	require.NotContains(t, a.out, "✗")
	require.Regexp(t, `✓ result +a task was there and back in .*, register .*, submit .*, start .*, run .*, return `, a.out)
	found := p.ok("doctor", "--json", "--endpoint", "local").examined()
	require.Len(t, found, 17)
	for name, f := range found {
		require.Contains(t, []doctor.Mark{doctor.Fine, doctor.Warning}, f.Mark, "%s: %s", name, f.Found)
	}
	require.Contains(t, found["agent"].Found, "running on this machine")

	p.ok("endpoint", "configure", "box")
	both := p.ok("doctor").out // the exit code is that of a problem, and one endpoint works
	require.Regexp(t, `(?s)✓ endpoint +local of admin is online.*✓ result .*! endpoint +box of admin has never been online\n +→ .*start box`, both)
	require.Equal(t, "box", p.ok("doctor", "--no-run", "--json").examined()["endpoint"].Endpoint)
	require.NotContains(t, p.ok("doctor", "-e", "local").out, "box")
	require.Contains(t, found["python"].Found, "with yonder")
	require.NotContains(t, p.ok("doctor", "--no-run", "--json").examined(), "result")
	require.NotContains(t, p.ok("doctor", "--no-run").out, "\x1b", "no colours where there is no terminal")
}

func TestDoctorNamesWhatIsWrongFirst(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	a := p.fails(yonder.CodeUnauthenticated, "doctor")
	require.Regexp(t, `✗ login +you are not logged in: run "yonder up"`, a.out)
	require.Contains(t, a.out, "name, connection, certificate, service")
	require.Contains(t, a.err, "checks failed: login")

	p.serve()
	p.env = []string{"YONDER_PYTHON=/none/python3"}
	a = p.fails(yonder.CodeNotFound, "doctor")
	require.Contains(t, a.out, "! python       /none/python3 cannot be run")
	require.Regexp(t, `✗ endpoint +there is no endpoint that you may use: "yonder endpoint configure NAME"`, a.out)
	p.ok("endpoint", "configure", "box")
	a = p.fails(yonder.CodeUnavailable, "doctor")
	require.Regexp(t, `✗ endpoint +box of admin has never been online\n +→ .*yonder endpoint start box`, a.out)
	require.Contains(t, p.fails(yonder.CodeNotFound, "doctor", "-e", "bax").out, `did you mean "box"?`)

	url := p.run("doctor", "--json").examined()["login"].Found
	require.Contains(t, url, "login.json")
	p.ok("token", "create", "reader", "--scope", "read", "--expires", "1h", "--out", filepath.Join(p.home, "reader"))
	p.env = []string{"YONDER_TOKEN_FILE=" + filepath.Join(p.home, "reader")}
	require.Regexp(t, `! token +admin's token lacks the scopes functions, submit`, p.run("doctor").out)
	require.NoError(t, os.WriteFile(filepath.Join(p.home, "reader"), []byte("yt_nonsense"), 0o600))
	a = p.fails(yonder.CodeUnauthenticated, "doctor")
	require.Regexp(t, `✗ token +the service does not know this token.*\n +→ log in with a new token: yonder login http`, a.out)
	p.env = []string{"YONDER_URL=http://127.0.0.1:1", "YONDER_TOKEN_FILE=" + filepath.Join(p.home, "reader")}
	a = p.fails(yonder.CodeUnavailable, "doctor")
	require.Regexp(t, `✗ connection +the service at http://127.0.0.1:1 cannot be reached: nothing listens there`, a.out)
	p.env = []string{"YONDER_URL=http://yonder.invalid", "YONDER_TOKEN_FILE=" + filepath.Join(p.home, "reader")}
	require.Regexp(t, `✗ name +.*there is no machine named yonder.invalid`, p.fails(yonder.CodeUnavailable, "doctor").out)
}

package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.serve()
	p.ok("identity", "create", "ada")
	require.Contains(t, p.ok("limits").out, "queued-tasks")
	set := decode[wire.LimitsOf](p.ok("limits", "set", "--identity", "ada", "--weight", "3", "--json"))
	require.EqualValues(t, 3, set.Effective.Weight)
	set = decode[wire.LimitsOf](p.ok("limits", "set", "--identity", "ada", "--queued-tasks", "7", "--json"))
	require.Equal(t, yonder.Allowance{Weight: 3, QueuedTasks: 7}, set.Set, "what is not given stays")
	require.Contains(t, p.ok("limits", "--identity", "ada").out, "7")
	p.fails(yonder.CodeInvalidRequest, "limits", "set", "--weight", "3")
	p.fails(yonder.CodeNotFound, "limits", "--identity", "nobody")
	p.fails(yonder.CodeInvalidRequest, "limits", "--identity", "ada", "--endpoint", "box")
}

func TestLoginAndLogout(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	for _, command := range [][]string{{"whoami"}, {"task", "list"}, {"run", "f"}, {"version", "--service"}, {"endpoint", "list"}} {
		require.Contains(t, p.fails(yonder.CodeUnauthenticated, command...).err, "yonder login")
	}
	p.serve()
	file := filepath.Join(p.home, "login.json")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	me := decode[struct{ Identity yonder.Identity }](p.ok("whoami", "--json"))
	require.Equal(t, "admin", me.Identity.Name)
	require.Contains(t, p.ok("whoami").out, me.Identity.ID.String())

	require.NoError(t, os.Chmod(file, 0o644))
	require.Contains(t, p.fails(yonder.CodeInvalidConfig, "whoami").err, "chmod 600")
	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	require.NoError(t, os.Chmod(file, 0o600))
	require.Contains(t, p.fails(yonder.CodeStorageCorrupt, "whoami").err, file)

	p.ok("logout")
	p.fails(yonder.CodeUnauthenticated, "whoami")
	p.env = []string{"YONDER_TOKEN=yt_x"}
	require.Contains(t, p.fails(yonder.CodeUnauthenticated, "whoami").err, "YONDER_TOKEN_FILE")
}

func TestLoginChecksTheToken(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	url := p.serve().URL()
	o := newPerson(t)
	o.stdin = "yt_wrong\n"
	o.fails(yonder.CodeUnauthenticated, "login", url, "--token-stdin")
	o.stdin = ""
	o.fails(yonder.CodeInvalidRequest, "login", url)
	o.fails(yonder.CodeInvalidConfig, "login", "ftp://x", "--token-file", filepath.Join(p.home, "service", "admin.token"))
	o.fails(yonder.CodeInvalidConfig, "login", url, "--token-file", "/none")
	o.fails(yonder.CodeUnauthenticated, "whoami")
}

// The token of one service must not reach another one.
func TestTheTokenStaysWithItsService(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.serve()
	require.Contains(t, p.fails(yonder.CodeUnauthenticated, "whoami", "--url", "http://127.0.0.1:1").err, "not to http://127.0.0.1:1")
	p.env = []string{"YONDER_URL=http://127.0.0.1:1"}
	p.fails(yonder.CodeUnauthenticated, "whoami")
	p.env = append(p.env, "YONDER_TOKEN_FILE="+filepath.Join(p.home, "service", "admin.token"))
	a := p.fails(yonder.CodeUnavailable, "whoami")
	require.Contains(t, a.err, "nothing listens there")
	require.Contains(t, a.err, `"yonder up"`)
}

func TestPeopleTokensAndGroups(t *testing.T) {
	t.Parallel()
	admin := newPerson(t)
	c := admin.serve()
	ada := admin.other("ada")
	require.Contains(t, ada.ok("whoami").out, "ada")
	ada.fails(yonder.CodeForbidden, "identity", "list")

	group := decode[yonder.Identity](admin.ok("user", "create", "lab", "--kind", "group", "--member", "ada", "--json"))
	require.Len(t, group.Members, 1)
	admin.ok("identity", "remove", "lab", "ada")
	admin.ok("identity", "add", "lab", "ada", "admin")
	all := decode[[]yonder.Identity](admin.ok("identity", "list", "--json"))
	require.Len(t, all, 3)
	admin.fails(yonder.CodeConflict, "identity", "create", "ada")
	admin.fails(yonder.CodeNotFound, "identity", "delete", "nobody", "--yes")
	admin.fails(yonder.CodeInvalidRequest, "identity", "delete", "lab")
	admin.ok("identity", "delete", "lab", "--yes")

	token := decode[yonder.Token](ada.ok("token", "create", "ci", "--scope", "read", "--expires", "1h", "--json"))
	require.NotEmpty(t, token.Secret)
	require.NotNil(t, token.Expires)
	require.Contains(t, ada.ok("token", "list").out, "ci")
	require.NotContains(t, ada.ok("token", "list", "--json").out, token.Secret)
	ada.ok("token", "revoke", token.ID.String())
	require.Regexp(t, `ci +read +revoked`, ada.ok("token", "list").out)
	ada.fails(yonder.CodeInvalidID, "token", "revoke", "ci")
	ada.fails(yonder.CodeForbidden, "token", "create", "--for", yonder.NewID().String())

	ada.ok("logout", "--revoke")
	ada.env = []string{"YONDER_TOKEN_FILE=" + filepath.Join(ada.home, "token"), "YONDER_URL=" + c.URL()}
	require.Contains(t, ada.fails(yonder.CodeTokenRevoked, "whoami").err, "yonder login")
}

func TestSharingIsSaidInNames(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.serve()
	p.ok("identity", "create", "ada")
	p.ok("endpoint", "configure", "box")
	require.Equal(t, "box is shared with ada.\n", p.ok("endpoint", "share", "box", "--with", "ada").out)
	require.Regexp(t, `shared with +ada\n`, p.ok("endpoint", "status", "box").out)
}

func TestATokenThatLacksAScopeSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.serve()
	file := filepath.Join(p.home, "reader")
	p.ok("token", "create", "reader", "--scope", "read", "--expires", "1h", "--out", file)
	p.env = []string{"YONDER_TOKEN_FILE=" + file}
	a := p.fails(yonder.CodeForbidden, "endpoint", "configure", "box")
	require.Contains(t, a.err, `the scope "endpoints", which making, changing and deleting endpoints takes`)
	require.Contains(t, a.err, `"yonder token create --scope endpoints"`)
	require.NotContains(t, a.err, "/v1/")
}

func TestASecretReplacesNoFileUnasked(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.serve()
	file := filepath.Join(p.home, "ci.token")
	require.NoError(t, os.WriteFile(file, []byte("the only copy\n"), 0o600))
	a := p.fails(yonder.CodeConflict, "token", "create", "ci", "--out", file)
	require.Contains(t, a.err, "--force")
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "the only copy\n", string(content))
	require.NotContains(t, p.ok("token", "list").out, "ci ", "no token was made that nobody has")

	p.ok("token", "create", "ci", "--out", file, "--force")
	content, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(content), "yt_")
}

// What is on this machine is worth reading when the service cannot be asked,
// and is not all that was asked for.
func TestEndpointsOfThisMachineAreNotAllOfThem(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.serve()
	p.ok("endpoint", "configure", "box")
	p.env = []string{"YONDER_URL=http://127.0.0.1:1", "YONDER_TOKEN_FILE=" + filepath.Join(p.home, "service", "admin.token")}
	a := p.run("endpoint", "list")
	require.Equal(t, yonder.CodeUnavailable.Info().Exit, a.code)
	require.Regexp(t, `box +stopped`, a.out)
	require.Contains(t, a.err, "error: these are this machine's endpoints only, the service's are not known: ")
	require.Contains(t, a.err, "nothing listens there")
	a = p.run("endpoint", "list", "--json")
	require.Equal(t, yonder.CodeUnavailable.Info().Exit, a.code)
	require.Contains(t, a.out, `"name": "box"`)
	p.fails(yonder.CodeUnavailable, "endpoint", "list", "--online")
	p.ok("logout")
	p.env = nil
	p.fails(yonder.CodeUnauthenticated, "endpoint", "list")
}

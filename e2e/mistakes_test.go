package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/e2e/system"
	"github.com/yonder-run/yonder/wire"
)

// A mistake is something that people do, and what they must be told then:
// words that stay the same, which docs/errors.md explains too.
type mistake struct {
	try  func(t *testing.T, s *system.System) system.Said
	code yonder.Code // exits with its class; empty: Python, which exits with 1
	says []string
}

// inside are traces of Yonder's own insides, which nobody should have to see.
var inside = regexp.MustCompile(`goroutine \d|panic:|\.go:\d|dial tcp|x509:|\(\*[A-Z]`)

func (m mistake) check(t *testing.T, s *system.System) {
	t.Helper()
	said := m.try(t, s)
	want := 1
	if m.code != "" {
		want = m.code.Info().Exit
	}
	require.Equal(t, want, said.Code, said.All())
	require.NotRegexp(t, inside, said.All())
	explained, err := os.ReadFile("../docs/errors.md")
	require.NoError(t, err)
	for _, words := range m.says {
		require.Contains(t, said.All(), words)
		require.Contains(t, string(explained), words, "docs/errors.md does not explain this")
	}
}

func checkAll(t *testing.T, s *system.System, mistakes map[string]mistake) {
	t.Helper()
	for name, m := range mistakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m.check(t, s)
		})
	}
}

// types is a command line that somebody types.
func types(args ...string) func(*testing.T, *system.System) system.Said {
	return func(_ *testing.T, s *system.System) system.Said { return s.Try("", args...) }
}

// scripts is a Python program that somebody runs.
func scripts(mistake string) func(*testing.T, *system.System) system.Said {
	return func(_ *testing.T, s *system.System) system.Said { return s.TryPython("mistakes.py", mistake) }
}

// TestMistakesWithFunctions has everything running: what is wrong is what
// somebody asks for.
func TestMistakesWithFunctions(t *testing.T) {
	t.Parallel()
	s := system.New(t)
	s.StartService("--payload-bytes", "200000")
	s.Login()
	s.ConfigureEndpoint("local", "--slots", "2", "--python", system.RequirePython(t))
	s.StartAgent("local")
	t.Cleanup(func() { s.StopManagers("local") })
	s.ConfigureEndpoint("box")
	for _, name := range []string{"add", "needs_a_package", "uses_what_is_not_there", "returns_a_lock"} {
		s.Run("", "function", "register", "testdata/mistakes_functions.py:"+name, "--python", system.RequirePython(t))
	}
	_, err := s.Client().RegisterFunction(t.Context(), wire.RegisterFunction{
		Name: "ancient", Body: []byte("{}"), Requirements: yonder.Requirements{Python: "3.8"},
	})
	require.NoError(t, err)
	large := filepath.Join(t.TempDir(), "large.jsonl")
	require.NoError(t, os.WriteFile(large, []byte(`"`+strings.Repeat("x", 300_000)+`"`), 0o600))

	checkAll(t, s, map[string]mistake{
		"an endpoint's id that is none": {
			types("run", "add", "1", "-e", "0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000"), yonder.CodeNotFound,
			[]string{"there is no endpoint 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000, or you may not see it: check the id, or ask its owner to share it"},
		},
		"a misspelt endpoint": {
			types("run", "add", "1", "-e", "lcal"), yonder.CodeNotFound,
			[]string{`there is no endpoint "lcal" that you may see; did you mean "local"? "yonder endpoint list" shows those that there are`},
		},
		"a misspelt endpoint, in Python": {
			scripts("misspelt"), "", []string{"there is no endpoint 'lcal'; did you mean 'local'? there are: "},
		},
		"a misspelt function": {
			types("run", "ad", "1", "-e", "local"), yonder.CodeNotFound, []string{`there is no function "ad" that you may see; did you mean "add"?`},
		},
		"no endpoint named": {
			types("run", "add", "1"), yonder.CodeInvalidRequest, []string{"say where to run it with --endpoint: "},
		},
		"an endpoint that is offline": {
			types("run", "add", "1", "-e", "box", "--timeout", "2s"), yonder.CodeTimeout,
			[]string{"it waits because the endpoint box has never been online", "no result within 2s; the task goes on: \"yonder task result "},
		},
		"an argument that cannot be packed": {
			scripts("argument"), "", []string{
				"PackError: argument 0 ('a') cannot be packed: cannot pickle '_thread.lock' object: " +
					"a lock belongs to one process: make it inside the function",
			},
		},
		"a result that cannot be packed": {
			scripts("result"), "",
			[]string{"PackError: the result cannot be packed: cannot pickle '_thread.lock' object: a lock belongs to one process"},
		},
		"a result that is no JSON": {
			types("run", "returns_a_lock", "-e", "local"), yonder.CodeUnserialisable,
			[]string{"the result cannot be JSON: Object of type lock is not JSON serializable: use the codec 'pickle', as calls from Python do"},
		},
		"a package that the endpoint lacks": {
			types("run", "needs_a_package", "-e", "local"), yonder.CodeFunctionFailed, []string{
				"which runs tasks of this endpoint, has no package 'nosuchpackage': install it there, for instance with: ",
				"error: the function raised ModuleNotFoundError: No module named 'nosuchpackage'", "attempt 1, at the endpoint local",
			},
		},
		"a package that the endpoint lacks, in Python": {
			scripts("package"), "", []string{
				"ModuleNotFoundError: No module named 'nosuchpackage'",
				"which runs tasks of this endpoint, has no package 'nosuchpackage': install it there, for instance with: ",
			},
		},
		"a global that was not captured": {
			types("run", "uses_what_is_not_there", "-e", "local"), yonder.CodeFunctionFailed, []string{
				"error: the function raised NameError: name 'nowhere_defined' is not defined",
				"and 'nowhere_defined' was not there: define or import it before, or inside the function",
			},
		},
		"a global that was not captured, in Python": {
			scripts("global"), "", []string{"and 'nowhere_defined' was not there: define or import it before, or inside the function"},
		},
		"a Python that the endpoint lacks": {
			types("run", "ancient", "-e", "local"), yonder.CodeNoInterpreter, []string{
				`function "ancient" needs Python 3.8, and the endpoint has Python `,
				"choose another endpoint or register the function from one of these",
			},
		},
		"an argument too few": {types("run", "add", "-e", "local"), yonder.CodeInvalidArguments, []string{`add() is missing the argument "a"`}},
		"an argument too many": {
			types("run", "add", "1", "2", "3", "-e", "local"), yonder.CodeInvalidArguments,
			[]string{"add() takes 2 positional arguments, and 3 were given"},
		},
		"a keyword that is none": {
			types("run", "add", "1", "-k", "c=2", "-e", "local"), yonder.CodeInvalidArguments, []string{`add() has no parameter "c"`},
		},
		"an argument too few, in Python":    {scripts("missing"), "", []string{`one() is missing the argument "a"`}},
		"a keyword that is none, in Python": {scripts("keyword"), "", []string{`one() has no parameter "zz"`}},
		"an argument that is no JSON": {
			types("run", "add", "True", "-e", "local"), yonder.CodeInvalidRequest,
			[]string{"arguments are JSON: write true instead of True"},
		},
		"a payload that is too large": {
			types("map", "add", "--file", large, "-e", "local"), yonder.CodeTooLarge,
			[]string{"over the service's limit of 200000 (payload_bytes): pass a path or URL instead of the data"},
		},
		"a payload that is too large, in Python": {
			scripts("large"), "",
			[]string{"200000 are allowed: pass a reference to the data instead of the data"},
		},
		"a task's id that is none": {types("task", "show", "12"), yonder.CodeInvalidID, []string{`"12" is not an id`}},
	})
}

// TestMistakesOfWhoMayWhat are about tokens and sharing.
func TestMistakesOfWhoMayWhat(t *testing.T) {
	t.Parallel()
	s := system.New(t)
	s.StartService()
	s.Login()
	s.ConfigureEndpoint("local", "--slots", "1", "--python", system.RequirePython(t))
	s.StartAgent("local")
	t.Cleanup(func() { s.StopManagers("local") })
	for _, name := range []string{"add", "needs_a_package"} {
		s.Run("", "function", "register", "testdata/mistakes_functions.py:"+name, "--python", system.RequirePython(t))
	}
	ada := t.TempDir()
	token := filepath.Join(ada, "token")
	s.Run("", "identity", "create", "ada")
	s.Run("", "token", "create", "--for", "ada", "--out", token)
	s.Run("", "function", "share", "add", "--with", "ada")
	s.Run("", "endpoint", "share", "local", "--with", "ada")
	s.As(ada).Run("", "login", s.URL(), "--token-file", token)
	functions, err := client.All[yonder.Function](t.Context(), s.Client(), "functions", nil)
	require.NoError(t, err)
	ids := map[string]string{}
	for _, f := range functions {
		ids[f.Name] = f.ID.String()
	}
	asAda := func(args ...string) func(*testing.T, *system.System) system.Said {
		return func(_ *testing.T, s *system.System) system.Said { return s.As(ada).Try("", args...) }
	}
	// with is a command with a token that something was done to.
	with := func(spoil func(file string), args ...string) func(*testing.T, *system.System) system.Said {
		return func(t *testing.T, s *system.System) system.Said {
			t.Helper()
			file := filepath.Join(t.TempDir(), "token")
			spoil(file)
			return s.As(s.Home, "YONDER_URL="+s.URL(), "YONDER_TOKEN_FILE="+file).Try("", args...)
		}
	}
	checkAll(t, s, map[string]mistake{
		"no login": {
			func(t *testing.T, s *system.System) system.Said {
				t.Helper()
				return s.As(t.TempDir()).Try("", "task", "list")
			},
			yonder.CodeUnauthenticated,
			[]string{`you are not logged in: run "yonder up" for a service on this machine, or "yonder login URL" for another one`},
		},
		"no login, in Python": {
			func(t *testing.T, s *system.System) system.Said {
				t.Helper()
				return s.As(t.TempDir()).TryPython("mistakes.py", "login")
			},
			"",
			[]string{"no service is configured"},
		},
		"an expired token": {
			with(func(file string) {
				s.Run("", "token", "create", "--expires", "1s", "--out", file)
				s.Until("the token is over", func() bool {
					return s.As(s.Home, "YONDER_URL="+s.URL(), "YONDER_TOKEN_FILE="+file).Try("", "whoami").Code != 0
				})
			}, "whoami"), yonder.CodeTokenExpired, []string{"this token expired at ", ": get a new one", `Log in with a new token: "yonder login".`},
		},
		"a revoked token": {
			with(func(file string) {
				id := regexp.MustCompile(`[0-9a-f-]{36}`).FindString(s.Run("", "token", "create", "--out", file))
				s.Run("", "token", "revoke", id)
			}, "whoami"), yonder.CodeTokenRevoked, []string{"this token was revoked at ", `Log in with a new token: "yonder login".`},
		},
		"a token of elsewhere": {
			with(func(file string) { require.NoError(t, os.WriteFile(file, []byte("yt_nonsense"), 0o600)) }, "whoami"),
			yonder.CodeUnauthenticated,
			[]string{"the service does not know this token: it is incomplete, or of another service; get one from an admin of this service"},
		},
		"a token without the scope": {
			with(func(file string) { s.Run("", "token", "create", "--scope", "read", "--out", file) }, "run", "add", "1", "-e", "local"),
			yonder.CodeForbidden,
			[]string{`this token lacks the scope "submit"`},
		},
		"a token that others can read": {
			with(func(file string) {
				s.Run("", "token", "create", "--out", file)
				require.NoError(t, os.Chmod(file, 0o644))
			}, "whoami"), yonder.CodeInvalidConfig, []string{"others on this machine may read the secret in "},
		},
		"an endpoint that is not for others": {
			asAda("run", "add", "1", "-e", "local"), yonder.CodeForbidden,
			[]string{
				`endpoint "local" runs functions with the runtime "process", which does not keep its users apart: ` +
					`only its owner admin may submit`,
			},
		},
		"a function that is not shared": {
			asAda("run", ids["needs_a_package"], "-e", "local"), yonder.CodeNotFound,
			[]string{"or you may not see it: check the id, or ask its owner to share it"},
		},
		"a function of somebody else": {
			asAda("function", "delete", ids["add"], "--yes"), yonder.CodeForbidden, []string{`only the owner of function "add", admin, may do this`},
		},
	})
}

package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/e2e/system"
	"github.com/yonder-run/yonder/wire"
)

// TestMistakesOnTheWayToTheService are about addresses and certificates.
func TestMistakesOnTheWayToTheService(t *testing.T) {
	t.Parallel()
	s := system.New(t)
	key := certify(t, s)
	s.StartService("--tls-cert", s.CAFile, "--tls-key", key)
	token := filepath.Join(s.Home, "service", "admin.token")
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<html>Welcome</html>")
	}))
	t.Cleanup(plain.Close)
	newer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(wire.VersionInfo{Version: "v9", WireOldest: wire.Version + 1, WireNewest: wire.Version + 2})
	}))
	t.Cleanup(newer.Close)
	at := func(url string, args ...string) func(*testing.T, *system.System) system.Said {
		return func(_ *testing.T, s *system.System) system.Said {
			return s.As(s.Home, "YONDER_URL="+url, "YONDER_TOKEN_FILE="+token, "YONDER_CA_FILE=").Try("", args...)
		}
	}
	inPython := func(url string) func(*testing.T, *system.System) system.Said {
		return func(_ *testing.T, s *system.System) system.Said {
			return s.As(s.Home, "YONDER_URL="+url, "YONDER_TOKEN_FILE="+token, "YONDER_CA_FILE=").TryPython("mistakes.py", "login")
		}
	}
	nothing := "http://" + system.FreeAddress(t)
	checkAll(t, s, map[string]mistake{
		"a service that is down": {
			at(nothing, "task", "list"), yonder.CodeUnavailable,
			[]string{`cannot be reached: nothing listens there: check address and port, or start it with "yonder up" or "yonder serve"`},
		},
		"a service that is down, in Python": {
			inPython(nothing), "", []string{"no service answers at http://", "start one with `yonder up`, or check the URL"},
		},
		"a host that is none": {
			at("https://yonder.invalid", "task", "list"), yonder.CodeUnavailable,
			[]string{"cannot be reached: there is no machine named yonder.invalid: check the address for a typo"},
		},
		"an address that is none": {
			at("localhost:8470", "task", "list"), yonder.CodeInvalidConfig,
			[]string{`"localhost:8470" is not a service's address: expected http(s)://host:port`},
		},
		"https where http is spoken": {
			at("https"+strings.TrimPrefix(plain.URL, "http"), "task", "list"), yonder.CodeUnavailable,
			[]string{"it speaks http, not https: use http://"},
		},
		"https where http is spoken, in Python": {
			inPython("https" + strings.TrimPrefix(plain.URL, "http")), "", []string{"speaks http, not https: use http:// in the URL"},
		},
		"http where https is spoken": {
			at("http://"+s.Address, "task", "list"), yonder.CodeInvalidConfig, []string{"speaks https, not http: use https://"},
		},
		"http where https is spoken, in Python": {
			inPython("http://" + s.Address), "", []string{"the service speaks https, not http: use https:// in the URL"},
		},
		"a certificate of nobody known": {
			at(s.URL(), "task", "list"), yonder.CodeUnavailable,
			[]string{"for a certificate of your own, name its PEM file with --ca-file or YONDER_CA_FILE"},
		},
		"a certificate of nobody known, in Python": {
			inPython(s.URL()), "", []string{"for a certificate of your own, name its file with ca_file= or YONDER_CA_FILE"},
		},
		"a service that is no Yonder": {
			at(plain.URL, "task", "list"), yonder.CodeInvalidConfig,
			[]string{"did not come from a Yonder service", "check the address and any proxy"},
		},
		"a service that is too new": {
			at(newer.URL, "doctor", "--no-run"), yonder.CodeUnsupportedWire, []string{"the service v9 speaks wire 2 to 3, this program 1 to 1"},
		},
	})
}

// TestMistakesWithDaemons are about what is started on this machine.
func TestMistakesWithDaemons(t *testing.T) {
	t.Parallel()
	python := system.RequirePython(t)
	s := system.New(t)
	s.StartService()
	s.Login()
	s.ConfigureEndpoint("local", "--slots", "1", "--python", python)
	s.StartAgent("local")
	t.Cleanup(func() { s.StopManagers("local") })
	state := filepath.Join(s.Home, "service")
	// served is a service with a configuration file.
	served := func(config string) func(*testing.T, *system.System) system.Said {
		return func(t *testing.T, s *system.System) system.Said {
			t.Helper()
			file := filepath.Join(t.TempDir(), "service.yaml")
			require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
			return s.Try("", "serve", "--config", file, "--state-dir", t.TempDir())
		}
	}
	// configured is an endpoint whose file was edited.
	configured := func(name, from, to string) func(*testing.T, *system.System) system.Said {
		return func(t *testing.T, s *system.System) system.Said {
			t.Helper()
			s.ConfigureEndpoint(name)
			file := filepath.Join(s.Home, "endpoints", name, "endpoint.yaml")
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			edited := strings.Replace(string(text), from, to, 1)
			require.NotEqual(t, string(text), edited)
			require.NoError(t, os.WriteFile(file, []byte(edited), 0o600))
			return s.Try("", "endpoint", "start", name)
		}
	}
	checkAll(t, s, map[string]mistake{
		"a port that is taken": {
			func(t *testing.T, s *system.System) system.Said {
				t.Helper()
				return s.Try("", "serve", "--listen", s.Address, "--state-dir", t.TempDir())
			}, yonder.CodePortInUse, []string{"another program listens on ", "already: stop it, or choose another address with listen"},
		},
		"a port that is taken, for up": {
			func(t *testing.T, s *system.System) system.Said {
				t.Helper()
				return s.As(t.TempDir()).Try("", "up", "--listen", s.Address, "--python", python)
			}, yonder.CodePortInUse, []string{"choose another address, such as --listen 127.0.0.1:0 for any free one"},
		},
		"listening for all without TLS": {
			func(t *testing.T, s *system.System) system.Said {
				t.Helper()
				return s.Try("", "serve", "--listen", "0.0.0.0:0", "--state-dir", t.TempDir())
			}, yonder.CodeInsecureListen,
			[]string{"can be reached from other machines, which would send their tokens readable for all: set tls_cert and tls_key"},
		},
		"a service that runs already": {
			types("serve", "--listen", "127.0.0.1:0", "--state-dir", state), yonder.CodeAlreadyRunning,
			[]string{"another service has the database", "SQLite is for one process; stop the other one, or use PostgreSQL for several replicas"},
		},
		"an endpoint that runs already": {
			types("endpoint", "start", "local"), yonder.CodeAlreadyRunning,
			[]string{"the agent of local runs already (process ", `"yonder endpoint restart local" starts it anew`},
		},
		"an endpoint that is none of this machine's": {
			types("endpoint", "start", "locl"), yonder.CodeNotFound, []string{`there is no endpoint locl on this machine; did you mean "local"?`},
		},
		"a setting of the service that is misspelt": {
			served("lsten: 127.0.0.1:0\n"), yonder.CodeInvalidConfig,
			[]string{"lsten: there is no such setting in ", `did you mean "listen"? "yonder serve --sample" shows all`},
		},
		"a setting of the service that does not fit": {
			served("silence: soon\n"), yonder.CodeInvalidConfig,
			[]string{`silence: "soon", given by `, "does not fit: expected a duration like 30s"},
		},
		"a setting of an endpoint that is misspelt": {
			configured("typo", "  slots:", "  slts:"), yonder.CodeInvalidConfig,
			[]string{"slts: ", `there is no such setting; did you mean "slots"?`},
		},
		"a setting of an endpoint that does not fit": {
			configured("odd", "  slots: ", "  slots: many #"), yonder.CodeInvalidConfig, []string{"slots: ", `expected a number, not "many"`},
		},
		"a flag that is misspelt": {
			types("task", "list", "--limt", "3"), yonder.CodeInvalidRequest,
			[]string{"unknown flag: --limt; did you mean --limit?"},
		},
		"a flag that does not fit": {
			types("task", "list", "--limit", "-1"), yonder.CodeInvalidRequest,
			[]string{`invalid argument "-1" for "--limit" flag: expected a whole number, 0 or more`},
		},
		"a command that is misspelt": {
			types("endpont", "list"), yonder.CodeInvalidRequest,
			[]string{`yonder has no command "endpont"; did you mean "endpoint"?`},
		},
		"a credential that the service does not know": {
			func(t *testing.T, s *system.System) system.Said {
				t.Helper()
				s.ConfigureEndpoint("spoilt", "--slots", "1", "--python", python)
				require.NoError(t, os.WriteFile(filepath.Join(s.Home, "endpoints", "spoilt", "credential"), []byte("ya_nonsense\n"), 0o600))
				return s.Try("", "endpoint", "start", "spoilt")
			}, yonder.CodeUnauthenticated, []string{
				"the service refuses the agent of spoilt, which was stopped again: ",
				`"yonder endpoint configure spoilt --reuse" gets it a new credential`,
			},
		},
		"an interpreter that is none": {
			func(_ *testing.T, s *system.System) system.Said {
				s.ConfigureEndpoint("nopython", "--python", "/none/python3")
				return s.Try("", "endpoint", "start", "nopython")
			}, yonder.CodeInvalidConfig, []string{"pythons[0]: /none/python3 cannot be used"},
		},
		"a directory that is somebody else's": {
			func(t *testing.T, s *system.System) system.Said {
				t.Helper()
				script := asAnother(t) + `exec "$0" up --listen 127.0.0.1:0`
				return s.As(lockedDirectory(t)).TryCommand("", "bash", "-c", script, reachable(t, s.Binary()))
			}, yonder.CodeInvalidConfig,
			[]string{"this user may not write in ", ": make it yours, or choose another directory with --dir or YONDER_HOME"},
		},
	})
}

// lockedDirectory is one that its own user, if not root, may not write in.
func lockedDirectory(t *testing.T) string {
	t.Helper()
	dir := open(t)
	require.NoError(t, os.Chmod(dir, 0o555))
	return dir
}

// open is a directory that every user may look into.
func open(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, part := range []string{filepath.Dir(dir), dir} {
		require.NoError(t, os.Chmod(part, 0o755))
	}
	return dir
}

// asAnother makes a script go on as a user without root's powers.
func asAnother(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		return ""
	}
	return `[ -n "$ANOTHER" ] || exec env ANOTHER=1 setpriv --reuid 65534 --regid 65534 ` +
		`--clear-groups bash -c 'exec "$0" up --listen 127.0.0.1:0' "$0"; `
}

// reachable is a copy of the program that every user may run.
func reachable(t *testing.T, binary string) string {
	t.Helper()
	file := filepath.Join(open(t), "yonder")
	// Another process writes it: what this one has open for writing, every child
	// inherits that is forked meanwhile, and a file that is open so cannot be run.
	said, err := exec.Command("install", "-m", "755", binary, file).CombinedOutput()
	require.NoError(t, err, "%s", said)
	return file
}

// requireNamespaces skips the test, or fails it where nothing may be skipped,
// if this machine lets nobody mount a disk of their own.
func requireNamespaces(t *testing.T) {
	t.Helper()
	command := onSmallDisk(t.TempDir(), "64k", "true")
	switch err := exec.Command(command[0], command[1:]...).Run(); {
	case err == nil:
	case os.Getenv("YONDER_REQUIRE_ALL") != "":
		t.Fatalf("needs unshare and mount, as root or with user namespaces: %v", err)
	default:
		t.Skip("needs unshare and mount, as root or with user namespaces")
	}
}

// onSmallDisk is a command that runs a script where dir is a disk of that
// size, which only it sees. Whatever it starts ends with it.
func onSmallDisk(dir, size, script string) []string {
	alone := []string{"unshare", "--mount", "--pid", "--fork", "--kill-child"}
	if os.Geteuid() != 0 {
		alone = append(alone, "--user", "--map-root-user")
	}
	return append(alone, "bash", "-c", `mount -t tmpfs -o mode=700,size="$0" none "$1" && `+script, size, dir)
}

func TestADiskThatIsFullUnderTheService(t *testing.T) {
	t.Parallel()
	requireNamespaces(t)
	s := system.New(t)
	dir := filepath.Join(s.Home, "service")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	token := filepath.Join(s.Home, "token")
	s.StartCommand("service", onSmallDisk(dir, "24m", s.Binary()+` serve --listen `+s.Address+` --state-dir "$1" | {
		read -r serving && (umask 077 && cat "$1/admin.token" >'`+token+`')
		dd if=/dev/zero of="$1/full" bs=64k status=none
		echo full && cat
	}`)...).Await("full")
	mistake{
		func(_ *testing.T, s *system.System) system.Said {
			s = s.As(s.Home, "YONDER_URL="+s.URL(), "YONDER_TOKEN_FILE="+token)
			for range 200 { // what the database has reserved holds some more
				if said := s.Try("", "identity", "create", yonder.NewID().String()); said.Code != 0 {
					return said
				}
			}
			return system.Said{}
		}, yonder.CodeStorageFull, []string{"no space left for the database ", ": free some on that disk; nothing accepted is lost"},
	}.check(t, s)
}

func TestADiskThatIsFullUnderTheAgent(t *testing.T) {
	t.Parallel()
	requireNamespaces(t)
	s := system.New(t)
	s.StartService()
	s.Login()
	s.ConfigureEndpoint("box", "--slots", "1", "--python", system.RequirePython(t))
	state := filepath.Join(s.Home, "endpoints", "box", "state")
	require.NoError(t, os.MkdirAll(state, 0o700))
	mistake{
		func(_ *testing.T, s *system.System) system.Said {
			command := onSmallDisk(state, "16k", `dd if=/dev/zero of="$1/full" bs=4k count=4 status=none; `+s.Binary()+" endpoint start box")
			return s.TryCommand("", command[0], command[1:]...)
		}, yonder.CodeStorageFull, []string{"there is no room left in ", ": make room, or choose another directory with --dir or YONDER_HOME"},
	}.check(t, s)
}

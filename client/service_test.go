package client_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
)

func TestMain(m *testing.M) {
	code := m.Run()
	stop()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// up is a real service with an endpoint, for the examples: `yonder up` in a
// directory of its own.
type up struct {
	URL      string    `json:"url"`
	Endpoint yonder.ID `json:"endpoint_id"`

	dir, token string
}

var (
	started bool
	start   = sync.OnceValue(func() up {
		started = true
		dir, err := os.MkdirTemp("", "yonder-client")
		must(err)
		u := up{dir: dir}
		must(exec.Command("go", "build", "-o", u.binary(), "../cmd/yonder").Run())
		out, err := u.run("up", "--detach", "--listen", "127.0.0.1:0", "--json")
		must(err)
		must(json.Unmarshal(out, &u))
		var login struct {
			Token string `json:"token"`
		}
		data, err := os.ReadFile(filepath.Join(dir, "login.json"))
		must(err)
		must(json.Unmarshal(data, &login))
		u.token = login.Token
		return u
	})
)

func (u up) binary() string { return filepath.Join(u.dir, "yonder") }

func (u up) run(args ...string) ([]byte, error) {
	cmd := exec.Command(u.binary(), args...)
	cmd.Env = append(os.Environ(), "YONDER_HOME="+u.dir)
	cmd.Stderr = os.Stderr
	return cmd.Output()
}

func stop() {
	if !started {
		return
	}
	u := start()
	_, err := u.run("down")
	must(err)
	must(os.RemoveAll(u.dir))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// yours stands for client.New with your own service's address and token, and
// for the id of an endpoint of yours.
func yours() (*client.Client, yonder.ID) {
	u := start()
	c, err := client.New(u.URL, u.token)
	must(err)
	return c, u.Endpoint
}

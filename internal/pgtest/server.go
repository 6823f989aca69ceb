package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// patience bounds every wait for the server. It is spent only when something
// is wrong, or when the machine is very busy.
const patience = time.Minute

// server is one throw-away PostgreSQL. It listens on a Unix socket in its own
// directory only, so there is no port to fight over.
type server struct {
	dir string
	// leash keeps the server alive: the watchdog at its other end ends the
	// server once this process has let go of it, even by being killed.
	leash *os.File
}

// watchdog runs PostgreSQL ($1 its directory of programs, $2 our directory,
// the rest its options). Every line of its standard input is a signal that
// ends the server, which is then started again; the end of the input takes the
// server down, files included. The test binary holds the only other end of it.
const watchdog = `
bin=$1 dir=$2; shift 2
trap '' INT TERM HUP
launch() {
	"$bin/postgres" -D "$dir/data" -k "$dir" "$@" </dev/null >>"$dir/log" 2>&1 &
	server=$!
}
launch "$@"
while read -r signal; do
	kill -"$signal" "$server"
	wait "$server"
	launch "$@"
done
kill -QUIT "$server"
wait "$server"
rm -rf "$dir"
`

func start(sync bool) (*server, error) {
	bin := findBinaries()
	dir, err := os.MkdirTemp("", "yonder-pg-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for PostgreSQL: %w", err)
	}
	s := &server{dir: dir}
	if err := s.begin(bin, sync); err != nil {
		// From here on nobody else cleans up.
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	// If it does not get ready, its log is in the error and the watchdog cleans up.
	return s, s.awaitReady()
}

func (s *server) begin(bin string, sync bool) error {
	owner, err := give(s.dir)
	if err != nil {
		return err
	}
	if err := initialise(bin, s.dir, owner); err != nil {
		return err
	}
	return s.launch(bin, owner, sync)
}

func initialise(bin, dir string, owner *owner) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"),
		"-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	owner.apply(cmd, dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb in %s: %w\n%s", dir, err, out)
	}
	return nil
}

func (s *server) launch(bin string, owner *owner, sync bool) error {
	args := []string{"-c", watchdog, "sh", bin, s.dir, "-c", "listen_addresses=", "-c", "max_connections=500"}
	if !sync {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	// Not bound to a context: it has to outlive whichever test came first.
	cmd := exec.Command("sh", args...)
	owner.apply(cmd, s.dir)
	ours, theirs, err := pipe(cmd)
	if err != nil {
		return err
	}
	s.leash = ours
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		return fmt.Errorf("starting the PostgreSQL watchdog: %w", err)
	}
	return nil
}

// pipe gives cmd a standard input that ends when this process does.
func pipe(cmd *exec.Cmd) (*os.File, *os.File, error) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("making the PostgreSQL watchdog's pipe: %w", err)
	}
	cmd.Stdin = theirs
	return ours, theirs, nil
}

func (s *server) url(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		Path:     "/" + database,
		RawQuery: url.Values{"host": {s.dir}, "user": {"postgres"}, "sslmode": {"disable"}}.Encode(),
	}
	return u.String()
}

func (s *server) awaitReady() error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errors.New("it did not get ready in time"))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.admin(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("%w: %w\n%s", context.Cause(ctx), err, log)
		}
	}
}

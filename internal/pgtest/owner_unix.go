//go:build unix

package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// owner is whom the server runs as. PostgreSQL refuses to run as root, so root
// hands it to somebody else; anybody else runs it themselves.
type owner struct {
	credential *syscall.Credential
}

// give makes dir belong to whom the server will run as.
func give(dir string) (*owner, error) {
	if os.Geteuid() != 0 {
		return &owner{}, nil
	}
	uid, gid, err := unprivileged()
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		return nil, fmt.Errorf("handing %s to the PostgreSQL user: %w", dir, err)
	}
	return &owner{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// unprivileged prefers the user PostgreSQL's package made; some images carry
// the programs without it.
func unprivileged() (int, int, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if errUID == nil && errGID == nil {
			return uid, gid, nil
		}
	}
	return 0, 0, fmt.Errorf("PostgreSQL does not run as root: no user postgres or nobody to run it as")
}

// apply makes cmd run as the owner, in dir because ours may be closed to them,
// and in a process group of its own so that a Ctrl-C meant for the tests
// leaves the cleaning up to the watchdog.
func (o *owner) apply(cmd *exec.Cmd, dir string) {
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: o.credential}
}

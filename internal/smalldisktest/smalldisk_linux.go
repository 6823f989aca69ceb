package smalldisktest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func mount(tb testing.TB, size int64) *Disk {
	tb.Helper()
	dir, err := os.MkdirTemp("/tmp", "y") //nolint:usetesting // t.TempDir is too long for sockets
	require.NoError(tb, err)
	if err := syscall.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		_ = os.Remove(dir)
		tb.Skip("mounting a small disk needs root: " + err.Error())
	}
	tb.Cleanup(func() {
		_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		_ = os.Remove(dir)
	})
	return &Disk{Dir: dir, tb: tb}
}

func (d *Disk) ballast() string { return filepath.Join(d.Dir, "ballast") }

// Fill leaves no byte free.
func (d *Disk) Fill() {
	d.tb.Helper()
	file, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(d.tb, err)
	defer file.Close()
	for size := 1 << 20; size > 0; {
		if _, err = file.Write(make([]byte, size)); err != nil {
			require.ErrorIs(d.tb, err, syscall.ENOSPC)
			size /= 2
		}
	}
}

// Free gives back all that Fill has taken.
func (d *Disk) Free() {
	d.tb.Helper()
	require.NoError(d.tb, os.Remove(d.ballast()))
}

// Seal makes the disk read-only for every file that is opened from now on, while
// what is open for writing stays so, as on a file system that was remounted
// around its writers. The function takes that back.
func (d *Disk) Seal() (unseal func()) {
	d.tb.Helper()
	require.NoError(d.tb, syscall.Mount(d.Dir, d.Dir, "", syscall.MS_BIND, ""))
	require.NoError(d.tb, syscall.Mount("none", d.Dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	unseal = sync.OnceFunc(func() {
		require.NoError(d.tb, syscall.Unmount(d.Dir, syscall.MNT_DETACH))
	})
	d.tb.Cleanup(unseal)
	return unseal
}

// ReadOnly has every write refused, or no more. What is open for writing
// keeps a disk from becoming read-only: false says that it did.
func (d *Disk) ReadOnly(yes bool) bool {
	d.tb.Helper()
	flags := uintptr(syscall.MS_REMOUNT)
	if yes {
		flags |= syscall.MS_RDONLY
	}
	err := syscall.Mount("none", d.Dir, "tmpfs", flags, "")
	if errors.Is(err, syscall.EBUSY) {
		return false
	}
	require.NoError(d.tb, err)
	return true
}

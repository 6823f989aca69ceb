package dir

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

func open(t *testing.T) *Dir {
	t.Helper()
	d, err := Open(filepath.Join(t.TempDir(), "blobs"))
	require.NoError(t, err)
	return d
}

func put(t *testing.T, d *Dir, body string) wire.Blob {
	t.Helper()
	b, err := d.Put(t.Context(), yonder.NewID(), bytes.NewReader([]byte(body)), 1000)
	require.NoError(t, err)
	return b
}

func read(t *testing.T, d *Dir, b wire.Blob) string {
	t.Helper()
	r, err := d.Open(t.Context(), b)
	require.NoError(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(data)
}

// files lists all files below the directory.
func files(t *testing.T, d *Dir) []string {
	t.Helper()
	var names []string
	require.NoError(t, filepath.WalkDir(d.root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, path)
			info, err := entry.Info()
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode(), path)
		}
		return err
	}))
	return names
}

func TestABodyComesBack(t *testing.T) {
	t.Parallel()
	d := open(t)
	hash := sha256.Sum256([]byte("body"))
	b := put(t, d, "body")
	require.Equal(t, wire.Blob{ID: b.ID, Size: 4, SHA256: hex.EncodeToString(hash[:])}, b)
	require.Equal(t, "body", read(t, d, b))
	require.Empty(t, read(t, d, put(t, d, "")))

	other, err := Open(d.root)
	require.NoError(t, err)
	require.Equal(t, "body", read(t, other, b), "after a restart, or at another replica")
}

func TestEqualBodiesShareTheirBytesButNotTheirFate(t *testing.T) {
	t.Parallel()
	d := open(t)
	one, two := put(t, d, "same"), put(t, d, "same")
	require.Equal(t, one.SHA256, two.SHA256)
	first, err := os.Stat(filepath.Join(d.folder(one.SHA256), one.ID.String()))
	require.NoError(t, err)
	second, err := os.Stat(filepath.Join(d.folder(two.SHA256), two.ID.String()))
	require.NoError(t, err)
	require.True(t, os.SameFile(first, second))

	require.NoError(t, d.Delete(t.Context(), one))
	require.Equal(t, "same", read(t, d, two))
	_, err = d.Open(t.Context(), one)
	require.Equal(t, yonder.CodeNotFound, yonder.CodeOf(err))
	require.NoError(t, d.Delete(t.Context(), one), "twice is no error")
	require.NoError(t, d.Delete(t.Context(), two))
	require.Empty(t, files(t, d))
	require.NoDirExists(t, d.folder(two.SHA256))
}

func TestWhatFailsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("client left"))
	broken := iotest.ErrReader(io.ErrUnexpectedEOF)
	for name, c := range map[string]struct {
		ctx  context.Context //nolint:containedctx // a case's own
		body io.Reader
		code yonder.Code
		says string
	}{
		"too large":    {t.Context(), bytes.NewReader(make([]byte, 1001)), yonder.CodeTooLarge, "1000 bytes"},
		"disk full":    {t.Context(), iotest.ErrReader(syscall.ENOSPC), yonder.CodeStorageFull, "disk is full"},
		"client gone":  {ended, bytes.NewReader(nil), yonder.CodeInternal, "client left"},
		"broken body":  {t.Context(), io.MultiReader(strings.NewReader("half"), broken), yonder.CodeInternal, "unexpected EOF"},
		"told to stop": {t.Context(), iotest.ErrReader(yonder.Errorf(yonder.CodeTimeout, "slow")), yonder.CodeTimeout, "slow"},
	} {
		d := open(t)
		_, err := d.Put(c.ctx, yonder.NewID(), c.body, 1000)
		require.Equal(t, c.code, yonder.CodeOf(err), name)
		require.ErrorContains(t, err, c.says, name)
		require.Empty(t, files(t, d), name)
	}
	d := open(t)
	_, err := d.Put(t.Context(), yonder.NewID(), bytes.NewReader(make([]byte, 1000)), 1000)
	require.NoError(t, err, "exactly the limit is fine")
}

func TestAFullDeviceIsSaidSo(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer full.Close()
	_, err = write(t.Context(), full, bytes.NewReader([]byte("x")), 10)
	require.ErrorIs(t, err, syscall.ENOSPC)
}

func TestAnUnusableRecordOpensNothing(t *testing.T) {
	t.Parallel()
	d := open(t)
	for _, hash := range []string{"", "../../etc/passwd", "zz", hex.EncodeToString(make([]byte, 31))} {
		_, err := d.Open(t.Context(), wire.Blob{ID: yonder.NewID(), SHA256: hash})
		require.Error(t, err)
		require.Error(t, d.Delete(t.Context(), wire.Blob{ID: yonder.NewID(), SHA256: hash}))
	}
}

func TestOpeningRemovesWhatACrashHasLeft(t *testing.T) {
	t.Parallel()
	d := open(t)
	old, fresh := filepath.Join(d.partial(), "old"), filepath.Join(d.partial(), "fresh")
	for _, path := range []string{old, fresh} {
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	long := time.Now().Add(-2 * abandonedAfter)
	require.NoError(t, os.Chtimes(old, long, long))
	_, err := Open(d.root)
	require.NoError(t, err)
	require.NoFileExists(t, old)
	require.FileExists(t, fresh, "another replica may be writing it")
}

// Uploads and deletions of equal bodies meet in one folder, which vanishes
// and comes back.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	d := open(t)
	var tasks sync.WaitGroup
	for i := range 8 {
		tasks.Go(func() {
			for n := range 50 {
				b, err := d.Put(t.Context(), yonder.NewID(), bytes.NewReader(fmt.Append(nil, n%3)), 10)
				if err != nil {
					t.Errorf("worker %d: %v", i, err)
					return
				}
				r, err := d.Open(t.Context(), b)
				if err != nil {
					t.Errorf("worker %d: %v", i, err)
					return
				}
				r.Close()
				if err := d.Delete(t.Context(), b); err != nil {
					t.Errorf("worker %d: %v", i, err)
				}
			}
		})
	}
	tasks.Wait()
	require.Empty(t, files(t, d))
}

func BenchmarkPut(b *testing.B) {
	d, err := Open(b.TempDir())
	require.NoError(b, err)
	body := make([]byte, 1<<20)
	_, _ = rand.Read(body)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		_, err := d.Put(b.Context(), yonder.NewID(), bytes.NewReader(body), 1<<30)
		require.NoError(b, err)
	}
}

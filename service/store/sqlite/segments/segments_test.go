package segments

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/service/store/sqldb"
)

func opened(t *testing.T, dir string, limit int64) *Segments {
	t.Helper()
	s, err := Open(dir, limit)
	require.NoError(t, err)
	return s
}

func fresh(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "payloads") }

func random(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	return data
}

func keep(t *testing.T, s *Segments, payloads ...[]byte) []sqldb.Place {
	t.Helper()
	places, done, err := s.Keep(payloads)
	require.NoError(t, err)
	require.Len(t, places, len(payloads))
	done()
	return places
}

func same(t *testing.T, s *Segments, want []byte, at sqldb.Place) {
	t.Helper()
	got, err := s.Read(at)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
}

func TestPayloadsAreReadBackByAnyProcess(t *testing.T) {
	t.Parallel()
	dir := fresh(t)
	s := opened(t, dir, 0)
	var payloads [][]byte
	for _, n := range []int{0, 1, block - 1, block, block + 1, 300_000} {
		payloads = append(payloads, random(n))
	}
	places := keep(t, s, payloads...)
	require.NoError(t, s.Close())
	next := opened(t, dir, 0)
	after := keep(t, next, payloads[5])
	require.Greater(t, after[0].Segment, places[0].Segment, "what another process wrote is not touched")
	for i := range payloads {
		same(t, next, payloads[i], places[i])
	}
	require.NoError(t, next.Close())
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	info, err = os.Stat(s.path(places[0].Segment))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestManyKeepAtOnce(t *testing.T) {
	t.Parallel()
	s := opened(t, fresh(t), 0)
	var all sync.WaitGroup
	for range 16 {
		payload := random(200_000)
		all.Go(func() {
			for range 4 {
				places, done, err := s.Keep([][]byte{payload[:100_001], payload})
				if err != nil {
					panic(err)
				}
				got, err := s.Read(places[1])
				if err != nil || !bytes.Equal(got, payload) {
					panic("another payload came back")
				}
				done()
			}
		})
	}
	all.Wait()
	require.NoError(t, s.Close())
}

func TestASegmentInUseIsNotListed(t *testing.T) {
	t.Parallel()
	s := opened(t, fresh(t), 0)
	large := random(sealAt)
	places, done, err := s.Keep([][]byte{large})
	require.NoError(t, err)
	require.Empty(t, s.Sealed(), "the row that refers to it may be on its way")
	done()
	require.Equal(t, []int64{places[0].Segment}, s.Sealed())
	same(t, s, large, places[0])
	require.NoError(t, s.Remove(places[0].Segment))
	require.NoError(t, s.Remove(places[0].Segment), "again is no error")
	require.Empty(t, s.Sealed())
	require.Zero(t, s.Size())
	_, err = s.Read(places[0])
	require.ErrorIs(t, err, sqldb.ErrNoPayload)
	require.NoError(t, s.Close())
}

func TestKeepDoesNotWaitForALookAtAllSegments(t *testing.T) {
	t.Parallel()
	s := opened(t, fresh(t), 0)
	old := keep(t, s, random(5000))
	require.NoError(t, s.Close())
	s.stat = func(name string) (os.FileInfo, error) {
		keep(t, s, random(5000))
		return os.Stat(name)
	}
	require.Equal(t, []int64{old[0].Segment}, s.Sealed())
	require.EqualValues(t, 2*2*block, s.Size())
	require.NoError(t, s.Close())
}

func TestFreePlacesBecomeHoles(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("holes are of Linux")
	}
	s := opened(t, fresh(t), 0)
	first, second, third := random(100_000), random(200_000), random(70_000)
	places := keep(t, s, first, second, third)
	require.NoError(t, s.Close())
	s.Sealed()
	before := s.Size()
	s.Free(places[:2])
	s.Free(places[:2])
	s.Sealed()
	require.LessOrEqual(t, s.Size(), before-300_000)
	same(t, s, third, places[2])
	for _, p := range places[:2] {
		_, err := s.Read(p)
		require.ErrorIs(t, err, sqldb.ErrNoPayload)
		require.Equal(t, yonder.CodeStorageCorrupt, yonder.CodeOf(err))
	}
}

// Tasks end where a payload is lost: what may pass must not look like that.
func TestOnlyWhatIsLostIsGone(t *testing.T) {
	t.Parallel()
	s := opened(t, fresh(t), 0)
	place := keep(t, s, random(9000))[0]
	require.NoError(t, s.Close())
	path := s.path(place.Segment)
	require.NoError(t, os.Truncate(path, 8000))
	_, err := s.Read(place)
	require.ErrorIs(t, err, sqldb.ErrNoPayload)
	require.NoError(t, os.Remove(path))
	_, err = s.Read(place)
	require.ErrorIs(t, err, sqldb.ErrNoPayload)
	require.NoError(t, os.Mkdir(path, 0o700)) // opened, and not read
	_, err = s.Read(place)
	require.Error(t, err)
	require.NotErrorIs(t, err, sqldb.ErrNoPayload)
}

func TestTheLimitHolds(t *testing.T) {
	t.Parallel()
	s := opened(t, fresh(t), 1<<20)
	keep(t, s, random(1<<19))
	_, _, err := s.Keep([][]byte{random(1<<19 + 1)})
	require.Equal(t, yonder.CodeStorageFull, yonder.CodeOf(err))
	require.ErrorContains(t, err, "sqlite_bytes")
	keep(t, s, random(1<<19))
	require.NoError(t, s.Close())
}

// Whatever call fails: nobody is told that a payload is there that is not,
// what was there stays, and the next try succeeds.
func TestKeepUnderEveryFailingCall(t *testing.T) {
	t.Parallel()
	osfs.EachCall(osfs.OS{}, 3, []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS}, func(fs osfs.FS, fault error) {
		dir := fresh(t)
		s := opened(t, dir, 0)
		before, payload := random(5000), random(9000)
		old := keep(t, s, before)
		require.NoError(t, s.Close()) // the next Keep begins a segment
		s.fs = fs
		places, done, err := s.Keep([][]byte{payload})
		if err != nil {
			require.ErrorIs(t, err, fault)
			if !errors.Is(fault, syscall.EIO) {
				require.Equal(t, yonder.CodeStorageFull, yonder.CodeOf(err))
			}
			s.fs = osfs.OS{}
			places, done, err = s.Keep([][]byte{payload})
			require.NoError(t, err)
		}
		done()
		same(t, s, payload, places[0])
		same(t, s, before, old[0])
		s.fs = osfs.OS{}
		_ = s.Close()
		same(t, opened(t, dir, 0), payload, places[0])
	})
}

// After a sync that failed the kernel may have thrown away what it could not
// write: a later sync of the same file says nothing about that.
func TestAFailedSyncEndsASegment(t *testing.T) {
	t.Parallel()
	failing := true
	fs := &osfs.Faulty{FS: osfs.OS{}, Fail: func(op osfs.Op, _ string) error {
		if op == osfs.OpSync && failing {
			return syscall.EIO
		}
		return nil
	}}
	s, err := openOn(fs, fresh(t), 0)
	require.NoError(t, err)
	s.mu.Lock()
	require.NoError(t, s.begin())
	g := s.active
	s.mu.Unlock()
	_, _, err = s.Keep([][]byte{random(5000)})
	require.ErrorIs(t, err, syscall.EIO)
	failing = false
	require.ErrorIs(t, g.sync(g.wrote()), syscall.EIO)
	places := keep(t, s, random(5000))
	require.NotEqual(t, g.number, places[0].Segment)
	require.NoError(t, s.Close())
}

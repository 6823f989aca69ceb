package service_test

import (
	"bytes"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/smalldisktest"
	"github.com/yonder-run/yonder/service"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

// A service whose disk is full refuses what is new with a clear word, keeps
// what it has accepted, still answers readers, and goes on when there is room.
func TestAServiceOutlivesAFullDisk(t *testing.T) {
	t.Parallel()
	disk := smalldisktest.New(t, 32<<20)
	s := servicetest.Start(t, func(c *service.Config) { c.StateDir = filepath.Join(disk.Dir, "state") })
	f, e := s.Function(t, s.Admin, "f"), s.Endpoint(t, s.Admin, "e")
	var accepted []wire.Bundle
	submit := func() (int, []byte) {
		b, payloads := servicetest.Bundle(f.ID, e.ID, 20)
		for i := range payloads {
			payloads[i] = bytes.Repeat([]byte{byte(i)}, 10_000)
		}
		status, answer := s.Do(t, s.Admin, "POST", "/v1/bundles", wire.Submit{Bundle: b, Payloads: payloads})
		if status == http.StatusAccepted {
			accepted = append(accepted, b)
		}
		return status, answer
	}
	status, answer := submit()
	require.Equal(t, http.StatusAccepted, status, "%s", answer)

	disk.Fill()
	// What SQLite has set aside in its log may take some more.
	for tries := 0; status == http.StatusAccepted; tries++ {
		require.Less(t, tries, 200, "it never fills")
		status, answer = submit()
	}
	require.Equal(t, http.StatusInsufficientStorage, status, "%s", answer)
	require.Contains(t, string(answer), `"storage_full"`)
	require.Contains(t, string(answer), "the disk is full: free some space; nothing accepted is lost")
	status, answer = s.Do(t, s.Admin, "POST", "/v1/blobs", bytes.Repeat([]byte("x"), 1<<20))
	require.Equal(t, http.StatusInsufficientStorage, status, "%s", answer)
	held := func() {
		for _, b := range accepted {
			task := servicetest.Call[yonder.Task](t, s, s.Admin, "GET", "/v1/tasks/"+b.ID.Task(19).String(), nil)
			require.Equal(t, yonder.RangeQueued, task.State)
		}
	}
	held()

	disk.Free()
	status, answer = submit()
	require.Equal(t, http.StatusAccepted, status, "%s", answer)
	held()
	agent := s.Agent(t, e).Live(t, 10_000)
	agent.Run(t, 20*len(accepted), []byte("value"))
}

// A disk that becomes read-only in mid-run: what needs a file that is not open
// yet, a connection to the database may be one, is refused with a clear word;
// what was accepted is there, and all goes on once the disk is mended.
func TestAServiceOutlivesAReadOnlyDisk(t *testing.T) {
	t.Parallel()
	disk := smalldisktest.New(t, 32<<20)
	s := servicetest.Start(t, func(c *service.Config) { c.StateDir = filepath.Join(disk.Dir, "state") })
	f, e := s.Function(t, s.Admin, "f"), s.Endpoint(t, s.Admin, "e")
	agent := s.Agent(t, e).Live(t, 100)
	large := bytes.Repeat([]byte("x"), 1<<20)
	post := func(path string, body any) int {
		status, answer := s.Do(t, s.Admin, "POST", path, body)
		if status == http.StatusInsufficientStorage {
			require.Contains(t, string(answer), "the disk is read-only")
		}
		return status
	}
	before, payloads := servicetest.Bundle(f.ID, e.ID, 10)
	s.Submit(t, s.Admin, before, payloads)

	unseal := disk.Seal()
	require.Equal(t, http.StatusInsufficientStorage, post("/v1/blobs", large))
	during, payloads := servicetest.Bundle(f.ID, e.ID, 10)
	require.Contains(t, []int{http.StatusAccepted, http.StatusInsufficientStorage},
		post("/v1/bundles", wire.Submit{Bundle: during, Payloads: payloads}))

	unseal()
	require.Equal(t, http.StatusCreated, post("/v1/blobs", large))
	require.Equal(t, http.StatusAccepted, post("/v1/bundles", wire.Submit{Bundle: during, Payloads: payloads}))
	agent.Run(t, 20, []byte("value"))
}

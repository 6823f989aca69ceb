package segments

import (
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/service/store/sqldb"
)

// segment is the file that is written to.
type segment struct {
	number int64
	file   osfs.File
	size   int64 // of what is reserved; under the lock of Segments

	mu      sync.Mutex
	written int // Keeps whose bytes are with the kernel

	syncMu sync.Mutex // held while the file is synced
	synced int        // of these, those that are on disk
	broken error      // a sync failed: a later one would not say what is missing
}

// put writes payloads to their places, and returns when the disk has them.
func (g *segment) put(payloads [][]byte, places []sqldb.Place) error {
	for i, p := range payloads {
		places[i].Sum = crc32.Checksum(p, castagnoli)
		if _, err := g.file.WriteAt(p, places[i].Offset); err != nil {
			return fmt.Errorf("writing payloads: %w", err)
		}
	}
	return g.sync(g.wrote())
}

func (g *segment) wrote() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.written++
	return g.written
}

// sync makes the first so many Keeps durable. Those that come while one is
// under way share the next one.
func (g *segment) sync(want int) error {
	g.syncMu.Lock()
	defer g.syncMu.Unlock()
	if g.synced >= want || g.broken != nil {
		return g.broken
	}
	g.mu.Lock()
	now := g.written
	g.mu.Unlock()
	if err := g.file.Sync(); err != nil {
		g.broken = fmt.Errorf("syncing payloads: %w", err)
		return g.broken
	}
	g.synced = now
	return nil
}

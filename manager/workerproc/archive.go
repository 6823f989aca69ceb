package workerproc

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/yonder-run/yonder/internal/osfs"
)

// WriteArchive puts the worker's zipapp into dir, under a name that says what
// is in it, and returns its path. A file that is there already is left alone.
func WriteArchive(dir string, zipapp []byte) (string, error) {
	sum := sha256.Sum256(zipapp)
	name := filepath.Join(dir, "worker-"+hex.EncodeToString(sum[:8])+".pyz")
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	if err := osfs.Replace(osfs.OS{}, name, zipapp); err != nil {
		return "", fmt.Errorf("writing the worker: %w", err)
	}
	return name, nil
}

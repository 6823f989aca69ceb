package workerproc

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteArchive puts the worker's zipapp into dir, under a name that says what
// is in it, and returns its path. A file that is there already is left alone.
func WriteArchive(dir string, zipapp []byte) (string, error) {
	sum := sha256.Sum256(zipapp)
	name := filepath.Join(dir, "worker-"+hex.EncodeToString(sum[:8])+".pyz")
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	file, err := os.CreateTemp(dir, ".worker-*") // 0600
	if err != nil {
		return "", fmt.Errorf("writing the worker: %w", err)
	}
	_, err = file.Write(zipapp)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return "", fmt.Errorf("writing the worker: %w", err)
	}
	return name, nil
}

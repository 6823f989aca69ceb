package workerproc

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// takeFiles moves results out of reach of the worker.
func (w *worker) takeFiles(files map[int]string) (map[int]File, error) {
	taken := make(map[int]File, len(files))
	for i, name := range files {
		info, err := os.Lstat(name)
		if err != nil || filepath.Dir(name) != w.fork.Dir || !info.Mode().IsRegular() {
			return nil, yonder.Errorf(yonder.CodeMalformedFrame, "%s is not a file of the worker's directory", name)
		}
		path := filepath.Join(resultsDir(w.zygote.host.dir), w.id+"-"+filepath.Base(name))
		if err := os.Rename(name, path); err != nil {
			return nil, yonder.Errorf(yonder.CodeInternal, "taking a result: %w", err)
		}
		blob, err := describe(path)
		if err != nil {
			return nil, err
		}
		taken[i] = File{Path: path, Blob: blob}
	}
	return taken, nil
}

// describe measures a file, here where only its own worker waits for that.
func describe(path string) (wire.Blob, error) {
	file, err := os.Open(path)
	if err != nil {
		return wire.Blob{}, yonder.Errorf(yonder.CodeInternal, "reading a result: %w", err)
	}
	defer file.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, file)
	if err != nil {
		return wire.Blob{}, yonder.Errorf(yonder.CodeInternal, "reading a result: %w", err)
	}
	return wire.Blob{Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

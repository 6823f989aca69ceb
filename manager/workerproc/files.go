package workerproc

import (
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
		taken[i] = File{Path: path, Blob: wire.Blob{Size: info.Size()}}
	}
	return taken, nil
}

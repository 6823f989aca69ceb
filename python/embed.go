// Package python embeds the Python package, so that an endpoint brings the
// worker's side along and a node needs nothing but an interpreter.
package python

import (
	"archive/zip"
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed src/yonder/*.py src/yonder/*/*.py
var source embed.FS

// entry is the zipapp's __main__.
const entry = "import sys\nfrom yonder.worker.__main__ import main\nsys.exit(main(sys.argv[1:]))\n"

// Zipapp returns the worker's side of the package as an archive that an
// interpreter runs. The same sources give the same bytes.
func Zipapp() ([]byte, error) {
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	if err := add(archive, "__main__.py", []byte(entry)); err != nil {
		return nil, err
	}
	err := fs.WalkDir(source, "src", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".py" || strings.HasPrefix(name, "src/yonder/client/") {
			return err
		}
		data, err := source.ReadFile(name)
		if err != nil {
			return fmt.Errorf("reading embedded %s: %w", name, err)
		}
		return add(archive, strings.TrimPrefix(name, "src/"), data)
	})
	if err != nil {
		return nil, fmt.Errorf("packing the worker: %w", err)
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("packing the worker: %w", err)
	}
	return buffer.Bytes(), nil
}

// add writes a file without a time, which would make each archive another.
func add(archive *zip.Writer, name string, data []byte) error {
	w, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		return fmt.Errorf("packing %s: %w", name, err)
	}
	return nil
}

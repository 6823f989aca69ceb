package workerproc

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// entry is what Python runs of an archive.
const entry = `import sys

from yonder.worker.zygote import main

sys.exit(main(sys.argv[1:]))
`

// WriteArchive writes the Python package yonder of the source as a zipapp
// into dir and returns its path. The same source gives the same bytes under
// the same name, and a file that is there already is left alone.
func WriteArchive(dir string, source fs.FS) (string, error) {
	data, err := archive(source)
	if err != nil {
		return "", fmt.Errorf("packing the worker: %w", err)
	}
	sum := sha256.Sum256(data)
	name := filepath.Join(dir, "worker-"+hex.EncodeToString(sum[:8])+".pyz")
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	file, err := os.CreateTemp(dir, ".worker-*") // 0600
	if err != nil {
		return "", fmt.Errorf("writing the worker: %w", err)
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return "", fmt.Errorf("writing the worker: %w", err)
	}
	return name, nil
}

func archive(source fs.FS) ([]byte, error) {
	var buffer bytes.Buffer
	out := zip.NewWriter(&buffer)
	if err := add(out, "__main__.py", []byte(entry)); err != nil {
		return nil, err
	}
	// WalkDir goes in lexical order, and nothing else of a file but its name
	// and contents is kept.
	err := fs.WalkDir(source, "yonder", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || path.Ext(name) != ".py" || strings.Contains(name, "/client/") {
			return nil
		}
		data, err := fs.ReadFile(source, name)
		if err != nil {
			return err //nolint:wrapcheck // names the file
		}
		return add(out, name, data)
	})
	if err := errors.Join(err, out.Close()); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

func add(out *zip.Writer, name string, data []byte) error {
	w, err := out.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		return fmt.Errorf("adding %s: %w", name, err)
	}
	return nil
}

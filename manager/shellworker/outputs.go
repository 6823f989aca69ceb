package shellworker

import (
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire/shell"
)

// collect reads the files of a directory that fit the patterns. Links that
// lead out of it, and what is no file, are left alone.
func collect(program *shell.Program, dir string, patterns []string) ([]shell.File, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, yonder.Errorf(yonder.CodeInternal, "opening the working directory: %w", err)
	}
	defer root.Close()
	names, err := match(root.FS(), patterns)
	if err != nil {
		return nil, err
	}
	if len(names) > program.OutputFiles {
		return nil, yonder.FieldErrorf(yonder.CodeTooLarge, "outputs",
			"%d files fit the patterns, and the function returns at most %d: raise output_files or pack them into one",
			len(names), program.OutputFiles)
	}
	left := program.OutputBytes
	files := make([]shell.File, 0, len(names))
	for _, name := range names {
		data, err := read(root, name, left)
		if err != nil {
			return nil, err
		}
		if left -= int64(len(data)); left < 0 {
			return nil, yonder.FieldErrorf(yonder.CodeTooLarge, "outputs",
				"the output files have more than the %d bytes that the function returns: raise output_bytes, "+
					"or leave large files where they are and return their path", program.OutputBytes)
		}
		files = append(files, shell.File{Name: name, Size: int64(len(data)), Data: data})
	}
	return files, nil
}

// match lists regular files, each once, by name.
func match(dir fs.FS, patterns []string) ([]string, error) {
	found := map[string]bool{}
	for _, pattern := range patterns {
		err := doublestar.GlobWalk(dir, pattern, func(name string, _ fs.DirEntry) error {
			if info, err := fs.Stat(dir, name); err == nil && info.Mode().IsRegular() {
				found[name] = true
			}
			return nil
		})
		if err != nil {
			return nil, yonder.FieldErrorf(yonder.CodeInvalidArguments, "outputs", "%q is not a pattern of files: %w", pattern, err)
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// read returns at most one byte more than there is room for.
func read(root *os.Root, name string, room int64) ([]byte, error) {
	file, err := root.Open(name)
	if err != nil {
		return nil, yonder.Errorf(yonder.CodeInternal, "opening an output file: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, room+1))
	if err != nil {
		return nil, yonder.Errorf(yonder.CodeInternal, "reading the output file %s: %w", name, err)
	}
	return data, nil
}

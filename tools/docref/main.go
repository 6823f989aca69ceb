// Command docref writes the reference pages that follow from the code: the
// command line, the REST API, the configuration files and the metrics.
package main

//go:generate go run . ../.. ../../docs/reference/gen

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: docref REPOSITORY FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "docref:", err)
		os.Exit(1)
	}
}

// run writes all pages into the folder, which holds nothing else.
func run(repository, folder string) error {
	pages := map[string][]byte{}
	for _, add := range []func(repository string, pages map[string][]byte) error{
		commandLine, restAPI, configuration, figures,
	} {
		if err := add(repository, pages); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("emptying the folder: %w", err)
	}
	for name, text := range pages {
		if err := write(filepath.Join(folder, name), text); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // documents are for everybody
		return fmt.Errorf("making a folder: %w", err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // documents are for everybody
		return fmt.Errorf("writing a page: %w", err)
	}
	return nil
}

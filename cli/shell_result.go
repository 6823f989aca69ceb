package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/wire"
	"github.com/yonder-run/yonder/wire/shell"
)

// shellResult reads the value of a shell function's task.
func shellResult(r wire.Result) (shell.Result, bool) {
	var s shell.Result
	raw, ok := r.Value.(json.RawMessage)
	return s, ok && r.Outcome == wire.OutcomeOK && json.Unmarshal(raw, &s) == nil && s.Kind == shell.ResultKind
}

// showShell prints what a command wrote where it would have written it. A
// return code that is no success is the command's failure here.
func (a *app) showShell(r wire.Result, s shell.Result) error {
	err := saveFiles(a.files, s.Files)
	if a.JSON {
		err = errors.Join(a.Show(r, nil), err)
	} else {
		a.noteOmitted("output", s.StdoutOmitted)
		a.Printf("%s", s.Stdout) // as it is, for pipes
		a.noteOmitted("errors", s.StderrOmitted)
		a.Notef("%s", kit.Printable(s.Stderr))
		a.noteFiles(s)
	}
	if err == nil && !s.Success {
		err = yonder.Errorf(yonder.CodeFunctionFailed, "the command ended with return code %d", s.ReturnCode)
	}
	return err
}

func (a *app) noteOmitted(what string, bytes int64) {
	if bytes > 0 {
		a.Notef("(the first %d bytes of its %s were left out)\n", bytes, what)
	}
}

func (a *app) noteFiles(s shell.Result) {
	for _, file := range s.Files {
		where := "; --files DIRECTORY saves it"
		if a.files != "" {
			where = " saved in " + a.files
		}
		a.Notef("file %s, %d bytes%s\n", kit.Short(file.Name), file.Size, where)
	}
	if s.Dir != "" {
		a.Notef("its working directory was kept: %s\n", kit.Short(s.Dir))
	}
}

// saveFiles writes output files below a directory, and nowhere else.
func saveFiles(dir string, files []shell.File) error {
	if dir == "" || len(files) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("saving files: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("saving files: %w", err)
	}
	defer root.Close()
	for _, file := range files {
		name := filepath.FromSlash(file.Name)
		err := root.MkdirAll(filepath.FromSlash(path.Dir(file.Name)), 0o750)
		if err == nil {
			err = root.WriteFile(name, file.Data, 0o640)
		}
		if err != nil {
			return yonder.Errorf(yonder.CodeStorageFull, "saving the file %s: %w", kit.Short(file.Name), err)
		}
	}
	return nil
}

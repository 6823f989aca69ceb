package pgtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// elsewhere is where packagers keep the server's programs off PATH.
var elsewhere = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
}

// findBinaries returns the directory with initdb and postgres, or nothing.
var findBinaries = sync.OnceValue(func() string {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		// Distributions link single programs onto PATH; the others lie beside the real one.
		if target, err := filepath.EvalSymlinks(initdb); err == nil && complete(filepath.Dir(target)) {
			return filepath.Dir(target)
		}
	}
	var found []string
	for _, pattern := range elsewhere {
		dirs, _ := filepath.Glob(pattern) // fails only on a malformed pattern
		found = append(found, dirs...)
	}
	return newest(slices.DeleteFunc(found, func(dir string) bool { return !complete(dir) }))
})

func complete(dir string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(filepath.Join(dir, program)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

// newest picks by the number in the path, since "9" sorts after "15" as text.
func newest(dirs []string) string {
	if len(dirs) == 0 {
		return ""
	}
	return slices.MaxFunc(dirs, func(a, b string) int { return version(a) - version(b) })
}

func version(dir string) int {
	digits := strings.FieldsFunc(dir, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(digits[0])
	return n
}

package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	usage "github.com/shirou/gopsutil/v4/disk"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/internal/version"
)

func program(_ context.Context, x *examination) Finding {
	return fine("%s, at %s", version.String(), x.Program)
}

// directory finds out whether Yonder's directory is there, this user's alone,
// and can be written.
func directory(_ context.Context, x *examination) Finding {
	dir := string(x.Home)
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fine("%s is not there yet: \"yonder up\" or \"yonder login\" makes it", dir)
	}
	if err != nil {
		return failed(yonder.CodeInvalidConfig, "make it readable, or choose another directory with --dir or YONDER_HOME", "%v", err)
	}
	if err := home.Usable(dir); err != nil {
		return failure(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return warning("chmod 700 "+dir, "others on this machine can look into %s, which has mode %04o", dir, info.Mode().Perm())
	}
	return fine("%s can be written, by this user only", dir)
}

// Room on a disk below which a person is warned, and below which nothing goes
// on for long, in bytes.
const (
	littleRoom = 1 << 30
	noRoom     = 64 << 20
)

func disk(ctx context.Context, x *examination) Finding {
	return space(ctx, existing(string(x.Home)))
}

// existing is the directory, or the nearest above it that there is.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		above := filepath.Dir(dir)
		if above == dir {
			return dir
		}
		dir = above
	}
}

func space(ctx context.Context, dir string) Finding {
	disk, err := usage.UsageWithContext(ctx, dir)
	if err != nil {
		return warning("", "how much room there is at %s cannot be found out: %v", dir, err)
	}
	next := "make room, or choose another disk with --dir or YONDER_HOME"
	switch {
	case disk.Free < noRoom:
		return failed(yonder.CodeStorageFull, next, "the disk of %s has %s left of %s", dir, bytes(disk.Free), bytes(disk.Total))
	case disk.Free < littleRoom:
		return warning(next, "the disk of %s has only %s left of %s", dir, bytes(disk.Free), bytes(disk.Total))
	}
	return fine("the disk of %s has %s left of %s", dir, bytes(disk.Free), bytes(disk.Total))
}

func bytes(n uint64) string {
	const gib, mib = 1 << 30, 1 << 20
	if n >= gib {
		return fmt.Sprintf("%.1f GiB", float64(n)/gib)
	}
	return fmt.Sprintf("%d MiB", n/mib)
}

// pythonPatience is how long an interpreter may take to say its version.
const pythonPatience = 20 * time.Second

// ask makes an interpreter say its version, and that of the package if it has it.
const ask = `import sys
print("%d.%d" % sys.version_info[:2])
print(sys.executable)
try:
    import yonder
    print(yonder.__version__)
except ImportError:
    print("")`

// python looks at the interpreter that functions would be submitted from. One
// can do without, from the command line.
func python(ctx context.Context, x *examination) Finding {
	ctx, cancel := context.WithTimeout(ctx, pythonPatience)
	defer cancel()
	out, err := exec.CommandContext(ctx, x.Python, "-c", ask).Output()
	lines := strings.Split(string(out), "\n")
	if err != nil || len(lines) < 3 {
		return warning("to submit from Python, install 3.9 or newer, or name it with --python or YONDER_PYTHON", "%s cannot be run", x.Python)
	}
	x.minor = lines[0]
	if lines[2] == "" {
		return warning("to submit from Python, install Yonder's package for it, or name another one with --python or YONDER_PYTHON",
			"Python %s at %s does not have the package yonder", x.minor, lines[1])
	}
	return fine("Python %s at %s, with yonder %s", x.minor, lines[1], lines[2])
}

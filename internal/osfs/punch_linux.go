package osfs

import (
	"os"
	"syscall"
)

// keepSizePunchHole is FALLOC_FL_KEEP_SIZE with FALLOC_FL_PUNCH_HOLE.
const keepSizePunchHole = 1 | 2

func punch(file *os.File, offset, size int64) {
	_ = syscall.Fallocate(int(file.Fd()), keepSizePunchHole, offset, size)
}

func allocated(info os.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512
	}
	return info.Size()
}

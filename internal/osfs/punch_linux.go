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

func scarce(dir string, bytes int64) bool {
	var s syscall.Statfs_t
	return syscall.Statfs(dir, &s) == nil && s.Bavail < s.Blocks/10 && s.Bavail < uint64(bytes)/uint64(s.Bsize)
}

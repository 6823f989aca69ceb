package osfs

import "syscall"

// writeOnly is SYNC_FILE_RANGE_WRITE: begin to write, wait for nothing.
const writeOnly = 2

func writeback(file File, offset, size int64) {
	if f, open := file.(interface{ Fd() uintptr }); open {
		_ = syscall.SyncFileRange(int(f.Fd()), offset, size, writeOnly)
	}
}

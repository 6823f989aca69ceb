package osfs

import (
	"errors"
	"syscall"
)

// Refused says whether a disk takes nothing at all for now, and why in words
// for people: it is full, over a quota, or read-only. A caller goes on when
// somebody has mended that.
func Refused(err error) (why string, refused bool) {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "the disk is full: free some space", true
	case errors.Is(err, syscall.EDQUOT):
		return "the quota of this user is used up: free some space", true
	case errors.Is(err, syscall.EROFS):
		return "the disk is read-only: mount it for writing", true
	}
	return "", false
}

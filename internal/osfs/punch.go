package osfs

import "os"

// Punch gives the space of a part of a file back, which reads as zeros from
// then on, where the system and the file system can. Whole blocks go: a part
// that begins and ends with one leaves nothing.
func Punch(file *os.File, offset, size int64) { punch(file, offset, size) }

// Allocated is the space that a file takes, without what was punched out of it.
func Allocated(info os.FileInfo) int64 { return allocated(info) }

// Scarce says whether the disk that has the directory has fewer bytes left, and
// less than a tenth of all; where that cannot be found out, it has not.
func Scarce(dir string, bytes int64) bool { return scarce(dir, bytes) }

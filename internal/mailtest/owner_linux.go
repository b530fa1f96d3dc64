package mailtest

import (
	"io/fs"
	"os"
	"syscall"
)

// ownerOf is who a file belongs to.
func ownerOf(info fs.FileInfo) (uid, gid int) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid), int(s.Gid)
	}
	return os.Getuid(), os.Getgid()
}

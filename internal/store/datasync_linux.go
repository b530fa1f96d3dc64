package store

import (
	"errors"
	"os"
	"syscall"
)

// datasync makes the octets of a file durable, and of what is known about it
// only as much as is needed to find them.
func datasync(f *os.File) error {
	conn, err := f.SyscallConn() // so that nobody can close it meanwhile
	if err != nil {
		return err
	}
	var synced error
	err = conn.Control(func(fd uintptr) {
		for {
			if synced = syscall.Fdatasync(int(fd)); synced != syscall.EINTR {
				return
			}
		}
	})
	return errors.Join(err, synced)
}

package store

import (
	"os"
	"syscall"
)

// datasync makes the octets of a file durable, and of what is known about it
// only as much as is needed to find them.
func datasync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err != syscall.EINTR {
			return err
		}
	}
}

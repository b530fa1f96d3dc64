package mailtest

import "syscall"

// ownSession starts a process as the leader of a session and a process group,
// so that all of it can be ended. If the test itself is killed, it ends too.
func ownSession() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
}

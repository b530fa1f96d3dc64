package admin

import (
	"net"
	"os/user"
	"strconv"
)

// PeerUser returns a function that names the user at the other end of a unix
// connection, as the kernel knows it: the name lookup gives for the user id,
// else "uid 1000". A connection of another kind is "local".
func PeerUser(lookup func(uid string) (*user.User, error)) func(net.Conn) string {
	return func(conn net.Conn) string {
		unix, ok := conn.(*net.UnixConn)
		if !ok {
			return "local"
		}
		uid, err := peerUID(unix)
		if err != nil {
			return "unknown"
		}
		id := strconv.FormatUint(uint64(uid), 10)
		if u, err := lookup(id); err == nil && u.Username != "" {
			return u.Username
		}
		return "uid " + id
	}
}

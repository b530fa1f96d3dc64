package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

const socketName = "control.sock"

// maxSocketPath bounds the path of the socket, in octets: the systems take
// between 104 and 108 with the closing zero (unix(7), sun_path).
const maxSocketPath = 100

// SocketPath is where the control socket of a state directory lies. A path
// the system would not take is an error that says what to do.
func SocketPath(dir string) (string, error) {
	path := filepath.Join(dir, socketName)
	if len(path) > maxSocketPath {
		return "", fmt.Errorf("the path of the control socket, %s, is %d octets long, and sockets take %d: choose a shorter [state] dir",
			path, len(path), maxSocketPath)
	}
	return path, nil
}

// Listen makes the control socket of a state directory, for its owner alone.
// The caller holds the directory's lock, so a socket that lies there is one a
// crash has left: it is replaced.
func Listen(dir string) (net.Listener, error) {
	path, err := SocketPath(dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("looking for an old control socket: %w", err)
	case info.Mode()&fs.ModeSocket == 0:
		return nil, fmt.Errorf("making the control socket: %s is there and is no socket; move it away", path)
	default:
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("removing an old control socket: %w", err)
		}
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("making the control socket: %w", err)
	}
	// Until here the directory's own mode, 0700, keeps others out.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("closing the control socket to others: %w", err), ln.Close())
	}
	return ln, nil
}

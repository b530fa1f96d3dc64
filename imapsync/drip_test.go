package imapsync_test

import (
	"bytes"
	"net"
	"testing"
	"time"

	"postroom/internal/mailtest/servers"
)

// dripping lets what stands behind a text come octet by octet, never silent
// for long, and never done.
type dripping struct {
	net.Conn
	text []byte
	slow bool
}

func (c *dripping) Read(b []byte) (int, error) {
	if c.slow {
		<-time.After(20 * time.Second)
		return c.Conn.Read(b[:1])
	}
	n, err := c.Conn.Read(b)
	c.slow = bytes.Contains(b[:n], c.text)
	return n, err
}

// TestDrip: a literal that goes on for ever is given up, those behind it come
// in, and it reaches a person as a stub in the end.
func TestDrip(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.wrap = func(c net.Conn) net.Conn { return &dripping{Conn: c, text: []byte(deadly)} }
		r.add(nil, 1)
		long := append(append(raw(2), deadly+"\r\n"...), bytes.Repeat([]byte("more of it\r\n"), 20_000)...)
		r.addRaw(long, nil, time.Time{})
		r.add(nil, 3, 4)
		stop := r.run()
		defer stop()
		r.untilMails(3, 15*time.Minute)
		r.untilMails(4, time.Hour)
		m := r.mails("INBOX")[3]
		if m.UID.UID != 2 || m.Cut == "" || !bytes.Contains(r.read(m), []byte("Subject: question 2")) || m.FullSize != int64(len(long)) {
			t.Errorf("%s of %d octets, cut %q: %q", m.UID, m.FullSize, m.Cut, r.read(m))
		}
	})
}

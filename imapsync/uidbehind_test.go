package imapsync_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postroom/imapsync"
	"postroom/internal/mailtest/servers"
)

// behind puts the UID of each answer to FETCH behind everything else.
func behind(cmd, _ string, untagged []string, tagged string) ([]string, string, bool) {
	for i, line := range untagged {
		head, rest, _ := strings.Cut(line, "(UID ")
		uid, rest, more := strings.Cut(strings.TrimSuffix(rest, ")"), " ")
		if cmd == "FETCH" && more {
			untagged[i] = fmt.Sprintf("%s(%s UID %s)", head, rest, uid)
		}
	}
	return untagged, tagged, false
}

// A server may name a message's UID behind its octets.
func TestUIDBehind(t *testing.T) {
	for _, start := range []imapsync.Start{{All: true}, {}} {
		t.Run(fmt.Sprint("all ", start.All), func(t *testing.T) {
			bubble(t, servers.Options{}, func(r *rig) {
				r.cfg.Start = start
				l := newLiar(r)
				l.uids, l.twist = []uint32{3, 4, 7, 9}, behind
				if !start.All { // what is there is history: it lies below UIDNEXT
					l.uids = []uint32{1, 3, 4}
				}
				if err := r.syncer().CatchUp(r.t.Context()); err != nil {
					t.Fatal(err)
				}
				var got []uint32
				for _, m := range r.mails("INBOX") {
					if octets := r.read(m); string(octets) != string(raw(int(m.UID.UID))) || m.Cut != "" {
						t.Errorf("uid %d: cut %q, octets %q", m.UID.UID, m.Cut, octets)
					}
					got = append(got, m.UID.UID)
				}
				for _, h := range r.histories("INBOX") {
					for _, m := range h.Mails {
						if !strings.Contains(string(m.Header), fmt.Sprintf("<m%d@", m.UID)) {
							t.Errorf("uid %d: %q", m.UID, m.Header)
						}
						got = append([]uint32{m.UID}, got...)
					}
				}
				if fmt.Sprint(got) != fmt.Sprint(l.uids) {
					t.Errorf("got %v, want %v", got, l.uids)
				}
			})
		})
	}
}

// A number that comes to mean another message, against the rules, puts no
// mail under the wrong UID.
func TestUIDBehindRenumbered(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		l := newLiar(r)
		l.uids = []uint32{3, 4, 7, 9}
		lied := false
		l.twist = func(cmd, args string, u []string, tagged string) ([]string, string, bool) {
			if cmd == "FETCH" && strings.HasPrefix(args, "3,4,7,9 ") && strings.Contains(args, "BODY.PEEK[]") && !lied {
				lied = true
				for i, uid := range []uint32{4, 7, 9, 3} {
					u[i] = strings.Replace(l.fetch(uid, args), fmt.Sprintf("* %d ", []int{2, 3, 4, 1}[i]), fmt.Sprintf("* %d ", i+1), 1)
				}
			}
			return behind(cmd, args, u, tagged)
		}
		stop := r.run()
		r.untilMails(4, 100*time.Second)
		stop()
		if !lied {
			t.Fatal("the server did not lie")
		}
		for _, m := range r.mails("INBOX") {
			if octets := r.read(m); string(octets) != string(raw(int(m.UID.UID))) {
				t.Errorf("uid %d: %q", m.UID.UID, octets)
			}
		}
	})
}

package imapsync_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

type twist = func(cmd, args string, untagged []string, tagged string) ([]string, string, bool)

// about changes the lines about one UID in the answers to a command.
func about(cmd string, uid uint32, change func(line, args string) []string) twist {
	mark := fmt.Sprintf("(UID %d ", uid)
	return func(c, args string, u []string, t string) ([]string, string, bool) {
		if c != cmd {
			return u, t, false
		}
		var out []string
		for _, line := range u {
			if strings.Contains(line, mark) {
				out = append(out, change(line, args)...)
			} else {
				out = append(out, line)
			}
		}
		return out, t, false
	}
}

// replaced changes a text in the line about UID 2.
func replaced(from, to string) twist {
	return about("FETCH", 2, func(line, _ string) []string { return []string{strings.Replace(line, from, to, 1)} })
}

// TestLies: whatever the server says, each mail comes in once, whole where its
// octets are to be had, else with the reason, and those beside it are whole.
func TestLies(t *testing.T) {
	once, twice := 0, 0
	tests := []struct {
		name   string
		twist  twist
		cut    string        // part of why UID 2 is not whole; "" for whole
		within time.Duration // until all is in
	}{
		{"flags of others in between", func(c, args string, u []string, t string) ([]string, string, bool) {
			if strings.Contains(args, "BODY.PEEK[]") {
				if twice++; twice > 2 {
					return u, t, false
				}
			}
			return slices.Concat([]string{`* 2 FETCH (UID 2 FLAGS (\Seen))`, `* 3 FETCH (FLAGS ($Label))`}, u, []string{`* 1 FETCH (UID 1 FLAGS (\Recent))`}), t, false
		}, "", time.Minute},
		{"each message twice", func(c, _ string, u []string, t string) ([]string, string, bool) {
			if c == "FETCH" {
				u = append(u, u...)
			}
			return u, t, false
		}, "", time.Minute},
		{"messages backwards", func(c, _ string, u []string, t string) ([]string, string, bool) {
			if c == "FETCH" {
				slices.Reverse(u)
			}
			return u, t, false
		}, "", time.Minute},
		{"UIDs out of order and repeated", func(c, _ string, u []string, t string) ([]string, string, bool) {
			if c == "SEARCH" && strings.Contains(u[0], "1,2,3,4") {
				u = []string{`* ESEARCH (TAG "x") UID ALL 4,2:3,1:4,3,1`}
			}
			return u, t, false
		}, "", time.Minute},
		{"a SEARCH in the old form", func(c, _ string, u []string, t string) ([]string, string, bool) {
			if c == "SEARCH" && strings.Contains(u[0], "1,2,3,4") {
				u = []string{"* SEARCH 4 3 2 1 1"}
			}
			return u, t, false
		}, "", time.Minute},
		{"a number of messages that jumps", func(c, _ string, u []string, t string) ([]string, string, bool) {
			if c == "FETCH" || c == "NOOP" {
				u = append([]string{"* 4294967295 EXISTS", "* 0 EXISTS", "* 1 EXPUNGE", "* 1 EXPUNGE", "* 7 RECENT"}, u...)
			}
			return u, t, false
		}, "", time.Minute},
		{"a flood of what nobody asked for", func(c, args string, u []string, t string) ([]string, string, bool) {
			if c == "FETCH" || c == "SEARCH" {
				u = append(slices.Repeat([]string{"* 4 EXISTS", `* 2 FETCH (FLAGS (\Recent))`, "* OK still here", "* LIST () \"/\" nothing"}, 2500), u...)
			}
			return u, t, false
		}, "", time.Minute},
		{"BYE in the middle", func(c, args string, u []string, t string) ([]string, string, bool) {
			if c == "FETCH" && strings.Contains(args, "BODY.PEEK[]") && once == 0 {
				once++
				return []string{u[0], "* BYE out of order"}, "", true
			}
			return u, t, false
		}, "", time.Minute},
		{"a date of nonsense", replaced(`" 2-Nov-2026 10:00:00 +0000"`, `"32-Foo-2026 99:00:00 +0000"`), "", 10 * time.Minute},
		{"no date", replaced(`" 2-Nov-2026 10:00:00 +0000"`, `NIL`), "", 10 * time.Minute},
		{"a keyword with a bracket", replaced(`FLAGS ()`, `FLAGS (a]b)`), "", 10 * time.Minute},
		{"no size", replaced(fmt.Sprintf("RFC822.SIZE %d", len(raw(2))), "RFC822.SIZE NIL"), "", 10 * time.Minute},
		{"a size too small", replaced(fmt.Sprintf("RFC822.SIZE %d", len(raw(2))), "RFC822.SIZE 3"), "", time.Minute},
		{"a size beyond all bounds", replaced(fmt.Sprintf("RFC822.SIZE %d", len(raw(2))), "RFC822.SIZE 9223372036854775807"), "more than the limit", time.Minute},
		{"a body of NIL", replaced(fmt.Sprintf("BODY[] {%d}\r\n%s", len(raw(2)), raw(2)), "BODY[] NIL"), "does not deliver", time.Hour},
		{"an empty body", replaced(fmt.Sprintf("BODY[] {%d}\r\n%s", len(raw(2)), raw(2)), `BODY[] ""`), "does not deliver", time.Hour},
		{"a body in quotes", replaced(fmt.Sprintf("BODY[] {%d}\r\n%s", len(raw(2)), raw(2)), `BODY[] "short"`), "", time.Minute},
		{"a body left out", func(c, args string, u []string, t string) ([]string, string, bool) {
			if c == "FETCH" && strings.Contains(args, "BODY.PEEK[]") {
				u = slices.DeleteFunc(u, func(l string) bool { return strings.Contains(l, "(UID 2 ") })
			}
			return u, t, false
		}, "does not deliver", time.Hour},
		{"a body refused", func(c, args string, u []string, t string) ([]string, string, bool) {
			if c == "FETCH" && strings.Contains(args, "BODY.PEEK[]") && slices.ContainsFunc(u, func(l string) bool { return strings.Contains(l, "(UID 2 ") }) {
				return nil, "NO [SERVERBUG] it is corrupt", false
			}
			return u, t, false
		}, "it is corrupt", time.Hour},
		{"a body longer than all bounds", replaced(fmt.Sprintf("BODY[] {%d}", len(raw(2))), "BODY[] {9000000000000000000}"), "more than the limit", 10 * time.Minute},
		{"a body that ends early", func(c, args string, u []string, t string) ([]string, string, bool) {
			for i, l := range u {
				if c == "FETCH" && strings.Contains(args, "BODY.PEEK[]") && strings.Contains(l, "(UID 2 ") {
					return append(u[:i:i], l[:len(l)/2]), "", true
				}
			}
			return u, t, false
		}, "ended inside a message", time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, servers.Options{}, func(r *rig) {
				newLiar(r).twist = tt.twist
				for n := 1; n <= 4; n++ {
					r.sent[uint32(n)] = raw(n)
				}
				if tt.name == "a body in quotes" {
					r.sent[2] = []byte("short")
				}
				stop := r.run()
				r.untilMails(4, tt.within)
				r.pass(10 * time.Minute)
				stop()
				for _, m := range r.mails("INBOX") {
					got := r.read(m)
					if tt.cut == "" || m.UID.UID != 2 {
						if m.Cut != "" || !bytes.Equal(got, r.sent[m.UID.UID]) {
							t.Errorf("%s: %d octets, cut %q", m.UID, len(got), m.Cut)
						}
					} else if !strings.Contains(m.Cut, tt.cut) || !bytes.Contains(got, []byte("Subject: question 2")) || bytes.Contains(got, []byte("text of the mail")) {
						t.Errorf("cut %q, want %q; %q", m.Cut, tt.cut, got)
					}
				}
				if n := len(r.mails("INBOX")); n != 4 {
					t.Errorf("%d mails", n)
				}
				if cur := r.cursor("INBOX"); cur.Next != 5 {
					t.Errorf("the cursor stands at %d", cur.Next)
				}
			})
		})
	}
}

// A UID that is listed and not there is recorded as gone, and one that no
// other can follow is left alone.
func TestUIDsThatAreNot(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		l := newLiar(r)
		l.twist = func(c, args string, u []string, t string) ([]string, string, bool) {
			if c == "SEARCH" && strings.Contains(args, ":*") {
				u = []string{`* ESEARCH (TAG "x") UID ALL 1:4,9,4294967295`}
			}
			return u, t, false
		}
		stop := r.run()
		defer stop()
		r.untilMails(4, time.Minute)
		r.pass(10 * time.Minute)
		var gone []uint32
		for _, rec := range r.inbox() {
			if rec.Gone != nil {
				gone = append(gone, rec.Gone.UID.UID)
			}
		}
		if !slices.Equal(gone, []uint32{9}) || r.cursor("INBOX").Next != 10 || len(r.mails("INBOX")) != 4 {
			t.Errorf("gone: %v, the cursor stands at %d, %d mails", gone, r.cursor("INBOX").Next, len(r.mails("INBOX")))
		}
	})
}

// What a server cannot be worked with for is told, and nothing is retried in a
// tight loop.
func TestUnusableServers(t *testing.T) {
	tests := []struct {
		name   string
		change func(l *liar)
		want   string // part of the error
		never  string // what may not be said to it
	}{
		{"no UIDVALIDITY", func(l *liar) { l.validity = "" }, "no UIDVALIDITY", "FETCH"},
		{"UIDVALIDITY 0", func(l *liar) { l.validity = "* OK [UIDVALIDITY 0] none" }, "no UIDVALIDITY", "FETCH"},
		{"no way to log in", func(l *liar) { l.greeting, l.caps = "* OK hello", "IMAP4rev1 LOGINDISABLED" }, "does not offer", "LOGIN"},
		{"BYE at once", func(l *liar) { l.greeting = "* BYE too many" }, "too many", "LOGIN"},
		{"another protocol", func(l *liar) { l.greeting = "220 ESMTP" }, "greeting", "LOGIN"},
		{"the folder is gone", func(l *liar) {
			l.twist = func(c, _ string, u []string, t string) ([]string, string, bool) {
				if c == "SELECT" {
					return nil, "NO [NONEXISTENT] no such mailbox", false
				}
				return u, t, false
			}
		}, "no such mailbox", "FETCH"},
		{"a line without end", func(l *liar) {
			l.twist = func(c, _ string, u []string, t string) ([]string, string, bool) {
				if c == "NOOP" {
					u = []string{"* OK " + strings.Repeat("all is well, and ", 10_000)}
				}
				return u, t, false
			}
		}, "line of more than 65536 octets", "FETCH"},
		{"a greeting without end", func(l *liar) { l.greeting = "* OK " + strings.Repeat("well ", 2<<20) }, "a line has more than 8192 octets", "LOGIN"},
		{"capabilities of ten megabytes", func(l *liar) { l.greeting, l.caps = "* OK hello", "IMAP4rev1 AUTH=PLAIN"+strings.Repeat(" X", 5<<20) }, "a line has more than 8192 octets", "LOGIN"},
		{"tags of others", func(l *liar) {
			l.twist = func(c, _ string, u []string, t string) ([]string, string, bool) {
				if c == "SELECT" {
					return append(u, "ZZZ99 OK done"), "", false
				}
				return u, t, false
			}
		}, "unknown tag", "FETCH"},
		{"a negative literal", func(l *liar) {
			l.twist = func(c, _ string, u []string, t string) ([]string, string, bool) {
				if c == "LIST" || c == "SELECT" {
					u = []string{`* LIST () "/" {-1}` + "\r\nINBOX"}
				}
				return u, t, false
			}
		}, "expected number64", "FETCH"},
		{"a giant literal for a name", func(l *liar) {
			l.twist = func(c, _ string, u []string, t string) ([]string, string, bool) {
				if c == "LIST" || c == "SELECT" {
					u = []string{`* LIST () "/" {4294967295}` + "\r\n" + strings.Repeat("INBOX", 1<<20)}
				}
				return u, t, false
			}
		}, "the server was silent for 30s", "FETCH"},
		{"a UID of zero", func(l *liar) {
			l.twist = func(c, _ string, u []string, t string) ([]string, string, bool) {
				if c == "SEARCH" {
					u = []string{`* ESEARCH (TAG "x") UID ALL 0,1:4`}
				}
				return u, t, false
			}
		}, "bad number set value \"0\"", "FETCH"},
		{"a UID beyond all numbers", func(l *liar) {
			l.twist = func(c, _ string, u []string, t string) ([]string, string, bool) {
				if c == "SEARCH" {
					u = []string{`* ESEARCH (TAG "x") UID ALL 1:99999999999999999999`}
				}
				return u, t, false
			}
		}, "bad number set value", "FETCH"},
		{"a listing of the whole numbers", func(l *liar) {
			l.twist = func(c, _ string, u []string, t string) ([]string, string, bool) {
				if c == "SEARCH" {
					u = []string{`* ESEARCH (TAG "x") UID ALL 1:4294967295`}
				}
				return u, t, false
			}
		}, "lists more than", "FETCH"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, servers.Options{}, func(r *rig) {
				r.cfg.MaxLine = 64 << 10
				l := newLiar(r)
				tt.change(l)
				stop := r.run()
				r.pass(time.Hour)
				stop()
				if !slices.ContainsFunc(r.obs.errs(), func(err error) bool { return strings.Contains(err.Error(), tt.want) }) {
					t.Errorf("told: %v", r.obs.errs())
				}
				if l.saw(tt.never) {
					t.Errorf("%s was said", tt.never)
				}
				if n := len(r.dialed()); n > 60 {
					t.Errorf("%d connections in an hour", n)
				}
			})
		})
	}
}

// A server that lets us in without a login, and a folder that cannot be
// written to: mail comes in, and what is to be done to it is given up.
func TestReadOnly(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		l := newLiar(r)
		l.greeting, l.readOnly = "* PREAUTH welcome", true
		stop := r.run()
		defer stop()
		r.untilMails(4, time.Minute)
		r.chore(store.ChoreSeen, 1)
		r.untilChoresDone(26 * time.Hour)
		if l.saw("LOGIN") || l.saw("AUTHENTICATE") {
			t.Error("it was logged in to")
		}
		l.uids = append(l.uids, 5)
		r.untilMails(5, 2*time.Minute)
	})
}

package imapsync_test

import (
	"slices"
	"strings"
	"testing"

	"postroom/imapsync"
	"postroom/internal/mailtest/servers"
)

// Where TLS is used if it is offered, whether it is offered is found out on
// the connection that is used; a server that offers it and then does not let
// us is spoken to in plain text.
func TestOffer(t *testing.T) {
	const quiet = "* OK hello"
	tests := map[string]struct {
		greeting, caps string
		asked          bool // STARTTLS is tried
		conns          int  // for both folders
	}{
		"listed without it":       {"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello", "IMAP4rev1 AUTH=PLAIN", false, 2},
		"listed with it":          {"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] hello", "IMAP4rev1 AUTH=PLAIN", true, 4},
		"not listed, without it":  {quiet, "IMAP4rev1 AUTH=PLAIN", false, 2},
		"not listed, with it":     {quiet, "IMAP4rev1 STARTTLS AUTH=PLAIN", true, 4},
		"its name in another one": {"* OK [CAPABILITY IMAP4rev1 XSTARTTLS AUTH=PLAIN] hello", "IMAP4rev1 AUTH=PLAIN", false, 2},
		"its name in the text":    {"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] no STARTTLS here", "IMAP4rev1 AUTH=PLAIN", false, 2},
		"logged in already":       {"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hello", "IMAP4rev1 STARTTLS", false, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, servers.Options{}, func(r *rig) {
				l := newLiar(r)
				l.greeting, l.caps = tt.greeting, tt.caps
				l.twist = func(cmd, _ string, u []string, tagged string) ([]string, string, bool) {
					if cmd == "STARTTLS" {
						return nil, "NO not today", false
					}
					return u, tagged, false
				}
				if err := r.syncer().CatchUp(r.t.Context()); err != nil {
					t.Fatal(err)
				}
				r.untilMails(4, 0)
				if asked := slices.Contains(l.lines, "STARTTLS "); asked != tt.asked {
					t.Errorf("STARTTLS tried: %v", asked)
				}
				if n := len(r.dialed()); n != tt.conns {
					t.Errorf("%d connections, want %d", n, tt.conns)
				}
			})
		})
	}
}

// TestWordsBeforeTLS: somebody in between adds, to the go-ahead for TLS, what
// would then be taken for words of the server said in TLS. Nothing is said to
// such a server any more, a password least of all.
func TestWordsBeforeTLS(t *testing.T) {
	bubble(t, servers.Options{}, func(r *rig) {
		r.cfg.TLS = imapsync.TLSStart
		l := newLiar(r)
		l.greeting = "* OK [CAPABILITY IMAP4rev1 STARTTLS] hello"
		l.twist = func(cmd, _ string, u []string, tagged string) ([]string, string, bool) {
			if cmd == "STARTTLS" {
				tagged = "OK go ahead\r\n* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\nT1 OK logged in"
			}
			return u, tagged, false
		}
		err := r.syncer().CatchUp(r.t.Context())
		if err == nil || !strings.Contains(err.Error(), "plain text behind its answer") {
			t.Errorf("it ended with %v", err)
		}
		if l.saw("LOGIN") || l.saw("AUTHENTICATE") {
			t.Error("it was logged in to")
		}
	})
}

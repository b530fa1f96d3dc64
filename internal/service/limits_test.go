package service

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/store"
)

// TestLimits: mail beyond every bound reaches an engineer, with its subject and
// whom to answer, and what was left out is said; mail beside it is as ever.
func TestLimits(t *testing.T) {
	head := func(subject string) string {
		return "From: Jane Doe <jane@client.example>\r\nTo: support@acme.example\r\nSubject: " + subject +
			"\r\nMessage-ID: <" + strings.ReplaceAll(subject, " ", "-") + "@client.example>\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n"
	}
	parts := head("Many parts") + "Content-Type: multipart/mixed; boundary=x\r\n\r\n" +
		"--x\r\nContent-Type: text/plain\r\n\r\nThis is the text.\r\n" +
		strings.Repeat("--x\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\na\r\n", 100_000) + "--x--\r\n"
	deep := head("Deep") + strings.Repeat("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n", 5000) + "Content-Type: text/plain\r\n\r\nThis is the text.\r\n"
	jane := []string{"Jane Doe"}
	tests := []struct {
		subject string
		raw     string
		says    []string // in the engineer's mail, beside the text
	}{
		{"Long header", head("Long header") + "X-Long: " + strings.Repeat("y", 10<<20) + "\r\n\r\nThis is the text.\r\n", jane},
		{"Many fields", head("Many fields") + strings.Repeat("X-Many: y\r\n", 500_000) + "\r\nThis is the text.\r\n", jane},
		{"Behind all bounds", "X-Long: " + strings.Repeat("y", 10<<20) + "\r\n" + head("Behind all bounds") + "\r\nThis is the text.\r\n", jane},
		{"Behind many fields", strings.Repeat("X-Many: y\r\n", 500_000) + head("Behind many fields") + "\r\nThis is the text.\r\n", jane},
		{"Many parts", parts, jane},
		{"Deep", deep, jane},
		{"Small", head("Small") + "\r\nThis is the text.\r\n", jane},
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		defer b.end()
		b.start()
		b.wait(time.Minute)
		for _, tt := range tests {
			b.append([]byte(tt.raw))
		}
		b.wait(10 * time.Minute)
		var got [][]byte
		for _, who := range people[1:4] {
			list, err := b.world.Messages(who, "INBOX")
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range list {
				got = append(got, m.Raw)
			}
		}
		if len(got) != len(tests) {
			t.Errorf("the engineers have %d mails, want %d", len(got), len(tests))
		}
		for _, tt := range tests {
			i := slices.IndexFunc(got, func(raw []byte) bool { return bytes.Contains(raw, []byte("\r\nSubject: "+tt.subject+"\r\n")) })
			if i < 0 {
				t.Errorf("nobody has %q", tt.subject)
				continue
			}
			for _, want := range append(tt.says, "via Acme Support\"", "Reply-To: support+", "This is the text.") {
				if !bytes.Contains(got[i], []byte(want)) {
					t.Errorf("%q does not say %q: %.3000s", tt.subject, want, got[i])
				}
			}
		}
		b.audited()
		if err := b.svc.Store().View(func(tx *store.Tx) error {
			asides, err := tx.Asides()
			if len(asides) > 0 {
				t.Errorf("set aside: %v", asides[0].Error)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}

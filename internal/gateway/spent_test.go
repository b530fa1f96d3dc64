package gateway

import (
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
)

// TestSpentAddressIsAskedAboutAtOnce: a mail of hers whose reply address counts
// no longer does not wait for the end of the hour, of each conversation once;
// and the hour of what waits goes on.
func TestSpentAddressIsAskedAboutAtOnce(t *testing.T) {
	r, first := waiting(t, nil)
	r.comes(r.inHerName("Nothing shows that it is hers."))
	r.comes(r.inHerName("Nor this."))
	r.comes(r.wrote("Joe <joe@shop.example>", "Lamp", "It flickers."))
	r.comes(r.wrote("Joe <joe@shop.example>", "Door", "It squeaks."))
	second := r.one2(t, store.OutCopy, alice)
	r.sendAll()
	for _, cp := range []sent{first, second} { // others see her reply address
		r.comes(r.reply(cp, alice, "Both of you: use water.", "Cc: mia@studio.example"))
	}
	r.sendAll()
	r.later(30 * time.Minute)
	for _, tt := range []struct {
		cp   sent
		text string
		asks int
	}{{first, "First.", 1}, {first, "Second.", 0}, {second, "Third.", 1}} {
		r.comes(r.reply(tt.cp, alice, tt.text))
		n := r.asked(alice)
		if len(n) != tt.asks || tt.asks == 1 && !strings.Contains(n[0].Mail.Text, tt.text) {
			t.Errorf("%q: asked %d times at once, not %d%s", tt.text, len(n), tt.asks, r.dump())
		}
	}
	r.later(30 * time.Minute)
	n := r.asked(alice)
	if len(n) != 1 || n[0].OutMail.Subject != "Did you write these? 2 mails" {
		t.Fatalf("%d mails at the end of the hour%s", len(n), r.dump())
	}
	for text, stands := range map[string]bool{"Nor this.": true, "Second.": true, "First.": false, "Third.": false} {
		if strings.Contains(n[0].Mail.Text, text) != stands {
			t.Errorf("%q stands there: %v\n%s", text, !stands, n[0].Mail.Text)
		}
	}
}

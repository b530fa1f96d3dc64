package gateway

import (
	"strings"
	"testing"

	"postroom/internal/store"
)

// TestNothingToSend: a mail of a command that could not be done, above a
// quotation of what she was told, has nothing in it for a customer or a
// colleague. Let go, it comes back.
func TestNothingToSend(t *testing.T) {
	for _, word := range []string{"/send", "/note"} {
		t.Run(word, func(t *testing.T) {
			r, cp := waiting(t, nil)
			r.comes(r.reply(cp, alice, "/status"))
			report := r.one(store.OutNotice, alice)
			r.gone()
			r.comes(r.reply(report, alice, "/snooze soon"))
			back := r.one(store.OutNotice, alice)
			r.gone()
			r.comes(r.reply(back, alice, word))
			if r.answers() != 0 || strings.Contains(strings.Join(r.events(1), " "), "note") {
				t.Errorf("a quotation was taken for a text: %v%s", r.events(1), r.dump())
			}
			n := r.one(store.OutNotice, alice)
			if !strings.HasPrefix(n.OutMail.Subject, "Not done: ") || !strings.Contains(n.Mail.Text, `"soon" is no time I can read`) {
				t.Errorf("she is told %q:\n%s", n.OutMail.Subject, n.Mail.Text)
			}
		})
	}
}

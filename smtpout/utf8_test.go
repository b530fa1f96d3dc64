package smtpout

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
)

// TestUTF8Header: where a recipient needs SMTPUTF8 and the relay has it, the
// mail goes in the form whose header is in UTF-8. Where the relay has not, that
// recipient alone fails; and whoever does not need it gets the other form.
func TestUTF8Header(t *testing.T) {
	const juergen = "jürgen@customer.example"
	for _, tt := range []struct {
		name   string
		offers []string
		later  bool // the first recipient is tried again
		want   string
		forms  []string // of the mails that arrived
		mail   []string // what followed the path in MAIL
	}{
		{"without SMTPUTF8", []string{"8BITMIME"}, false, "done: sent failed", []string{"plain"}, []string{""}},
		{"without even 8BITMIME", nil, false, "done: sent failed", []string{"plain"}, []string{""}},
		{"with SMTPUTF8", []string{"8BITMIME", "SMTPUTF8"}, false, "done: sent sent", []string{"utf8"}, []string{" BODY=8BITMIME SMTPUTF8"}},
		{"with SMTPUTF8, the rest later", []string{"8BITMIME", "SMTPUTF8"}, true, "done: sent sent", []string{"utf8", "plain"}, []string{" BODY=8BITMIME SMTPUTF8", ""}},
	} {
		for _, pipelining := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				bubble(t, func(r *rig) {
					r.relay.offers = tt.offers
					if pipelining {
						r.relay.offers = append([]string{"PIPELINING"}, tt.offers...)
					}
					if tt.later {
						once := false
						r.relay.misdeeds = func(stage, arg string) *misdeed {
							if stage != "rcpt" || arg != customer || once {
								return nil
							}
							once = true
							return &misdeed{reply: "451 4.3.0 later"}
						}
					}
					r.render = func(_ context.Context, w io.Writer, m store.OutMail) error {
						form := map[bool]string{true: "utf8", false: "plain"}[m.UTF8Header]
						_, err := io.WriteString(w, "Message-ID: "+m.MessageID+"\r\nX-Form: "+form+"\r\n\r\n")
						return err
					}
				}, func(t *testing.T, r *rig) {
					m := r.mail(customer, juergen)
					m.UTF8Header = true
					r.enqueue(m)
					r.drain()
					if tt.later {
						time.Sleep(2 * time.Minute) // of the bubble's clock
						r.drain()
					}
					r.want(m.ID, tt.want)
					if !r.out(m.ID).UTF8Header {
						t.Error("the record has lost its other form")
					}
					var forms, mail []string
					for _, got := range r.relay.received() {
						_, rest, _ := strings.Cut(got.body, "X-Form: ")
						form, _, _ := strings.Cut(rest, "\r\n")
						forms = append(forms, form)
						if form == "utf8" != slices.Contains(got.to, juergen) {
							t.Errorf("%q got the form %s", got.to, form)
						}
					}
					for _, line := range r.relay.lines() {
						if rest, ok := strings.CutPrefix(line, "MAIL FROM:<"+m.EnvelopeFrom+">"); ok {
							mail = append(mail, rest)
						}
					}
					if !slices.Equal(forms, tt.forms) || !slices.Equal(mail, tt.mail) {
						t.Errorf("arrived as %q with MAIL %q; want %q with %q", forms, mail, tt.forms, tt.mail)
					}
					if rc := r.out(m.ID).Recipients[1]; rc.State == store.OutFailed && !strings.Contains(rc.Reply, "SMTPUTF8") {
						t.Errorf("it failed with %q", rc.Reply)
					}
				})
			})
		}
	}
}

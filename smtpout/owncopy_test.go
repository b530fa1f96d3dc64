package smtpout

import (
	"testing"
	"time"
)

// Our own copy refused is no failure of the mail; that it was refused stands
// in the record, also when the mail leaves with a later attempt.
func TestOwnCopyRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(string, string) *misdeed
	}{
		{"at once", func(string, string) *misdeed { return nil }},
		{"and the mail deferred", once("data", "", misdeed{reply: "451 4.3.0 not now"})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const own = "support+copy@us.example"
			bubble(t, func(r *rig) {
				refuse := once("rcpt", own, misdeed{reply: "451 4.2.0 not you"})
				r.relay.misdeeds = func(stage, arg string) *misdeed {
					if m := refuse(stage, arg); m != nil {
						return m
					}
					return tt.fault(stage, arg)
				}
			}, func(t *testing.T, r *rig) {
				m := r.mail(customer)
				m.OwnCopy = own
				r.enqueue(m)
				r.drain()
				time.Sleep(2 * time.Minute)
				r.drain()
				r.want(m.ID, "done: sent")
				if after := r.out(m.ID); after.OwnRefused == "" || after.OwnCopy != "" {
					t.Errorf("refused %q, own copy %q", after.OwnRefused, after.OwnCopy)
				}
			})
		})
	}
}

package smtpout

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postroom/internal/store"
)

// refuseSender makes the relay refuse every sender but the support address, in
// one way.
func refuseSender(stage, words string) func(*rig) {
	return func(r *rig) {
		from := ""
		r.relay.misdeeds = func(at, arg string) *misdeed {
			if at == "mail" {
				from = arg
			}
			if at != stage || from == "support@us.example" {
				return nil
			}
			return &misdeed{reply: words}
		}
	}
}

func TestSenderRefused(t *testing.T) {
	tests := []struct{ stage, words string }{
		{"mail", "550 5.7.60 SMTP; Client does not have permissions to send as this sender"},
		{"mail", "553 sender rejected"},
		{"mail", "501 5.1.7 Invalid address"},
		{"rcpt", "553 5.7.1 <x>: Sender address rejected: not owned by user us"},
		{"dot", "554 5.2.252 SendAsDenied; us not allowed to send as x"},
		{"dot", "550 5.7.60 SMTP; Client does not have permissions"},
		{"data", "550 5.7.1 not allowed to send as x"},
	}
	for _, tt := range tests {
		t.Run(tt.stage+" "+tt.words, func(t *testing.T) {
			bubble(t, refuseSender(tt.stage, tt.words), func(t *testing.T, r *rig) {
				a, b := r.mail(customer), r.mail(colleague)
				r.enqueue(a)
				r.drain()
				r.enqueue(b)
				r.drain()
				r.want(a.ID, "done: sent")
				r.want(b.ID, "done: sent")
				if n := r.relay.said("MAIL"); n != 3 {
					t.Errorf("MAIL was said %d times: once to learn, then with the support address", n)
				}
				if m := r.out(a.ID); m.Attempts != 1 {
					t.Errorf("%d attempts", m.Attempts)
				}
				if len(r.seen.envelope) != 2 || !strings.Contains(tt.words, r.seen.envelope[0][4:9]) {
					// Told when it was learnt and at the start of the next run.
					t.Errorf("the observer was told %q", r.seen.envelope)
				}
			})
		})
	}
}

func TestSenderKept(t *testing.T) {
	tests := []struct {
		mode         Envelope
		stage, words string
		want         string
	}{
		{EnvelopeBounce, "mail", "550 5.7.60 no", "done: failed"},
		{EnvelopeAuto, "rcpt", "550 5.1.1 nobody", "done: failed"},
		{EnvelopeAuto, "rcpt", "550 5.7.1 blocked by policy", "done: failed"},
		{EnvelopeAuto, "dot", "550 5.7.1 spam", "done: failed"},
		{EnvelopeSupport, "mail", "550 5.7.60 no", "done: sent"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.cfg.Envelope = tt.mode
				refuseSender(tt.stage, tt.words)(r)
			}, func(t *testing.T, r *rig) {
				m := r.mail(customer)
				r.enqueue(m)
				r.drain()
				r.want(m.ID, tt.want)
				if n := r.relay.said("MAIL"); n != 1 || len(r.seen.envelope) != 0 {
					t.Errorf("MAIL was said %d times, the observer told %q", n, r.seen.envelope)
				}
			})
		})
	}
}

// A relay that refuses our support address too has not shown that the bounce
// address was the matter.
func TestEverySenderRefused(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.misdeeds = always("mail", "", misdeed{reply: "550 5.7.1 sender rejected"})
	}, func(t *testing.T, r *rig) {
		m := r.mail(customer)
		r.enqueue(m)
		r.drain()
		r.want(m.ID, "done: failed")
		if len(r.seen.envelope) != 0 {
			t.Errorf("the observer was told %q", r.seen.envelope)
		}
	})
}

// The null reverse-path has a memory of its own.
func TestNullSenderRefused(t *testing.T) {
	bubble(t, func(r *rig) {
		r.relay.misdeeds = func(stage, arg string) *misdeed {
			if stage == "mail" && arg == "" {
				return &misdeed{reply: "501 5.1.7 null sender refused"}
			}
			return nil
		}
	}, func(t *testing.T, r *rig) {
		null, again, bounce := r.mail(customer), r.mail(customer), r.mail(customer)
		null.EnvelopeFrom, again.EnvelopeFrom = "", ""
		r.enqueue(null)
		r.drain()
		r.enqueue(again, bounce)
		r.drain()
		var from []string
		for _, m := range r.relay.received() {
			from = append(from, m.from)
		}
		if want := []string{"support@us.example", "support@us.example", bounce.EnvelopeFrom}; !slices.Equal(from, want) {
			t.Errorf("sent from %q, want %q", from, want)
		}
	})
}

func TestHurdles(t *testing.T) {
	eightBit := func(m *store.OutMail) { m.EightBit = true }
	large := func(m *store.OutMail) { m.Size = 2_000_000 }
	tests := []struct {
		name    string
		kind    store.OutKind
		offers  []string
		change  func(*store.OutMail)
		relay   *misdeed
		want    string
		problem store.DeliveryHurdle
	}{
		{"8-bit copy", store.OutCopy, nil, eightBit, nil, "stopped: queued", store.HurdleEightBit},
		{"8-bit answer", store.OutAnswer, nil, eightBit, nil, "done: failed", store.HurdleEightBit},
		{"8-bit taken", store.OutCopy, []string{"8BITMIME"}, eightBit, nil, "done: sent", store.HurdleNone},
		{"large copy", store.OutCopy, []string{"SIZE 1000000"}, large, nil, "stopped: queued", store.HurdleSize},
		{"large answer", store.OutAnswer, []string{"SIZE 1000000"}, large, nil, "done: failed", store.HurdleSize},
		{"no limit", store.OutAnswer, []string{"SIZE 0"}, large, nil, "done: sent", store.HurdleNone},
		{"too large behind the dot", store.OutCopy, nil, large, &misdeed{reply: "552 5.3.4 too big"}, "stopped: queued", store.HurdleSize},
		{"quota of the recipient", store.OutCopy, nil, large, &misdeed{reply: "552 5.2.2 over quota"}, "done: failed", store.HurdleNone},
		{"UTF-8 refused", store.OutAnswer, nil, func(m *store.OutMail) { m.Recipients[0].Address = "jürgen@customer.example" }, nil, "done: failed", store.HurdleUTF8},
		{"UTF-8 taken", store.OutAnswer, []string{"SMTPUTF8"}, func(m *store.OutMail) { m.Recipients[0].Address = "jürgen@customer.example" }, nil, "done: sent", store.HurdleNone},
		{"UTF-8 sender refused", store.OutAnswer, nil, func(m *store.OutMail) { m.EnvelopeFrom, m.Fallback = "hilfe+bß@us.example", "" }, nil, "done: failed", store.HurdleUTF8},
		{"UTF-8 sender taken", store.OutAnswer, []string{"SMTPUTF8"}, func(m *store.OutMail) { m.EnvelopeFrom, m.Fallback = "hilfe+bß@us.example", "" }, nil, "done: sent", store.HurdleNone},
		{"IDN", store.OutAnswer, nil, func(m *store.OutMail) { m.Recipients[0].Address = "jane@bücher.example" }, nil, "done: sent", store.HurdleNone},
		{"not an address", store.OutAnswer, nil, func(m *store.OutMail) { m.Recipients[0].Address = "jane>x@customer.example" }, nil, "done: failed", store.HurdleNone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.relay.offers = tt.offers
				if tt.relay != nil {
					r.relay.misdeeds = always("dot", "", *tt.relay)
				}
			}, func(t *testing.T, r *rig) {
				m := r.mail(customer)
				m.Kind = tt.kind
				tt.change(&m)
				r.enqueue(m)
				r.drain()
				r.want(m.ID, tt.want)
				told := r.told()
				if len(told) != 1 || told[0].Problem != tt.problem || string(told[0].State) != strings.Split(tt.want, ":")[0] {
					t.Errorf("the gateway is told %+v", told)
				}
				if tt.name == "IDN" && r.relay.got("jane@xn--bcher-kva.example") != 1 {
					t.Error("the domain was not sent in A-labels")
				}
			})
		})
	}
}

// One mail to more recipients than the relay takes at once goes in several
// transactions. One copy of our own is enough: it proves the first of them, and
// must not be taken for proof of the others.
func TestTooManyRecipients(t *testing.T) {
	for most, words := range map[int]string{1: "", 4: "", 5: "", 24: "", 25: "", 6: "452 too many recipients", 7: "552 Too many recipients", 8: "552 5.5.3 no more"} {
		bubble(t, func(r *rig) { r.relay.rcptMax, r.relay.rcptFull = most, words }, func(t *testing.T, r *rig) {
			var to []string
			for i := range 25 {
				to = append(to, fmt.Sprintf("jane%d@customer.example", i))
			}
			m := r.mail(to...)
			m.OwnCopy = "support+c1@us.example"
			r.enqueue(m)
			r.drain()
			if got := r.out(m.ID); got.State != store.OutDone {
				t.Errorf("%d at once: %s", most, r.states(m.ID))
			}
			for _, a := range to {
				if r.relay.got(a) != 1 {
					t.Errorf("%d at once: %s got it %d times", most, a, r.relay.got(a))
				}
			}
			if n := r.relay.got(m.OwnCopy); most > 1 && n != 1 {
				t.Errorf("%d at once: %d transactions, %d copies", most, len(r.relay.received()), n)
			}
		})
	}
}

// TestLearnSender: what somebody else found out about senders counts at once
// and after the next start, until the contrary is found; and it is not found
// out anew by a mail that is to be tried as if nothing were known.
func TestLearnSender(t *testing.T) {
	const words = "550 5.7.60 not as this sender"
	for _, running := range []bool{true, false} {
		t.Run(fmt.Sprintf("running=%v", running), func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, r *rig) {
				r.update(func(tx *store.Tx) error { return tx.SetMeta(EnvelopeKey, EnvelopeMemory{Null: "501 no"}) })
				if running {
					r.drain()
				}
				leaves := func(bounce bool) {
					t.Helper()
					m := r.mail(customer)
					r.enqueue(m)
					r.drain()
					r.want(m.ID, "done: sent")
					got := r.relay.received()
					if from := got[len(got)-1].from; (from == m.EnvelopeFrom) != bounce {
						t.Errorf("it left from %s", from)
					}
				}
				learn := func(words string) {
					t.Helper()
					if err := r.sender.LearnSender(words); err != nil {
						t.Fatal(err)
					}
					var kept EnvelopeMemory
					r.update(func(tx *store.Tx) (err error) { _, err = tx.Meta(EnvelopeKey, &kept); return err })
					if (kept != EnvelopeMemory{Bounce: words, Null: "501 no"}) || r.seen.envelope[len(r.seen.envelope)-1] != words {
						t.Errorf("kept is %+v, told %q", kept, r.seen.envelope)
					}
				}
				learn(words)
				leaves(false)
				r.reopen()
				leaves(false)
				m := r.mail(customer)
				if sub, err := r.sender.Submit(t.Context(), m); err != nil || sub.From != m.Fallback || sub.FellBack != words {
					t.Errorf("%+v, %v", sub, err)
				}
				if sub, err := r.sender.SubmitAnew(t.Context(), m); err != nil || sub.From != m.EnvelopeFrom || sub.FellBack != "" {
					t.Errorf("anew: %+v, %v", sub, err)
				}
				leaves(false) // that it was taken is for others to make of what they will
				learn("")
				leaves(true)
				r.reopen()
				leaves(true)
				if n := r.relay.said("MAIL"); n != 7 {
					t.Errorf("MAIL was said %d times", n)
				}
			})
		})
	}
	for _, kind := range []Envelope{EnvelopeBounce, EnvelopeSupport} {
		bubble(t, func(r *rig) { r.cfg.Envelope = kind }, func(t *testing.T, r *rig) {
			if err := r.sender.LearnSender(words); err != nil || len(r.seen.envelope) > 0 {
				t.Errorf("%s: told %q, %v", kind, r.seen.envelope, err)
			}
		})
	}
}

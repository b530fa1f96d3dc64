package gateway

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

func scenes() []scene {
	return slices.Concat(copyScenes(), heldScenes(), askedScenes(), commandScenes(), deliveryScenes(), clockScenes(), adminScenes())
}

func footer(kind string) func(*Config) { return func(c *Config) { c.Footer = kind } }

// copyScenes are what an engineer gets of the customer's side.
func copyScenes() []scene {
	asked := func(r *teller) {
		r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "Good morning,\n\nthe printer burns.\n\n-- \nJane", "Cc: boss@client.example"))
	}
	return []scene{
		{"copy-footer-full", asked, nil},
		{"copy-footer-line", asked, footer("line")},
		{"copy-footer-none", asked, footer("none")},
		{"copy-without-reply-addresses", asked, plain},
		{"copy-html", func(r *teller) {
			r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "<html><body><p>Good morning,</p><p>the printer burns.</p></body></html>",
				"MIME-Version: 1.0", "Content-Type: text/html; charset=utf-8"))
		}, nil},
		{"copy-tagged", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, "/tag billing vip"))
			r.drop()
			r.comes(r.wrote("Jane Doe <"+jane+">", "Re: Printer on fire", "It smells, too.", "In-Reply-To: <m1@client.example>"))
		}, nil},
		{"copy-on-offer", func(r *teller) {
			r.rotate(onOffer)
			r.drop()
			asked(r)
		}, nil},
		{"copy-with-the-story", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, "/note\n\nThey have three of these."))
			r.comes(r.reply(cp, alice, "Dear Jane,\n\nuse water.\n\nAlice"))
			r.drop()
			r.comes(r.reply(cp, alice, "/assign bob"))
		}, nil},
		{"copy-as-a-stub", func(r *teller) {
			r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "", "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=x") +
				"--x\n\nIt burns, see the picture.\n--x\nContent-Type: image/png; name=fire.png\nContent-Disposition: attachment; filename=fire.png\n\nPNG\n--x--\n")
			hinder(r.rig, r.one(store.OutCopy, alice).ID, store.HurdleSize)
		}, nil},
		{"originals", func(r *teller) {
			d := deskOf(r.rig)
			r.comes(r.reply(d.copy, alice, "/originals"))
			d.bring()
		}, nil},
	}
}

// heldScenes are mails of an engineer that do not go out as they are.
func heldScenes() []scene {
	answer := func(text string, fields ...string) func(*teller) {
		return func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, text, fields...))
		}
	}
	return []scene{
		{"held-unknown-command", answer("/clsoe\n\nDear Jane,\n\nuse water.\n\nAlice"), nil},
		{"held-command-without-text", answer("/clsoe"), nil},
		{"held-wrong-argument", answer("/snooze soon"), nil},
		{"held-unknown-colleague", answer("/assign zoe"), nil},
		{"held-command-below-the-text", answer("Use water.\n\n/close"), nil},
		{"held-empty", answer(""), nil},
		{"held-encrypted", func(r *teller) {
			cp := r.printer()
			r.comes(r.answering(cp, alice, "", "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=e\n\n--e\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--e\n\nx\n--e--\n"))
		}, nil},
		{"held-winmail", func(r *teller) {
			cp := r.printer()
			r.comes(r.answering(cp, alice, "", multipart("mixed", plainPart("Use water."), "Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\nAAAA")))
		}, nil},
		{"held-names-a-colleague", answer("Dear Jane,\n\nask bob@acme.example, he knows.\n\nAlice"), nil},
		{"held-repeats-a-note", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, "/note\n\nThey have not paid since March, so do not hurry."))
			r.drop()
			r.comes(r.reply(cp, alice, "Dear Jane,\n\nThey have not paid since March, so do not hurry."))
		}, nil},
		{"held-sent-twice", func(r *teller) {
			cp := r.printer()
			raw := r.reply(cp, alice, "Use water.")
			r.comes(raw)
			r.drop()
			r.comes(strings.Replace(raw, "Message-ID: <m", "Message-ID: <again", 1))
		}, nil},
		{"held-colleague-was-quicker", func(r *teller) {
			r.rotate(onOffer)
			r.drop()
			r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns."))
			hers, his := r.one(store.OutCopy, alice), r.one(store.OutCopy, bob)
			r.drop()
			r.comes(r.reply(hers, alice, "Dear Jane,\n\nuse water.\n\nAlice"))
			r.drop()
			r.comes(r.reply(his, bob, "Use sand."))
			n := r.mailTo(store.OutNotice, bob)
			r.comes(r.reply(n, bob, "/send"))
		}, nil},
		{"held-of-two-conversations", func(r *teller) {
			cp := r.printer()
			r.comes(r.wrote("Joe <joe@shop.example>", "Slow network", "It crawls."))
			other := r.one2(r.t, store.OutCopy, bob)
			r.drop()
			r.comes(r.reply(cp, alice, "Use water.", "In-Reply-To: "+other.MessageID, "References: "+other.MessageID))
		}, nil},
		{"held-address-alone", func(r *teller) {
			cp := r.printer()
			r.comes(r.wrote(alice, "Slow network", "Use water.", "To: "+tokenOf(cp)))
		}, nil},
		{"held-reply-to-a-notice", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, "/clsoe\n\nUse water."))
			n := r.mailTo(store.OutNotice, alice)
			r.comes(r.reply(n, alice, "What is wrong with it?"))
		}, nil},
		{"held-then-held-again", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, "/snooze soon"))
			n := r.mailTo(store.OutNotice, alice)
			r.comes(r.reply(n, alice, "/snooze later"))
			n = r.mailTo(store.OutNotice, alice)
			r.comes(r.reply(n, alice, "/snooze sometime"))
		}, nil},
		{"held-perhaps-sent", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, "Use water."))
			r.settle(r.one2(r.t, store.OutAnswer, jane), store.OutUnknown)
		}, func(c *Config) { c.OwnCopy = CopyNone }},
		{"held-customer-wrote-again", func(r *teller) {
			cp := r.printer()
			r.comes(r.wrote("Jane Doe <"+jane+">", "Re: Printer on fire", "And smokes.", "In-Reply-To: <m1@client.example>"))
			r.drop()
			r.comes(r.reply(cp, alice, "Use water."))
		}, func(c *Config) { c.Stale = threads.StaleAny }},
	}
}

// askedScenes are mails that may not be whose they say they are.
func askedScenes() []scene {
	return []scene{
		{"asked-without-a-token", func(r *teller) {
			r.printer()
			r.comes(r.inHerName("Send me your password."))
		}, nil},
		{"asked-commands-alone", func(r *teller) {
			r.printer()
			r.comes(r.inHerName("/close"))
		}, nil},
		{"asked-no-conversation", func(r *teller) {
			r.printer()
			r.comes(r.wrote(alice, "Re: Something else", "Is this for us?", "In-Reply-To: <unknown@elsewhere.example>"))
		}, nil},
		{"asked-gathered", func(r *teller) {
			r.printer()
			for _, text := range []string{"First.", "Second,\nline two\n\nline three\nline four\nline five", "/close"} {
				r.comes(r.inHerName(text))
				r.now = r.now.Add(10 * time.Minute)
			}
			r.later(time.Hour)
		}, nil},
		{"asked-gathered-without-reply-addresses", func(r *teller) {
			r.printer()
			for _, text := range []string{"First.", "Second."} {
				r.comes(r.inHerName(text))
			}
			r.later(time.Hour)
		}, plain},
		{"asked-other-address", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, "a.ng@home.example", "Use water.\n\n-- \nAlice"))
		}, nil},
		{"asked-colleagues-token", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, bob, "Use sand."))
		}, nil},
	}
}

// commandScenes are the answers to what engineers ask for.
func commandScenes() []scene {
	orders := func(text string) func(*teller) {
		return func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, text))
			for _, s := range r.due() {
				if s.Kind == store.OutCopy {
					r.settle(s, store.OutSent) // what a colleague gets is shown elsewhere
				}
			}
		}
	}
	list := []scene{}
	for _, c := range []struct{ name, text string }{
		{"close", "/close"}, {"take", "/take"}, {"assign", "/assign bob"}, {"snooze", "/snooze 2d"}, {"cc", "/cc ann@client.example"},
		{"tag", "/tag billing vip"}, {"subject", "/subject Printer in room 3"}, {"spam", "/spam"}, {"why", "/why"}, {"status", "/status"},
		{"help", "/help"}, {"away", "/away until 2026-12-01"}, {"several", "/tag slow\n/cc ann@client.example\n/close"},
	} {
		list = append(list, scene{"done-" + c.name, orders(c.text), nil})
	}
	return append(list, []scene{
		{"done-nothing-held", orders("/send"), nil},
		{"done-note", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, "/assign bob"))
			r.drop()
			r.comes(r.reply(cp, alice, "/note\n\nThey have three of these."))
		}, nil},
		{"done-reopen", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, "/close"))
			r.drop()
			r.comes(r.reply(cp, alice, "/reopen"))
		}, nil},
		{"done-away-and-back", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, "/away until 2026-12-01"))
			n := r.mailTo(store.OutNotice, alice)
			r.comes(r.wrote(alice, "Re: "+n.OutMail.Subject, "/back\n/status\n/why", "To: "+tokenOf(n), "In-Reply-To: "+n.MessageID))
		}, nil},
		{"done-save-and-answer", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, "/save fire\n\nDear Jane,\n\nuse water.\n\nAlice"))
			r.comes(r.reply(cp, alice, "/answer smoke"))
			r.comes(r.reply(cp, alice, "/help"))
		}, nil},
		{"done-merge", func(r *teller) {
			cp := r.printer()
			r.comes(r.wrote("Joe Roe <"+joe+">", "It smells of smoke", "Since noon."))
			r.drop()
			r.comes(r.reply(cp, alice, "/merge 2"))
		}, nil},
		{"done-split", func(r *teller) {
			r.printer()
			r.comes(r.wrote("Jane Doe <"+jane+">", "Re: Printer on fire", "Another thing: the lift is stuck.", "In-Reply-To: <m1@client.example>"))
			cp := r.one2(r.t, store.OutCopy, alice)
			r.drop()
			r.comes(r.reply(cp, alice, "/split"))
		}, nil},
		{"done-held-mail", func(r *teller) {
			cp := r.printer()
			for _, what := range []string{"/note", "/discard", "/send"} {
				r.comes(r.reply(cp, alice, "/clsoe\n\nUse water.\n\nThis is for "+what))
				n := r.one2(r.t, store.OutNotice, alice)
				r.drop()
				r.comes(r.reply(n, alice, what))
				r.took()
				r.comes(r.reply(n, alice, what)) // once more
				r.took()
			}
		}, nil},
		{"which-held-mail", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, "/clsoe\n\nUse sand."))
			r.comes(r.reply(cp, alice, "/clsoe\n\nUse foam."))
			r.drop()
			r.comes(r.reply(cp, alice, "/send"))
		}, nil},
		{"refused-take", func(r *teller) {
			r.rotate(onOffer)
			r.drop()
			r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns."))
			hers, his := r.one(store.OutCopy, alice), r.one(store.OutCopy, bob)
			r.drop()
			r.comes(r.reply(hers, alice, "/take"))
			r.took()
			r.comes(r.reply(his, bob, "/take"))
		}, nil},
		{"crossed", func(r *teller) {
			cp := r.printer()
			r.comes(r.wrote("Jane Doe <"+jane+">", "Re: Printer on fire", "And smokes.", "In-Reply-To: <m1@client.example>"))
			r.drop()
			r.comes(r.reply(cp, alice, "Use water."))
		}, nil},
		{"signature-taken-off", func(r *teller) {
			cp := r.printer()
			r.comes(r.answering(cp, alice, "", "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha256; boundary=s\n\n--s\n"+
				plainPart("Use water.")+"--s\nContent-Type: application/pgp-signature; name=signature.asc\n\n-----BEGIN PGP SIGNATURE-----\n\nalice\n-----END PGP SIGNATURE-----\n--s--\n"))
		}, nil},
	}...)
}

// deliveryScenes are about mail that does not arrive.
func deliveryScenes() []scene {
	failed := func(r *teller) {
		cp := r.printer()
		r.comes(r.reply(cp, alice, "Dear Jane,\n\nuse water.\n\nAlice"))
		a := r.one2(r.t, store.OutAnswer, jane)
		r.attempt(a.ID, func(m *store.OutMail) []store.Recipient {
			m.State = store.OutDone
			m.Recipients[0].State, m.Recipients[0].Reply = store.OutFailed, "550 5.1.1 no such user here"
			return m.Recipients
		})
		r.think()
	}
	bounced := func(status string) func(*teller) {
		return func(r *teller) {
			cp := r.printer()
			r.comes(report(cp.EnvelopeFrom, alice, "failed", status, "Subject: x"))
		}
	}
	return []scene{
		{"answer-refused", failed, nil},
		{"answer-refused-for-one", func(r *teller) {
			r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns.", "Cc: boss@client.example"))
			cp := r.one2(r.t, store.OutCopy, alice)
			r.drop()
			r.comes(r.reply(cp, alice, "Use water."))
			a := r.one2(r.t, store.OutAnswer, jane)
			r.attempt(a.ID, func(m *store.OutMail) []store.Recipient {
				m.State = store.OutDone
				m.Recipients[0].State = store.OutSent
				m.Recipients[1].State, m.Recipients[1].Reply = store.OutFailed, "550 5.1.1 no such user here"
				return m.Recipients
			})
			r.think()
		}, nil},
		{"answer-bounced", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, "Use water."))
			a := r.one2(r.t, store.OutAnswer, jane)
			r.drop()
			r.comes(report(a.EnvelopeFrom, jane, "failed", "5.2.2", "Subject: x"))
		}, nil},
		{"answer-waits", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, "Use water."))
			a := r.one2(r.t, store.OutAnswer, jane)
			r.update(func(tx *store.Tx) error {
				m, _, err := tx.Out(a.ID)
				if err != nil {
					return err
				}
				m.LastReply = "451 4.3.0 come back later"
				return tx.SetOut(m)
			})
			r.later(4 * time.Hour)
		}, func(c *Config) { c.WarnAfter = 4 * time.Hour }},
		{"copy-bounced-dead-address", bounced("5.1.1"), nil},
		{"copy-bounced-other", bounced("5.4.1"), nil},
		{"copy-bounced-everywhere", func(r *teller) {
			r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns."))
			for i, who := range []string{alice, alice, bob, bob} {
				cp := r.one2(r.t, store.OutCopy, who)
				r.drop()
				r.comes(strings.Replace(report(cp.EnvelopeFrom, who, "failed", "5.7.1", "Subject: x"), "Subject:", fmt.Sprintf("Message-ID: <dsn%d@mx>\nSubject:", i), 1))
			}
		}, nil},
		{"out-of-office-last", func(r *teller) {
			cp := r.printer()
			r.comes(vacation(r.rig, alice, cp.EnvelopeFrom))
			b := r.mailTo(store.OutCopy, bob)
			r.comes(vacation(r.rig, bob, b.EnvelopeFrom))
		}, nil},
	}
}

// clockScenes are what time brings.
func clockScenes() []scene {
	return []scene{
		{"reminder-then-overdue", func(r *teller) {
			r.rotate(policy("first_reply_within = \"4h\""))
			r.drop()
			r.printer()
			r.later(2 * time.Hour)
			r.took()
			for range 4 {
				r.later(2 * time.Hour)
				r.took()
			}
		}, nil},
		{"woken", func(r *teller) {
			cp := r.printer()
			r.comes(r.reply(cp, alice, "/snooze 2d"))
			r.drop()
			r.later(48 * time.Hour)
		}, nil},
		{"offer-ends", func(r *teller) {
			r.rotate(policy("mode = \"offer\"\noffer_for = \"15m\""))
			r.drop()
			r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns."))
			r.drop()
			r.later(15 * time.Minute)
		}, nil},
		{"nobody-on-duty", func(r *teller) {
			r.rotate(strings.ReplaceAll(twoEngineers, "[[engineer]]", "[[engineer]]\naway = [\"2026-11-01..2026-12-01\"]") + "[policy]\nnobody_on_duty = \"admins\"\n")
			r.drop()
			r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns."))
		}, nil},
	}
}

// adminScenes are what admins are told of.
func adminScenes() []scene {
	return []scene{
		{"rotation-changed", func(r *teller) {
			r.rotate(strings.Replace(twoEngineers, "Bob Stone", "Robert Stone", 1), "Bob Stone is called Robert Stone now")
		}, nil},
		{"rotation-bad", func(r *teller) {
			r.say(store.InboxRecord{At: r.now, Rotation: &store.InRotation{Version: "b1", Error: "rotation.toml:3:1: no such key \"nmae\""}})
		}, nil},
		{"set-aside", func(r *teller) {
			addr, _ := r.brokenToken()
			r.comes(r.wrote(alice, "Re: x", "It breaks.", "To: "+addr))
		}, nil},
		{"many-in-her-name", func(r *teller) {
			r.printer()
			for i := range maxUnconfirmed + 1 {
				r.comes(r.inHerName(fmt.Sprintf("Number %d.", i)))
				if i == 0 {
					r.drop()
				}
			}
		}, nil},
		{"daily-list", func(r *teller) {
			r.printer()
			r.comes(r.wrote("News <news@shop.example>", "Our offers", "Buy.", "List-Unsubscribe: <mailto:x@shop.example>", "List-Id: <news.shop.example>", "Precedence: bulk"))
			r.comes(r.inHerName("Send me your password."))
			addr, _ := r.brokenToken()
			r.comes(r.wrote(alice, "Re: x", "It breaks.", "To: "+addr))
			r.drop()
			r.later(24 * time.Hour)
		}, nil},
	}
}

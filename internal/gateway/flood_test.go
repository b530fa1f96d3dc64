package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
)

// forgedWay is how somebody forges mail, and which bound it meets.
type forgedWay struct {
	mail  func(r *rig, cp sent, n int) string
	bound int
	asked string
}

func forgedWays() map[string]forgedWay {
	return map[string]forgedWay{
		"her address, ids of a conversation": {func(r *rig, _ sent, n int) string {
			return r.inHerName(fmt.Sprintf("Forged %d.", n))
		}, maxDoubtfulOf, alice},
		"her token, another address": {func(r *rig, cp sent, n int) string {
			return r.reply(cp, mallory, fmt.Sprintf("Forged %d.", n))
		}, maxDoubtfulOf, alice},
		"her address, ids of nothing": {func(r *rig, _ sent, n int) string {
			return r.wrote(alice, "Re: Something", fmt.Sprintf("Forged %d.", n), "In-Reply-To: <unknown@elsewhere.example>")
		}, maxDoubtfulFor, alice},
		"her personal address, from outside": {func(r *rig, _ sent, n int) string {
			return r.wrote(mallory, "Commands", fmt.Sprintf("Forged %d.", n), "To: "+r.personal(r.t, alice))
		}, maxDoubtfulFor, ""},
	}
}

// TestForgedFlood: of mail that anybody may have written only so much is held.
// What comes behind it is set aside, recognisably and with its octets; the
// admins and she whose name it uses are told once a day, a conversation does
// not grow, and her own mail goes its way.
func TestForgedFlood(t *testing.T) {
	for name, way := range forgedWays() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, cp := waiting(t, nil)
			was := len(r.events(1))
			const over = 15
			var uids []store.UID
			for n := range way.bound + over {
				uids = append(uids, r.put("INBOX", way.mail(r, cp, n)))
				r.now = r.now.Add(time.Minute)
			}
			r.think()
			for n, uid := range uids {
				if o := r.outcome(uid); (o.Kind == store.OutcomeAside) != (n >= way.bound) {
					t.Fatalf("mail %d: %+v", n, o)
				}
			}
			if len(r.holds()) != way.bound || len(r.asides()) != over || len(r.alarms(ops)) != 1 || (way.asked != "") != (len(r.alarms(alice)) == 1) {
				t.Fatalf("%d held, %d aside, alarms %v %v", len(r.holds()), len(r.asides()), r.alarms(ops), r.alarms(alice))
			}
			if grown := len(r.events(1)) - was; grown > way.bound {
				t.Errorf("the conversation grew by %d events", grown)
			}
			r.asideOfFlood(t, way.bound)
			r.comes(r.reply(cp, alice, "Use water."))
			if len(r.queued(store.OutAnswer)) != 1 {
				t.Errorf("her own answer has to wait, too%s", r.dump())
			}
			r.now = r.now.Add(25 * time.Hour)
			r.comes(way.mail(r, cp, 1000))
			if len(r.asides()) != over || len(r.alarms(ops)) != 2 {
				t.Errorf("a day later: %d aside, alarms %v", len(r.asides()), r.alarms(ops))
			}
		})
	}
}

// queued is what of a kind is in the outbox, unread.
func (r *rig) queued(kind store.OutKind) (list []store.OutMail) {
	r.view(func(tx *store.Tx) error {
		return tx.EachOut(func(m store.OutMail) error {
			if m.Kind == kind {
				list = append(list, m)
			}
			return nil
		})
	})
	return list
}

// alarms are the subjects of what somebody was told of floods.
func (r *rig) alarms(to string) (list []string) {
	for _, m := range r.queued(store.OutNotice) {
		if m.Recipients[0].Address == to && strings.HasPrefix(m.ID, "flood.") {
			list = append(list, m.Subject)
		}
	}
	return list
}

// asideOfFlood wants what was set aside to be told apart, and one of it held
// like any other when somebody wants it.
func (r *rig) asideOfFlood(t *testing.T, held int) {
	t.Helper()
	list := r.asides()
	a := list[3]
	if !strings.HasPrefix(a.Error, "from ") || !strings.Contains(a.Error, "@") || a.Record.Mail.Raw.Length == 0 {
		t.Fatalf("set aside: %+v", a)
	}
	if err := r.ask(VerbRetry, "aside", fmt.Sprint(a.Record.Seq)); err != nil {
		t.Fatal(err)
	}
	h := r.holds()
	if len(h) != held+1 || len(r.asides()) != len(list)-1 {
		t.Fatalf("tried again: %d held, %d aside%s", len(h), len(r.asides()), r.dump())
	}
	for _, h := range h {
		if h.UID == a.Record.Mail.UID {
			if !strings.HasPrefix(h.Lines, "Forged ") {
				t.Errorf("held: %+v", h)
			}
			if err := r.ask(VerbDiscard, "hold", h.ID); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Error("another mail was held")
}

// TestFloodNoticeLeadsOn: what she is told of a flood leads to what is held of
// hers.
func TestFloodNoticeLeadsOn(t *testing.T) {
	r, _ := waiting(t, nil)
	for n := range maxDoubtfulOf + 1 {
		r.put("INBOX", r.inHerName(fmt.Sprintf("Forged %d.", n)))
	}
	r.think()
	var told sent
	for _, s := range r.to(store.OutNotice, alice) {
		if strings.HasPrefix(s.ID, "flood.") {
			told = s
		}
	}
	if told.Message == nil || !strings.Contains(flat(told.Mail.Text), "nothing but /send lists what is held of yours") {
		t.Fatalf("she is told %q%s", told.raw, r.dump())
	}
	r.gone()
	r.comes(r.reply(told, alice, "/send"))
	list := r.to(store.OutNotice, alice)
	if len(list) != 1 || !strings.Contains(list[0].Mail.Text, "Forged ") || len(r.holds()) != maxDoubtfulOf || len(r.to(store.OutAnswer, jane)) != 0 {
		t.Errorf("%d held%s", len(r.holds()), r.dump())
	}
}

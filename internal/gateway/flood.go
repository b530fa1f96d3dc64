package gateway

import (
	"fmt"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// Mail of which nothing shows who wrote it is held until somebody decides, and
// whoever forges it can send as much as they like. So only so many of it are
// held at once; what comes behind them is set aside, where it costs a
// conversation and its step nothing, and one mail a day says so.
const (
	maxDoubtfulOf  = 50  // of one conversation
	maxDoubtfulFor = 100 // with the address, or the token, of one engineer
	floodTold      = 24 * time.Hour
	floodBudget    = "budget/flood/"
)

// doubtful reports whether a mail is held for who wrote it, and not for what
// stands in it.
func doubtful(why threads.Why) bool {
	return why == threads.WhyUnproven || why == threads.WhyForged || why == threads.WhyBorrowed
}

// flooded sets a doubtful mail aside when as many as may be are held already.
// One that was set aside and is tried again, because somebody wants it, is held
// like any other.
func (b *batch) flooded(r store.InboxRecord, l *letter, in threads.MailIn) (bool, error) {
	if !doubtful(in.Authority.Doubt) {
		return false, nil
	}
	if o, had, err := b.tx.Outcome(l.uid); err != nil || had && o.Kind == store.OutcomeAside {
		return false, err
	}
	id, whose := b.wouldHold(in)
	of, hers, err := b.doubtfulHeld(id, whose)
	if err != nil {
		return false, err
	}
	key, wait := "", ""
	switch {
	case of >= maxDoubtfulOf:
		key, wait = "conversation-"+id.String(), fmt.Sprintf("%d mails of conversation %s", of, id)
	case hers >= maxDoubtfulFor && whose == "":
		key, wait = "nobody", fmt.Sprintf("%d mails", hers)
	case hers >= maxDoubtfulFor:
		key, wait = "for-"+whose, fmt.Sprintf("%d mails in the name of %s", hers, b.nameOf(whose))
	default:
		return false, nil
	}
	if err := b.tellFlood(key, whose, wait); err != nil {
		return true, err
	}
	m := &l.msg.Mail
	why := fmt.Sprintf("from %s, %q: %s of which nothing shows who wrote them are held already", clipped(m.Sender().Addr, 80), clipped(m.Subject, 80), wait)
	if err := b.tx.SetAside(r, b.now, why); err != nil {
		return true, err
	}
	if err := b.listTomorrow(); err != nil {
		return true, err
	}
	b.after = append(b.after, func() { b.g.log.Warn("held_too_many", "seq", r.Seq, "conv", id, "engineer", whose) })
	return true, b.tx.SetOutcome(l.uid, store.Outcome{Kind: store.OutcomeAside, Note: why})
}

// wouldHold is the conversation a doubtful mail would be held in, 0 for none,
// and who would be asked about it, "" for nobody.
func (b *batch) wouldHold(in threads.MailIn) (threads.ID, string) {
	a, id := in.Authority, in.Authority.Conversation
	if id == 0 {
		id = in.Found.Conversation
	}
	if _, there := b.rot.Engineer(a.Owner); a.Engineer == "" && there && id != 0 {
		return id, a.Owner
	}
	return id, a.Engineer
}

// doubtfulHeld counts the doubtful mails held in a conversation, and those one
// engineer is asked about.
func (b *batch) doubtfulHeld(id threads.ID, whose string) (of, hers int, err error) {
	err = b.tx.EachHold(func(h store.Hold) bool {
		if !doubtful(h.Why) {
			return true
		}
		if id != 0 && h.Conversation == id {
			of++
		}
		if h.Asked == whose {
			hers++
		}
		return true
	})
	return of, hers, err
}

// tellFlood tells the admins that such mail is set aside from now on, and her
// whose name or token it uses: one of it may be hers. It spends nothing of what
// other notices may.
func (b *batch) tellFlood(key, whose, wait string) error {
	s, err := b.spend(floodBudget+key, floodTold)
	if err != nil {
		return err
	}
	if s.N == 1 {
		err = b.spentAlarm(threads.Conversation{}, "flood."+key, s, "Mail that may be forged is set aside\n"+
			wait+" are held of which nothing shows who wrote them. What comes of that kind now is set aside: nothing of it goes out, nothing is lost, and nobody is told of each.\n"+
			"`postroom held` lists those that wait, and `postroom held discard ID` throws one away; then there is room again. "+
			"`postroom aside` lists what came behind them by sender and subject, and `postroom aside retry ID` has one held like the others, so that its author can confirm it.")
	}
	e, there := b.rot.Engineer(whose)
	if err != nil || !there {
		return err
	}
	if s, err = b.spend(floodBudget+"told/"+whose, floodTold); err != nil || s.N > 1 {
		return err
	}
	n := threads.Notify{
		OutID: b.inEra(fmt.Sprintf("flood.%s.%d", whose, b.now.Unix())), Kind: threads.NoticeAlarm, Engineer: whose,
		Reason: "Mail in your name is set aside\n" +
			"Many mails came with your address, or to a reply address of yours, and nothing shows that you wrote them. What comes of that kind now is set aside without asking you about each: nothing of it goes out, and nothing is lost.\n" +
			"Did you write one of them? Reply once more to the customer's mail itself, as your mail program offers it, or ask an admin: they can see what was set aside, and have it shown to you.\n" +
			"A mail with nothing but /send lists what is held of yours; there is room again when you have settled it.",
	}
	return b.sendNotice(threads.Conversation{}, n, nil, threads.Address{Name: e.Name, Addr: e.Email}, n.OutID)
}

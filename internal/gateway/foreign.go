package gateway

import (
	"fmt"
	"slices"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// ForeignKey is the name under which the store keeps when mail of another
// Postroom was last found in the mailbox, a time.Time; ForeignFor is how long
// that is held against it: longer than the pause between two probes of it.
const (
	ForeignKey = "foreign-postroom"
	ForeignFor = 2 * time.Hour
)

const (
	foreignBudget = "budget/foreign"
	foreignTold   = 24 * time.Hour
	foreignNote   = "it has the form of Postroom's own mail, and is none of this one's"
)

// foreign reports whether a mail of the followed folder is another Postroom's,
// which sends from our address. Taken for a customer's, each of its copies
// would make one of ours, and each of ours one of its: they go round for good,
// and grow. An id of ours that is known is no sign of it: mail that merely
// bears one is a customer's.
func (b *batch) foreign(ix *store.Index, m *threads.Mail, where threads.Where) bool {
	n := b.g.names
	if where.Sent || !n.Ours(m.Sender().Addr) {
		return false
	}
	strange := func(id string) bool {
		return !slices.ContainsFunc(ix.ID(id), func(k threads.Known) bool { return k.Kind != threads.KnownMention })
	}
	return n.MailForm(m.MessageID) && strange(m.MessageID) ||
		len(m.References) > 0 && n.RootForm(m.References[0]) && strange(m.References[0]) ||
		b.formOfOurs(m, where) && strange(m.MessageID)
}

// fromForeign records such a mail, given to nobody, and tells the admins once
// a day.
func (b *batch) fromForeign(l *letter) (*store.Outcome, error) {
	m := &l.msg.Mail
	s, err := b.spend(foreignBudget, foreignTold)
	if err == nil && s.N == 1 {
		err = b.spentAlarm(threads.Conversation{}, "foreign", s, fmt.Sprintf("Another Postroom works on this mailbox\n"+
			"Mail from %s came into the mailbox that has the form of Postroom's own and is none of this one's, first %q. "+
			"Two Postrooms on one mailbox give each customer's mail to two engineers, who may both answer it: stop one of them. "+
			"Where this one's state was begun anew a short while ago, it may be what the old one still had on its way; `postroom check --online` run elsewhere sends such a mail, too.\n"+
			"Such mail is given to nobody, lest it goes round in circles: `postroom recorded` lists it, and `postroom recorded distribute N` hands one out. "+
			"`postroom status` says so until none has come for two hours.", m.Sender().Addr, clipped(m.Subject, 80)))
	}
	if err == nil {
		err = b.tx.SetMeta(ForeignKey, b.now)
	}
	if err == nil {
		err = b.list(l.uid, m, l.size, string(threads.ClassOwn), foreignNote)
	}
	if err != nil {
		return nil, err
	}
	b.after = append(b.after, func() { b.g.log.Warn("another_postroom", "uid", l.uid.String(), "msgid", m.MessageID) })
	o := &store.Outcome{Kind: store.OutcomeUnseen, Class: string(threads.ClassOwn), Note: foreignNote}
	return o, b.know(l, threads.KnownTheirs, 0, 0)
}

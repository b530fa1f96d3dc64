package gateway

import (
	"postroom/internal/store"
	"postroom/threads"
)

// The domain log: one line for each thing that happened to a mail or a
// conversation. The message is the event's name; the keys are the same
// everywhere: conv, event, msgid, uid, class, engineer, job, recipient,
// reason. Texts are never logged.

func (g *Gateway) logReceived(l *letter, f threads.Found) {
	m := &l.msg.Mail
	g.log.Info("received", "uid", l.uid.String(), "msgid", m.MessageID, "size", m.Size, "problems", len(m.Problems))
	if f.Conversation != 0 {
		g.log.Info("threaded", "conv", f.Conversation, "msgid", m.MessageID, "matched", f.Reason)
	}
}

func (g *Gateway) logEvent(conv threads.ID, e threads.Event) {
	args := []any{"conv", conv, "event", e.N}
	switch b := e.Body.(type) {
	case threads.Opened:
		args = append(args, "linked", b.Linked)
	case threads.Received:
		args = append(args, "msgid", b.MessageID, "class", b.Class, "matched", b.Matched, "evidence", b.Evidence)
		g.log.Info("filed", args...)
		return
	case threads.Joined:
		args = append(args, "by", b.By)
	case threads.Assigned:
		args = append(args, "engineer", b.Engineer, "from", b.From, "how", b.How, "reason", b.Why)
	case threads.Waiting:
		args = append(args, "reason", b.Why)
	case threads.Copied:
		args = append(args, "engineer", b.Engineer, "job", b.OutID, "msgid", b.MessageID)
	case threads.Accepted:
		args = append(args, "engineer", b.Author, "job", b.OutID, "msgid", b.MessageID)
	case threads.Noted:
		args = append(args, "engineer", b.Author)
	case threads.HeldBack:
		return // the hold itself is logged, with more
	case threads.Settled:
		args = append(args, "hold", b.Hold, "by", b.By, "how", b.How)
	case threads.Closed:
		args = append(args, "by", b.By)
	case threads.Reopened:
		args = append(args, "reason", b.Why)
	case threads.Delivered:
		return // logged with the recipient's outcome
	case threads.Bounced:
		args = append(args, "job", b.OutID, "recipient", b.Recipient, "action", b.Action, "status", b.Status)
	case threads.CameBack:
		args = append(args, "job", b.OutID, "alias", b.Alias)
	case threads.Offered:
		args = append(args, "engineers", len(b.To), "until", b.Until, "reason", b.Why)
	case threads.Snoozed:
		args = append(args, "engineer", b.By, "until", b.Until)
	case threads.Woken:
		args = append(args, "reason", b.Why)
	case threads.Reminded:
		args = append(args, "engineer", b.Engineer)
	case threads.Overdue:
		args = append(args, "engineer", b.Engineer, "reason", b.Why)
	case threads.Ordered:
		args = append(args, "engineer", b.By, "commands", len(b.Words))
	case threads.Saved:
		args = append(args, "engineer", b.By, "name", b.Name)
	case threads.Merged:
		args = append(args, "engineer", b.By, "into", b.Into)
	case threads.Absorbed:
		args = append(args, "engineer", b.By, "from", b.From)
	case threads.Carried:
		args = append(args, "from", b.From, "of", b.Event)
	case threads.SplitOff:
		args = append(args, "engineer", b.By, "of", b.Event, "into", b.Into)
	case threads.Invited:
		args = append(args, "by", b.By, "people", len(b.Addresses))
	case threads.Tagged:
		args = append(args, "by", b.By, "on", b.On, "off", b.Off)
	case threads.Renamed:
		args = append(args, "by", b.By)
	case threads.Junked:
		args = append(args, "by", b.By)
	case threads.Refused:
		args = append(args, "engineer", b.Engineer, "command", b.Command, "reason", b.Why)
	case threads.OriginalsAsked:
		args = append(args, "for", b.For, "by", b.By)
	case threads.Burnt:
		args = append(args, "engineer", b.Engineer, "reason", b.Why)
	}
	g.log.Info(e.Kind(), args...)
}

func (g *Gateway) logHeld(h store.Hold) {
	g.log.Warn("held", "hold", h.ID, "conv", h.Conversation, "engineer", h.Engineer, "why", h.Why, "reason", h.Reason)
}

func (g *Gateway) logQueued(m store.OutMail) {
	g.log.Info("queued", "job", m.ID, "kind", m.Kind, "conv", m.Conversation, "msgid", m.MessageID, "size", m.Size)
}

func (g *Gateway) logDelivery(m store.OutMail, r store.Recipient) {
	args := []any{"job", m.ID, "kind", m.Kind, "conv", m.Conversation, "msgid", m.MessageID, "recipient", r.Address, "reply", r.Reply}
	if r.State == store.OutSent {
		g.log.Info("sent", args...)
		return
	}
	g.log.Warn(string(r.State), args...)
}

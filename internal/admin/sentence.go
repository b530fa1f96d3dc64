package admin

import (
	"fmt"
	"strings"
	"time"

	"postroom/threads"
)

// tell puts an event into words. The words may hold header text: whoever
// shows them escapes them.
func (m *Moment) tell(body threads.EventBody) {
	if c, ok := body.(threads.Carried); ok {
		m.tell(threads.Event{Body: c}.Told().Body)
		m.What = fmt.Sprintf("From conversation %d, %s: %s", c.From, c.At.UTC().Format(time.RFC3339), m.What)
		return
	}
	switch b := body.(type) {
	case threads.Received:
		m.tellReceived(b)
	case threads.Accepted:
		m.tellAccepted(b)
	case threads.Assigned:
		m.tellAssigned(b)
	case threads.HeldBack:
		m.Who, m.MessageID, m.Reason = b.From.Addr, b.MessageID, string(b.Kind)+": "+b.Reason
		m.What = "Held back as " + b.Hold + ": " + heldWhat(b) + "; nothing of it went out"
		if b.Asked != "" {
			m.What += ", and " + b.Asked + " was asked"
		}
	case threads.Delivered, threads.Bounced, threads.CameBack, threads.Copied:
		m.tellDelivery(b)
	default:
		m.tellState(body)
	}
}

// tellState puts into words what is about the conversation and no mail of it.
func (m *Moment) tellState(body threads.EventBody) {
	switch b := body.(type) {
	case threads.Opened:
		m.tellOpened(b)
	case threads.Joined:
		m.Who, m.What = b.Address.Addr, person(b.Address)+" joined, who was no participant"
		m.Reason = matchedWords(threads.Reason(b.By))
	case threads.Waiting:
		m.What, m.Reason = "It waits: nobody could be given it", b.Why
	case threads.Noted:
		m.Who, m.MessageID, m.What = b.Author, b.MessageID, "Internal note by "+b.Author
		if len(b.To) > 0 {
			m.What += ", sent to " + strings.Join(b.To, ", ")
		}
	case threads.Ordered:
		m.Who, m.What = b.By, b.By+" wrote "+strings.Join(b.Words, ", ")
	case threads.Saved:
		m.Who, m.What = b.By, b.By+" kept the text as the saved answer "+b.Name
	case threads.Merged:
		m.Who, m.What = b.By, fmt.Sprintf("%s merged it into conversation %d: what comes for it arrives there", b.By, b.Into)
	case threads.Absorbed:
		m.Who, m.What = b.By, fmt.Sprintf("%s merged conversation %d into it: %s", b.By, b.From, subject(b.Subject))
	case threads.SplitOff:
		m.Who, m.What = b.By, fmt.Sprintf("%s made the mail of event %d conversation %d", b.By, b.Event, b.Into)
	case threads.Invited:
		m.Who, m.What = b.By, "Every answer goes in copy to "+people(b.Addresses)+" from here on, as "+b.By+" asked"
	case threads.Tagged:
		m.Who, m.What = b.By, "Tags changed by "+b.By+":"+marked(" +", b.On)+marked(" -", b.Off)
	case threads.Renamed:
		m.Who, m.What = b.By, "Our answers are called "+subject(b.Subject)+" from here on, as "+b.By+" asked"
	case threads.Junked:
		m.Who, m.What = b.By, "Put away as spam by "+b.By+": what its people write no longer opens it"
	case threads.Settled:
		m.Who, m.What = b.By, "Held mail "+b.Hold+" was "+b.How+", as "+b.By+" decided"
	case threads.Closed:
		m.Who, m.What = b.By, "Closed by "+b.By
	case threads.Reopened:
		m.What, m.Reason = "Open again", b.Why
	case threads.Offered:
		m.What, m.Reason = fmt.Sprintf("On offer to %s until %s: whoever answers first or takes it has it", strings.Join(b.To, ", "), instant(b.Until)), b.Why
	case threads.Snoozed:
		m.Who, m.What = b.By, "Laid aside by "+b.By+" until "+instant(b.Until)+", or until the customer writes"
	case threads.Woken:
		m.What, m.Reason = "No longer laid aside", b.Why
	case threads.Reminded:
		m.What, m.Reason = "Half of the time to reply is over", b.Why
		if b.Engineer != "" {
			m.What += ", and " + b.Engineer + " was reminded"
		}
	case threads.Overdue:
		m.What, m.Reason = "The time to reply is over", b.Why
	case threads.Refused:
		m.Who, m.What, m.Reason = b.Engineer, "/"+b.Command+" of "+b.Engineer+" was not done, and the engineer was told why", b.Why
	case threads.OriginalsAsked:
		m.Who, m.What = b.By, b.By+" asked for the mails as they came"
		if b.For != b.By {
			m.What += ", for " + b.For
		}
	case threads.Burnt:
		m.Who, m.Reason = b.Engineer, b.Why
		m.What = "The reply address of " + b.Engineer + " no longer proves anything; her next copy brings a new one"
	default:
		m.What = "Something this version has no words for: " + m.Kind
	}
}

func marked(mark string, words []string) (text string) {
	for _, w := range words {
		text += mark + w
	}
	return text
}

func (m *Moment) tellOpened(b threads.Opened) {
	m.Who, m.What = b.Customer.Addr, "Opened by "+person(b.Customer)+": "+subject(b.Subject)
	switch {
	case b.History:
		m.Reason = "it was in the mailbox before Postroom; it is assigned to nobody"
	case b.Split != 0:
		m.Reason = fmt.Sprintf("it was a mail of conversation %d, which an engineer split off", b.Split)
	case b.Linked != 0:
		m.Reason = fmt.Sprintf("it continues conversation %d, which has been closed for long and had another subject", b.Linked)
	default:
		m.Reason = matchedWords(threads.ByNothing)
	}
}

func (m *Moment) tellReceived(b threads.Received) {
	m.Who, m.MessageID, m.Problems = b.From.Addr, b.MessageID, b.Problems
	m.What = "Mail from " + person(b.From)
	if len(b.To)+len(b.Cc) > 0 {
		m.What += " to " + people(append(append([]threads.Address(nil), b.To...), b.Cc...))
	}
	m.What += ": " + subject(b.Subject)
	m.Reason = matchedWords(b.Matched) + "; taken for " + string(b.Class)
	if e := strings.TrimPrefix(b.Evidence, string(b.Class)+": "); e != "" {
		m.Reason += " (" + e + ")"
	}
	if b.Silent {
		m.Reason += "; nobody was told, since no person wrote it"
	}
}

func (m *Moment) tellAccepted(b threads.Accepted) {
	m.Who, m.MessageID = b.Author, b.MessageID
	by := " by " + b.Author
	if b.Author == "" {
		by = " written by hand"
	}
	m.What = "Answer" + by + " to " + people(append(append([]threads.Address(nil), b.To...), b.Cc...))
	if b.Answers != 0 {
		m.What += fmt.Sprintf(", on the mail of event %d", b.Answers)
	}
	if len(b.Added) > 0 {
		m.What += "; " + people(b.Added) + " joined, whom the author wrote to directly"
	}
	switch {
	case b.Hold != "":
		m.Reason = "held mail " + b.Hold + " was released"
	case b.Author == "":
		m.Reason = "it was written from the shared mailbox itself and found in the folder of sent mail"
	default:
		m.Reason = "the mail came from an address of the author's, with a token made for the author"
	}
}

func (m *Moment) tellAssigned(b threads.Assigned) {
	m.Who, m.What, m.Reason = b.Engineer, "Given to "+b.Engineer, b.Why
	if b.From != "" {
		m.What += ", who takes over from " + b.From
	}
	switch b.How {
	case threads.HowTurn:
		m.What += ", whose turn it is"
	case threads.HowKept:
		m.What += ", who had it before it waited"
	case threads.HowTaken:
		m.What += ", by the engineer's own doing"
	case threads.HowHand:
		m.What += ", by hand"
	}
}

func (m *Moment) tellDelivery(body threads.EventBody) {
	switch b := body.(type) {
	case threads.Copied:
		m.Who, m.MessageID = b.Engineer, b.MessageID
		m.What = fmt.Sprintf("Copy of the mail of event %d queued to %s as %s", b.Of, b.Engineer, b.OutID)
	case threads.Delivered:
		m.Who, m.Reason = b.Recipient, b.Reply
		if b.Reply != "" && b.Reply[0] >= '2' && b.Reply[0] <= '5' {
			m.Reason = "the mail server said " + b.Reply // RFC 5321 §4.2: a reply begins with its code
		}
		m.What = "Mail " + b.OutID + " to " + b.Recipient + ": " + stateWords(b.State)
	case threads.Bounced:
		m.Who, m.MessageID = b.Recipient, b.MessageID
		m.What = "A report came about mail " + b.OutID + ": " + b.Action
		if b.Recipient != "" {
			m.What += " for " + b.Recipient
		}
		m.Reason = strings.TrimSpace(b.Status + " " + b.Diagnostic)
	case threads.CameBack:
		m.MessageID = b.Alias
		m.What = "Our own copy of mail " + b.OutID + " came back: the mail server took it"
		if b.Alias != "" {
			m.What += ", and it travels as " + b.Alias
		}
	}
}

func stateWords(state string) string {
	switch state {
	case "sent":
		return "the mail server took it"
	case "failed":
		return "it could not be delivered"
	case "unknown":
		return "the connection broke off, so it may or may not have been taken"
	case "again":
		return "it is sent again"
	case threads.DeliveryLate:
		return "it still waits, and its author was told"
	}
	return state
}

func heldWhat(b threads.HeldBack) string {
	if b.From.Addr == "" {
		return "an answer that may have gone out already"
	}
	return "a mail from " + person(b.From)
}

func matchedWords(r threads.Reason) string {
	switch r {
	case threads.ByReplyAddress:
		return "it came to a reply address of this conversation"
	case threads.ByInReplyTo:
		return "its In-Reply-To names a mail of this conversation"
	case threads.ByReferences:
		return "its References name a mail of this conversation"
	case threads.ByAncestor:
		return "it names a mail that was never seen here, as another mail of this conversation does"
	case threads.ByRoot:
		return "its References carry this conversation's own id"
	case threads.ByNothing, "":
		return "it belongs to no conversation there was"
	}
	return "matched by " + string(r)
}

// instant is a time as people write it.
func instant(t time.Time) string { return threads.SayTime(t.UTC()) + " UTC" }

// person is an address as people write it.
func person(a threads.Address) string {
	switch {
	case a.Addr == "" && a.Name == "":
		return "somebody who gave no address"
	case a.Addr == "":
		return a.Name
	case a.Name == "":
		return a.Addr
	}
	return a.Name + " <" + a.Addr + ">"
}

// maxPeople bounds the addresses one sentence names.
const maxPeople = 5

func people(list []threads.Address) string {
	var names []string
	for i, a := range list {
		if i == maxPeople {
			names = append(names, fmt.Sprintf("%d more", len(list)-maxPeople))
			break
		}
		names = append(names, person(a))
	}
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

func subject(s string) string {
	if strings.TrimSpace(s) == "" {
		return "(no subject)"
	}
	return s
}

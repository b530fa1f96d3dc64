package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// The bounds of one request for originals. What is left out is named.
const (
	maxOriginals     = 100       // mails, the newest
	maxOriginalTotal = 100 << 20 // octets of them together
	maxOriginal      = 50 << 20  // octets of one
	parcelSize       = 10 << 20  // octets in one mail of ours; a bigger one has a mail of its own
)

// fetchOriginals queues the fetches of a conversation's mails for somebody who
// asked. Who has asked already and waits is not sent them twice.
func (b *batch) fetchOriginals(c threads.Conversation, e threads.FetchOriginals) error {
	waits := false
	err := b.tx.EachWanted(func(w store.Wanted) error {
		waits = waits || w.Conversation == uint64(c.ID) && w.For == e.For
		return nil
	})
	if err != nil || waits {
		return err
	}
	to, ok := b.asker(e.For)
	if !ok {
		return fmt.Errorf("%s is neither in the rotation nor an admin", e.For)
	}
	if ok, err := b.afford(c, to.Addr); err != nil || !ok {
		return err
	}
	w := store.Wanted{ID: e.OutID, Conversation: uint64(c.ID), For: e.For, Event: e.Event, At: b.now}
	fetches, err := b.originalsOf(c, &w)
	if err != nil {
		return err
	}
	for _, f := range fetches {
		if err := b.tx.AddFetch(f); err != nil {
			return err
		}
	}
	if w.Open() == 0 {
		return b.bring(w)
	}
	return b.tx.SetWanted(w)
}

// asker is the person originals are for, as the rotation file has her now.
func (b *batch) asker(who string) (threads.Address, bool) {
	if e, ok := b.rot.Engineer(who); ok {
		return threads.Address{Name: e.Name, Addr: e.Email}, true
	}
	return threads.Address{Addr: who}, b.rot.IsAdmin(who)
}

// originalsOf fills in the mails of a conversation, oldest first, and returns
// the fetches of those that may be had. An engineer's own mails are none of
// them: they hold her token, and what the customer got is our answer.
func (b *batch) originalsOf(c threads.Conversation, w *store.Wanted) ([]store.Fetch, error) {
	events, err := b.tx.Events(c.ID)
	if err != nil {
		return nil, err
	}
	aliases := map[string][]string{}
	for _, e := range events {
		if back, ok := e.Body.(threads.CameBack); ok && back.Alias != "" {
			aliases[back.OutID] = append(aliases[back.OutID], back.Alias)
		}
	}
	var fetches []store.Fetch
	total := int64(0)
	for _, e := range slices.Backward(events) { // the newest count first
		f := store.Fetch{Wanted: w.ID, Event: e.N, Max: maxOriginal}
		switch body := e.Body.(type) {
		case threads.Received:
			if body.Silent {
				continue
			}
			f.MessageIDs, f.Size = []string{body.MessageID}, body.Size
		case threads.Accepted:
			f.Own, f.MessageIDs = true, append([]string{body.MessageID}, aliases[body.OutID]...)
		default:
			continue
		}
		if accepted, ours := e.Body.(threads.Accepted); !ours || accepted.Author == "" {
			if f.UID, _, err = b.tx.UIDOf(c.ID, e.N); err != nil {
				return nil, err
			}
		}
		f.MessageIDs = slices.DeleteFunc(f.MessageIDs, func(id string) bool { return id == "" })
		total += f.Size
		if w.Older > 0 || len(w.Mails) == maxOriginals || total > maxOriginalTotal {
			w.Older++
			continue
		}
		m := store.WantedMail{Event: e.N, Own: f.Own}
		if f.UID == (store.UID{}) && len(f.MessageIDs) == 0 {
			m.Why = "nobody knows where it lies"
		} else {
			fetches = append(fetches, f)
		}
		w.Mails = append(w.Mails, m)
	}
	slices.Reverse(w.Mails)
	slices.Reverse(fetches)
	return fetches, nil
}

// fetched handles what a fetch came to. The mails are made when the last is
// here, each from a record of its own: reading them takes its time. A result
// nobody waits for is let go.
func (b *batch) fetched(in store.InFetched) error {
	w, ok, err := b.tx.Wanted(in.Wanted)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(w.Mails, func(m store.WantedMail) bool { return m.Event == in.Event })
	if !ok || in.Event != 0 && (i < 0 || w.Mails[i].Here || w.Mails[i].Why != "") {
		if in.Event != 0 && in.Why == "" {
			return b.tx.Release(in.Raw)
		}
		return nil
	}
	if in.Event != 0 {
		m := &w.Mails[i]
		m.Here, m.Raw, m.Why = in.Why == "", in.Raw, in.Why
		if err := b.impostor(m, in.UID); err != nil {
			return err
		}
	}
	if w.Open() > 0 {
		return b.tx.SetWanted(w)
	}
	return b.bring(w)
}

// impostor drops what bears the Message-ID of an answer of ours, lies among
// the customers' mail and is not what we sent.
func (b *batch) impostor(m *store.WantedMail, uid store.UID) error {
	if !m.Here || !m.Own || uid.Folder != b.g.cfg.Folder {
		return nil
	}
	l, err := b.letter(m.Raw, uid)
	if err != nil {
		return err
	}
	ix, mail := b.tx.Index(), &l.msg.Mail
	if _, own := threads.Own(ix, b.g.names, mail, threads.Match(ix, b.g.names, mail, b.now), threads.Where{}); own {
		return ix.Err()
	}
	ref := m.Raw
	m.Here, m.Raw, m.Why = false, store.Ref{}, "what bears its Message-ID in the mailbox is not what was sent"
	return b.tx.Release(ref)
}

// bring makes the next mail of those that are here, and asks for the one
// behind it.
func (b *batch) bring(w store.Wanted) error {
	parts := originalParts(w.Mails, cmp.Or(b.g.cfg.Parcel, parcelSize))
	n, from := 0, 0
	for from < w.Sent && n < len(parts) {
		from += parts[n]
		n++
	}
	part := w.Mails[from : from+parts[n]]
	c, _, err := b.tx.Conversation(threads.ID(w.Conversation))
	if err != nil {
		return err
	}
	if to, ok := b.asker(w.For); ok { // else who asked has left
		p := parcel{outID: fmt.Sprintf("%s%d", w.ID, n), to: to, who: w.For, event: w.Event, no: n + 1, of: len(parts)}
		for _, m := range part {
			if m.Here {
				p.events, p.refs = append(p.events, m.Event), append(p.refs, m.Raw)
			}
		}
		if n == 0 {
			if p.missing, err = b.missing(c, w); err != nil {
				return err
			}
		}
		if err := b.sendParcel(c, p); err != nil {
			return err
		}
	}
	for _, m := range part {
		if m.Here {
			if err := b.tx.Release(m.Raw); err != nil {
				return err
			}
		}
	}
	if n+1 == len(parts) {
		return b.tx.DropWanted(w.ID)
	}
	w.Sent = from + len(part)
	if err := b.tx.SetWanted(w); err != nil {
		return err
	}
	return b.tx.AddInbox(store.InboxRecord{At: b.now, Fetched: &store.InFetched{Wanted: w.ID}})
}

// originalParts says how many of the mails go into each mail of ours.
func originalParts(mails []store.WantedMail, limit int64) []int {
	parts, sum := []int{0}, int64(0)
	for _, m := range mails {
		if size := m.Raw.Length; m.Here {
			if sum > 0 && sum+size > limit {
				parts, sum = append(parts, 0), 0
			}
			sum += size
		}
		parts[len(parts)-1]++
	}
	return parts
}

// parcel is one mail of originals.
type parcel struct {
	outID   string
	to      threads.Address
	who     string
	event   int
	no, of  int // which of how many
	events  []int
	refs    []store.Ref // of the same places
	missing []string    // a line for each that cannot be had
}

// sendParcel composes and queues a mail of originals.
func (b *batch) sendParcel(c threads.Conversation, p parcel) error {
	o := message.Originals{
		To: p.to, ReplyTo: b.g.cfg.Support.Addr, Subject: c.Subject,
		MessageID: b.g.names.MailID(b.g.minter, p.outID), Date: b.now,
	}
	var err error
	if _, engineer := b.rot.Engineer(p.who); engineer {
		if o.ReplyTo, err = b.replyAddress(c, p.who); err != nil {
			return err
		}
		if o.References, o.InReplyTo, err = b.thread(c, p.who, o.MessageID); err != nil {
			return err
		}
	}
	if o.Lines, err = b.parcelLines(c, p); err != nil {
		return err
	}
	gen, err := b.tx.Generation(c, p.who)
	if err != nil {
		return err
	}
	out := outgoing{known: threads.Known{
		Kind: threads.KnownNotice, Event: p.event, Engineer: p.who, Generation: gen,
	}}
	for _, ref := range p.refs {
		l, err := b.letter(ref, store.UID{})
		if err != nil {
			return err
		}
		o.Mails, out.letters = append(o.Mails, l.msg), append(out.letters, l)
	}
	if out.recipe, err = b.g.composer.Originals(o); err != nil {
		return err
	}
	out.mail = store.OutMail{
		ID: p.outID, Kind: store.OutNotice, Event: p.event, To: p.who, Subject: o.Subject, MessageID: o.MessageID, Sources: p.refs,
		Recipients: []store.Recipient{{Address: p.to.Addr, State: store.OutQueued}},
		Originals:  &store.Originals{Events: p.events, Missing: p.missing},
	}
	return b.enqueue(c, out)
}

// smaller sends originals again that the relay finds too big in one mail: one
// in each, and what is too big by itself is named.
func (b *batch) smaller(m store.OutMail) error {
	c, _, err := b.tx.Conversation(threads.ID(m.Conversation))
	if err != nil {
		return err
	}
	to, ok := b.asker(m.To)
	if !ok {
		return b.dropOut(m)
	}
	p := parcel{to: to, who: m.To, event: m.Event, of: max(1, len(m.Sources)), missing: m.Originals.Missing}
	if len(m.Sources) == 1 {
		line, err := b.originalLine(c, m.Originals.Events[0])
		if err != nil {
			return err
		}
		p.missing = append(p.missing, line+": it is larger than the mail server takes")
	}
	for i := range p.of {
		p.outID, p.no = fmt.Sprintf("%s.%d", m.ID, i), i+1
		if len(m.Sources) > 1 {
			p.events, p.refs = m.Originals.Events[i:i+1], m.Sources[i:i+1]
		}
		if err := b.sendParcel(c, p); err != nil {
			return err
		}
		p.missing = nil
	}
	return b.dropOut(m)
}

// parcelLines say what a mail of originals holds.
func (b *batch) parcelLines(c threads.Conversation, p parcel) ([]string, error) {
	var lines []string
	switch {
	case len(p.events) > 0:
		lines = append(lines, firstName(p.to.Name)+", you asked for the mails of this conversation as they came. Oldest first:")
	default:
		lines = append(lines, firstName(p.to.Name)+", you asked for the mails of this conversation as they came.")
	}
	for i, n := range p.events {
		line, err := b.originalLine(c, n)
		if err != nil {
			return nil, err
		}
		lines = append(lines, message.OriginalName(i)+": "+line)
	}
	if len(p.missing) > 0 {
		lines = append(append(lines, "", "These are not attached:"), p.missing...)
	}
	if len(p.events)+len(p.missing) == 0 {
		lines = append(lines, "There is none.")
	}
	if p.of > 1 {
		lines = append(lines, "", fmt.Sprintf("This is mail %d of %d.", p.no, p.of))
	}
	return append(lines, "", "Only you see this. To write to the customer, reply to the customer's mail."), nil
}

// missing names what cannot be had.
func (b *batch) missing(c threads.Conversation, w store.Wanted) ([]string, error) {
	var lines []string
	if w.Older > 0 {
		lines = append(lines, fmt.Sprintf("%d older ones: %d mails and %d MB are the most that is sent at once", w.Older, maxOriginals, maxOriginalTotal>>20))
	}
	for _, m := range w.Mails {
		if m.Here {
			continue
		}
		line, err := b.originalLine(c, m.Event)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line+": "+m.Why)
	}
	return lines, nil
}

// originalLine names the mail of an event.
func (b *batch) originalLine(c threads.Conversation, n int) (string, error) {
	e, ok, err := b.tx.Event(c.ID, n)
	if err != nil {
		return "", err
	}
	from, said := b.teller(e)
	if r, mail := e.Body.(threads.Received); mail {
		from, said = r.From, true
	}
	if !ok || !said {
		return "", errors.New("an original is of no mail")
	}
	return oneLine(shown(from)) + ", " + b.sentAt(e).UTC().Format("2 Jan 2006, 15:04 UTC"), nil
}

// sentAt is when the mail of an event was written, as far as that can be true.
func (b *batch) sentAt(e threads.Event) time.Time {
	if r, mail := e.Body.(threads.Received); mail && !r.Date.IsZero() && !r.Date.After(b.now) {
		return r.Date
	}
	return e.At
}

package store

import (
	"fmt"
	"time"

	"postroom/threads"
)

// compactVersion is the version octet of records that are written and read for
// each mail and so are no JSON: what a number, a text and a time are is said at
// outVersion. Records of version 1 are JSON, and are read as well.
const compactVersion = 2

// compact is a record that has such a form. It reports false for a value that
// it has none for, which is written as JSON then.
type compact interface {
	write(w *recordWriter) bool
}

// compactReader reads what write wrote.
type compactReader interface {
	read(r *recordReader)
}

func encodeCompact(v any) ([]byte, bool) {
	c, ok := v.(compact)
	if !ok {
		return nil, false
	}
	w := recordWriter{append(make([]byte, 0, 96), compactVersion)}
	ok = c.write(&w)
	return w.data, ok
}

// decodeCompact reads a record of compactVersion.
func decodeCompact(data []byte, v any) error {
	c, ok := v.(compactReader)
	if !ok {
		return fmt.Errorf("decoding %T: record version %x is not known", v, data[:1])
	}
	r := recordReader{rest: string(data[1:])}
	c.read(&r)
	if r.broken || r.rest != "" {
		return fmt.Errorf("decoding %T: %x is cut short, or has too much", v, data)
	}
	return nil
}

// date writes a time of any year, with its zone.
func (w *recordWriter) date(t time.Time) {
	data, err := t.MarshalBinary()
	if err != nil { // a zone of seconds, or further off than a day
		data, _ = t.UTC().MarshalBinary()
	}
	w.text(string(data))
}

func (r *recordReader) date() (t time.Time) {
	if err := t.UnmarshalBinary([]byte(r.text())); err != nil {
		r.rest, r.broken = "", true
	}
	return t
}

func (u UID) write(w *recordWriter) bool {
	w.text(u.Folder)
	w.number(uint64(u.Validity))
	w.number(uint64(u.UID))
	return true
}

func (u *UID) read(r *recordReader) {
	u.Folder, u.Validity, u.UID = r.text(), uint32(r.number()), uint32(r.number())
}

func (ref Ref) write(w *recordWriter) bool {
	w.number(ref.Segment)
	w.number(uint64(ref.Offset))
	w.number(uint64(ref.Length))
	return true
}

func (ref *Ref) read(r *recordReader) {
	ref.Segment, ref.Offset, ref.Length = r.number(), int64(r.number()), int64(r.number())
}

func (o Outcome) write(w *recordWriter) bool {
	w.text(string(o.Kind))
	w.number(o.Conversation)
	w.number(uint64(o.Event))
	w.text(o.Class)
	w.text(o.Note)
	return true
}

func (o *Outcome) read(r *recordReader) {
	o.Kind, o.Conversation, o.Event = OutcomeKind(r.text()), r.number(), int(r.number())
	o.Class, o.Note = r.text(), r.text()
}

func (o OpenConversation) write(w *recordWriter) bool {
	w.text(o.Owner)
	w.number(oneIf(o.Waits))
	w.number(oneIf(o.Unanswered))
	w.number(oneIf(o.Pending))
	w.date(o.Since)
	return true
}

func (o *OpenConversation) read(r *recordReader) {
	o.Owner = r.text()
	o.Waits, o.Unanswered, o.Pending, o.Since = r.number() > 0, r.number() > 0, r.number() > 0, r.date()
}

func (c Chore) write(w *recordWriter) bool {
	if c.Append != nil || c.Tries < 0 {
		return false
	}
	w.number(c.Seq)
	c.UID.write(w)
	w.text(string(c.Kind))
	w.date(c.At)
	w.number(uint64(c.Tries))
	return true
}

func (c *Chore) read(r *recordReader) {
	c.Seq = r.number()
	c.UID.read(r)
	c.Kind, c.At, c.Tries = ChoreKind(r.text()), r.date(), int(r.number())
}

// tokenRecord is a token as it is stored.
type tokenRecord struct{ threads.Token }

func (t tokenRecord) write(w *recordWriter) bool {
	if t.Generation < 0 {
		return false
	}
	w.number(uint64(t.Kind))
	w.text(t.Engineer)
	w.number(uint64(t.Conversation))
	w.number(uint64(t.Generation))
	w.text(t.OutID)
	w.text(t.Hold)
	return true
}

func (t *tokenRecord) read(r *recordReader) {
	t.Kind, t.Engineer, t.Conversation = threads.TokenKind(r.number()), r.text(), threads.ID(r.number())
	t.Generation, t.OutID, t.Hold = int(r.number()), r.text(), r.text()
}

// The kinds of inbox records that are compact.
const (
	compactMail = iota + 1
	compactHistory
	compactDelivery
)

func (rec InboxRecord) write(w *recordWriter) bool {
	kind := rec.compactKind()
	if kind == 0 {
		return false
	}
	w.number(uint64(kind))
	w.number(rec.Seq)
	w.date(rec.At)
	w.number(uint64(rec.Tries))
	w.text(rec.LastError)
	switch kind {
	case compactMail:
		rec.Mail.write(w)
	case compactHistory:
		rec.History.write(w)
	case compactDelivery:
		rec.Delivery.write(w)
	}
	return true
}

func (rec *InboxRecord) compactKind() int {
	switch {
	case rec.Mail != nil && rec.Mail.Vouch == nil && !rec.Mail.Lost:
		return compactMail
	case rec.History != nil:
		return compactHistory
	case rec.Delivery != nil:
		return compactDelivery
	}
	return 0
}

func (rec *InboxRecord) read(r *recordReader) {
	kind := r.number()
	rec.Seq, rec.At, rec.Tries, rec.LastError = r.number(), r.date(), int(r.number()), r.text()
	switch kind {
	case compactMail:
		rec.Mail = &InMail{}
		rec.Mail.read(r)
	case compactHistory:
		rec.History = &InHistory{}
		rec.History.read(r)
	case compactDelivery:
		rec.Delivery = &Delivery{}
		rec.Delivery.read(r)
	default:
		r.rest, r.broken = "", true
	}
}

func (m *InMail) write(w *recordWriter) {
	m.UID.write(w)
	w.date(m.InternalDate)
	w.number(oneIf(m.Seen))
	m.Raw.write(w)
	w.text(m.Cut)
	w.number(uint64(m.FullSize))
	w.text(m.For)
	w.date(m.Parked)
}

func (m *InMail) read(r *recordReader) {
	m.UID.read(r)
	m.InternalDate, m.Seen = r.date(), r.number() > 0
	m.Raw.read(r)
	m.Cut, m.FullSize, m.For, m.Parked = r.text(), int64(r.number()), r.text(), r.date()
}

func (h *InHistory) write(w *recordWriter) {
	w.text(h.Folder)
	w.number(uint64(h.Validity))
	w.number(oneIf(h.Again))
	w.number(oneIf(h.Also))
	w.number(oneIf(h.Last))
	w.number(uint64(len(h.Mails)))
	for i := range h.Mails {
		m := &h.Mails[i]
		w.number(uint64(m.UID))
		w.date(m.InternalDate)
		w.number(uint64(m.Size))
		w.text(string(m.Header))
	}
}

func (h *InHistory) read(r *recordReader) {
	h.Folder, h.Validity = r.text(), uint32(r.number())
	h.Again, h.Also, h.Last = r.number() > 0, r.number() > 0, r.number() > 0
	if n := r.length(); n > 0 {
		h.Mails = make([]HistoryHeader, n)
	}
	for i := range h.Mails {
		m := &h.Mails[i]
		m.UID, m.InternalDate, m.Size = uint32(r.number()), r.date(), int64(r.number())
		m.Header = []byte(r.text())
	}
}

func (d *Delivery) write(w *recordWriter) {
	w.text(d.OutID)
	w.number(uint64(d.Attempt))
	w.text(string(d.State))
	w.text(string(d.Problem))
	w.recipients(d.Results)
}

func (d *Delivery) read(r *recordReader) {
	d.OutID, d.Attempt = r.text(), int(r.number())
	d.State, d.Problem = OutState(r.text()), DeliveryHurdle(r.text())
	d.Results = r.recipients()
}

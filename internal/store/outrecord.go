package store

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// outVersion is the version octet of a mail on its way: it is read and written
// several times in each attempt, so it is no JSON. Records of version 1 are,
// and those of version 2 end before the originals; both are read as well.
//
// After the octet come the numbers, the times and the texts, in the order of
// the functions below, then the lists, each with its length before it. A number
// is a uvarint, a time that of its nanoseconds since 1970, 0 for none, a text
// its length and octets.
const (
	outVersion       = 3
	withoutOriginals = 2
)

func outTexts(m *OutMail) [12]*string {
	return [...]*string{
		&m.ID, (*string)(&m.Kind), (*string)(&m.State), &m.Author, &m.To, &m.Subject, &m.MessageID,
		&m.EnvelopeFrom, &m.Fallback, &m.OwnCopy, &m.OwnRefused, &m.LastReply,
	}
}

func outTimes(m *OutMail) [5]*time.Time {
	return [...]*time.Time{&m.Queued, &m.Deadline, &m.NextAttempt, &m.AttemptBegan, &m.AttemptEnded}
}

func outNumbers(m *OutMail) [7]uint64 {
	return [...]uint64{
		m.Conversation, uint64(m.Event), uint64(m.Size), uint64(m.Attempts), uint64(m.CopyNo), oneIf(m.EightBit) | oneIf(m.UTF8Header)<<1, oneIf(m.Filed),
	}
}

func oneIf(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// encodeOut writes a mail without its recipe.
func encodeOut(m *OutMail) []byte {
	w := recordWriter{append(make([]byte, 0, 512), outVersion)}
	w.numbers(outNumbers(m))
	for _, t := range outTimes(m) {
		w.time(*t)
	}
	for _, s := range outTexts(m) {
		w.text(*s)
	}
	w.recipients(m.Recipients)
	w.number(uint64(len(m.Sources)))
	for _, ref := range m.Sources {
		w.number(ref.Segment)
		w.number(uint64(ref.Offset))
		w.number(uint64(ref.Length))
	}
	w.texts(m.Accepted)
	w.number(uint64(len(m.Doubt)))
	for n, list := range m.Doubt {
		w.number(uint64(n))
		w.texts(list)
	}
	w.originals(m.Originals)
	return w.data
}

func (w *recordWriter) recipients(list []Recipient) {
	w.number(uint64(len(list)))
	for i := range list {
		rc := &list[i]
		w.number(uint64(rc.Attempts))
		w.number(uint64(rc.Code))
		for _, s := range recipientTexts(rc) {
			w.text(*s)
		}
	}
}

func (r *recordReader) recipients() []Recipient {
	n := r.length()
	if n == 0 {
		return nil
	}
	list := make([]Recipient, n)
	for i := range list {
		rc := &list[i]
		rc.Attempts, rc.Code = int(r.number()), int(r.number())
		for _, s := range recipientTexts(rc) {
			*s = r.text()
		}
	}
	return list
}

func recipientTexts(rc *Recipient) [4]*string {
	return [...]*string{&rc.Address, (*string)(&rc.State), &rc.Enhanced, &rc.Reply}
}

// decodeOut reads a mail. A record of version 1 may hold the recipe too.
func decodeOut(data []byte, m *OutMail) error {
	if len(data) > 0 && data[0] == recordVersion {
		return decode(data, m)
	}
	if len(data) == 0 || data[0] != outVersion && data[0] != withoutOriginals {
		return fmt.Errorf("decoding %T: record version %x is not known", m, data[:min(1, len(data))])
	}
	r := recordReader{rest: string(data[1:])} // one copy, which the texts share
	m.Conversation, m.Event, m.Size = r.number(), int(r.number()), int64(r.number())
	m.Attempts, m.CopyNo = int(r.number()), int(r.number())
	octets := r.number() // what octets over 127 there are: 1 of the mail, 2 of its other form
	m.EightBit, m.UTF8Header, m.Filed = octets&1 > 0, octets&2 > 0, r.number() > 0
	for _, t := range outTimes(m) {
		*t = r.time()
	}
	for _, s := range outTexts(m) {
		*s = r.text()
	}
	m.Recipients = r.recipients()
	if n := r.length(); n > 0 {
		m.Sources = make([]Ref, n)
	}
	for i := range m.Sources {
		m.Sources[i] = Ref{Segment: r.number(), Offset: int64(r.number()), Length: int64(r.number())}
	}
	m.Accepted = r.texts()
	if n := r.length(); n > 0 {
		m.Doubt = make(map[int][]string, n)
		for range n {
			m.Doubt[int(r.number())] = r.texts()
		}
	}
	if data[0] != withoutOriginals {
		m.Originals = r.originals()
	}
	if r.broken || r.rest != "" {
		return fmt.Errorf("decoding %T: %x is cut short, or has too much", m, data)
	}
	return nil
}

// recordWriter writes what recordReader reads.
type recordWriter struct{ data []byte }

func (w *recordWriter) number(n uint64) { w.data = binary.AppendUvarint(w.data, n) }

func (w *recordWriter) numbers(list [7]uint64) {
	for _, n := range list {
		w.number(n)
	}
}

func (w *recordWriter) text(s string) {
	w.number(uint64(len(s)))
	w.data = append(w.data, s...)
}

func (w *recordWriter) texts(list []string) {
	w.number(uint64(len(list)))
	for _, s := range list {
		w.text(s)
	}
}

func (w *recordWriter) time(t time.Time) {
	if t.IsZero() {
		w.number(0)
		return
	}
	w.number(uint64(t.UnixNano()))
}

func (r *recordReader) time() time.Time {
	n := r.number()
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(n)).UTC()
}

// length is the number of elements that follow: each is an octet at least.
func (r *recordReader) length() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.rest, r.broken = "", true
		return 0
	}
	return int(n)
}

func (r *recordReader) texts() []string {
	n := r.length()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = r.text()
	}
	return list
}

func (w *recordWriter) originals(o *Originals) {
	w.number(oneIf(o != nil))
	if o == nil {
		return
	}
	w.number(uint64(len(o.Events)))
	for _, n := range o.Events {
		w.number(uint64(n))
	}
	w.texts(o.Missing)
}

func (r *recordReader) originals() *Originals {
	if r.number() == 0 {
		return nil
	}
	o := &Originals{}
	if n := r.length(); n > 0 {
		o.Events = make([]int, n)
	}
	for i := range o.Events {
		o.Events[i] = int(r.number())
	}
	o.Missing = r.texts()
	return o
}

// rewriteOutbox brings the mails of an older file into the form of today, their
// recipes apart.
func rewriteOutbox(tx *Tx) error {
	var ids [][]byte
	err := tx.bucket(bOutbox).ForEach(func(k, _ []byte) error {
		ids = append(ids, slices.Clone(k))
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		m, _, err := tx.Out(string(id))
		if err != nil {
			return err
		}
		if err := tx.SetOut(m); err != nil {
			return err
		}
	}
	return nil
}

package threads

import (
	"slices"
	"strings"
	"time"
)

// activeFor is how long a conversation may be joined by subject after its
// newest mail.
const activeFor = 14 * 24 * time.Hour

// byTraces finds the conversation of a mail whose ids say nothing.
func byTraces(ix Index, n Names, m *Mail, at time.Time) (ID, Reason) {
	if machine(m) {
		return 0, ByNothing
	}
	if conv := byThreadIndex(ix, m); conv != 0 {
		return conv, ByThreadIndex
	}
	if conv := bySubject(ix, n, m, at); conv != 0 {
		return conv, BySubject
	}
	return 0, ByNothing
}

// byThreadIndex follows Outlook's Thread-Index. One that is no answer's is the
// beginning of a conversation, or a template that many mails were made from.
func byThreadIndex(ix Index, m *Mail) ID {
	t, answer := IndexTrace(m.ThreadIndex)
	if !answer {
		return 0
	}
	return newest(ix.Traces(t))
}

// bySubject joins what a person of a conversation answers under its subject
// while it is active: a reply mark says that it is an answer, or a quotation of
// what others wrote there. A stranger is never joined so, whatever the subject.
//
// A mail that quotes at length and none of it from there answers something
// else, a list's digest perhaps, and is not joined.
//
// A mail that names ids we do not know answers a mail we never saw, unless a
// relay or client changed the id of an answer of ours: we must have sent that
// person one, and no such id is made where her own are.
func bySubject(ix Index, n Names, m *Mail, at time.Time) ID {
	person := n.Person(m).Addr
	if n.shared(m, person) {
		person = viaKey(m)
	}
	kind := byte(traceSubject)
	if len(m.InReplyTo)+len(m.References) > 0 {
		kind = traceAnswer
	}
	t := personTrace(kind, person, m.SubjectBase)
	if t == "" {
		return 0
	}
	alive := slices.DeleteFunc(slices.Clone(ix.Traces(t)), func(conv ID) bool {
		active := ix.Active(conv)
		return active.IsZero() || at.Sub(active) > activeFor
	})
	if m.ReplyMark && len(alive) == 1 && !answersHerOwn(m) && !foreign(ix, m, alive[0]) {
		return alive[0]
	}
	// Of several under one subject it is the one that the mail quotes.
	for _, conv := range slices.Backward(alive) {
		if quotes(ix, m, person, conv) {
			return conv
		}
	}
	return 0
}

// answersHerOwn reports whether the id a mail answers is of the same place as
// the mail's own (RFC 5322 section 3.6.4, id-right): the mail answered is then
// one of hers, or of somebody beside her, and none that a relay of ours sent.
func answersHerOwn(m *Mail) bool {
	at := idRight(m.MessageID)
	named := m.InReplyTo
	if len(named) == 0 && len(m.References) > 0 {
		named = m.References[len(m.References)-1:]
	}
	return at != "" && len(named) > 0 && !slices.ContainsFunc(named, func(id string) bool { return !strings.EqualFold(idRight(id), at) })
}

// idRight is the place of a Message-ID, what follows its last "@".
func idRight(id string) string {
	i := strings.LastIndexByte(id, '@')
	if i < 0 {
		return ""
	}
	return strings.TrimSuffix(id[i+1:], ">")
}

func newest(list []ID) ID {
	if len(list) == 0 {
		return 0
	}
	return list[len(list)-1]
}

// oldAfter is how long a conversation must be closed, or silent where it is
// history, to be old.
const oldAfter = 90 * 24 * time.Hour

// BeginsAnew reports whether a mail that was matched to a conversation starts
// a new, linked one: the conversation is old, and the mail has another
// subject. active is when the conversation's newest mail came.
func BeginsAnew(c *Conversation, m *Mail, active, at time.Time) bool {
	if SameSubject(c.SubjectBase, m.SubjectBase) {
		return false
	}
	switch c.State {
	case StateClosed:
		return at.Sub(c.ClosedAt) > oldAfter
	case StateHistory:
		return !active.IsZero() && at.Sub(active) > oldAfter
	}
	return false
}

// ContinuedIn finds the newest conversation that a mail of the same subject
// began because the one it was matched to was old; 0 when none did.
func ContinuedIn(ix Index, old ID, m *Mail) ID { return newest(ix.Traces(anewTrace(old, m))) }

// Continue records that a mail, matched to an old conversation, began id.
func Continue(r Recorder, old, id ID, m *Mail) error {
	if t := anewTrace(old, m); t != "" {
		return r.AddTrace(t, id)
	}
	return nil
}

// anewTrace is "" under a subject that is too general to tell anything.
func anewTrace(old ID, m *Mail) Trace { return personTrace(traceAnew, old.String(), m.SubjectBase) }

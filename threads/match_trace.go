package threads

import (
	"slices"
	"time"
)

// activeFor is how long a conversation may be joined by subject after its
// newest mail.
const activeFor = 14 * 24 * time.Hour

// byTraces finds the conversation of a mail whose ids say nothing.
func byTraces(ix Index, n Names, m *Mail, at time.Time) (ID, Reason) {
	if machine(m) || m.Class == ClassBulk {
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

// bySubject joins what a person of the conversation answers under its subject
// while it is active. A stranger is never joined so, whatever the subject.
func bySubject(ix Index, n Names, m *Mail, at time.Time) ID {
	if !m.ReplyMark {
		return 0
	}
	person := n.Person(m)
	if n.shared(m, person.Addr) {
		return 0
	}
	t := SubjectTrace(person.Addr, m.SubjectBase)
	if t == "" {
		return 0
	}
	for _, conv := range slices.Backward(ix.Traces(t)) {
		if active := ix.Active(conv); !active.IsZero() && at.Sub(active) <= activeFor {
			return conv
		}
	}
	return 0
}

func newest(list []ID) ID {
	if len(list) == 0 {
		return 0
	}
	return list[len(list)-1]
}

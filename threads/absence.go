package threads

import (
	"slices"
	"time"
)

// Cause is why an engineer is off duty when her hours and the file would have
// her on.
type Cause string

// The causes.
const (
	CauseReply Cause = "out-of-office" // an automatic reply of hers said so
	CauseDead  Cause = "dead-address"  // mail to her comes back: there is no such mailbox
	CauseAsked Cause = "asked"         // /away
	CauseAdmin Cause = "admin"         // an admin put her off duty
)

// Absence is one engineer's absence that is not in the file.
type Absence struct {
	Cause  Cause     `json:"cause"`
	Reason string    `json:"reason,omitempty"` // what the mail or server said, or who asked, in words
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"` // zero: until she or an admin ends it
}

// Over reports whether the absence has ended by itself.
func (a Absence) Over(now time.Time) bool { return !a.Until.IsZero() && !now.Before(a.Until) }

// Words says why she is off duty, to stand behind her name and "is", without
// until when.
func (a Absence) Words() string {
	switch a.Cause {
	case CauseReply:
		return "out of office"
	case CauseDead:
		return "without an address that works"
	}
	if a.Reason == "" {
		return "off duty"
	}
	return "off duty (" + a.Reason + ")"
}

// Absences is who is off duty for another reason than the file's, by key.
type Absences map[string]Absence

// Leave is the absences as Pick and Presence take them.
func (l Absences) Leave() Leave {
	leave := make(Leave, len(l))
	for key, a := range l {
		leave[key] = a.Until
	}
	return leave
}

// AwayFor is how long an automatic reply takes its author off duty; the next
// one renews it.
const AwayFor = 24 * time.Hour

// Last reports whether an engineer is the last one: everybody else of the file
// is away. What we only conclude from machines' mail never takes her off duty.
// Working hours do not matter here: those who sleep come back.
func (r *Rotation) Last(key string, now time.Time, off Leave) bool {
	return !slices.ContainsFunc(r.Engineers, func(e Engineer) bool {
		why := presence(&e, now, weekSecond(now.In(r.Zone(&e))), off)
		return e.Key != key && why != whyAway && why != whyLeave
	})
}

// OutOfOffice returns the engineer whose automatic reply a mail is. It counts
// as hers when it comes from an address of hers and carries a token made for
// her, or comes to the bounce address of a mail to her, which nobody but her
// mail server was told; a machine that answers there in a colleague's name is
// not believed. Everything else may be forged, and says nothing; nor does the
// receipt of who has just read it. bounced is what the mail stands for whose
// bounce address it came to.
func OutOfOffice(ix Index, n Names, r *Rotation, m *Mail, bounced Known) (engineer string, ok bool) {
	if m.Receipt {
		return "", false
	}
	from, ours := sender(r, m)
	hers := bounced.Kind == KnownCopy || bounced.Kind == KnownNotice
	if hers && bounced.Engineer != "" && (!ours || from.Key == bounced.Engineer) {
		_, there := r.Engineer(bounced.Engineer)
		return bounced.Engineer, there
	}
	if !ours || len(m.From) != 1 {
		return "", false
	}
	return from.Key, slices.ContainsFunc(gather(ix, n, m), func(p proof) bool { return p.engineer == from.Key && p.live })
}

// DeadAddress reports whether a status says that there is no such mailbox
// (RFC 3463 §3.2, RFC 7505 §4.2), so that no mail to it can arrive.
func DeadAddress(status string) bool {
	return slices.Contains([]string{"5.1.1", "5.1.6", "5.1.10", "5.2.1"}, status)
}

// Unwelcome reports whether a status is about the mail and not about its
// recipient: its content, its size, a full mailbox, a policy. Another mail, or
// a smaller form of this one, may be taken.
func Unwelcome(status string) bool {
	if slices.Contains([]string{"5.2.2", "5.2.3", "5.3.4"}, status) {
		return true
	}
	return len(status) > 4 && (status[:4] == "5.6." || status[:4] == "5.7.")
}

package probe

import (
	"fmt"
	"strings"
	"time"
)

// Plus is what is known of addresses with a token in them.
type Plus string

// What can be known of them.
const (
	PlusYes     Plus = "yes"        // a mail to one came back
	PlusNo      Plus = "no"         // only a mail to the plain address did, or the relay refused one for good
	PlusUnclear Plus = "unclear"    // nothing came back, or the relay does not take one just now
	PlusUnset   Plus = "not set up" // support.reply_address is not set
)

// Report is what a probe found.
type Report struct {
	At       time.Time `json:"at"`
	OK       bool      `json:"ok"`
	Problems []string  `json:"problems"`

	CameBack bool    `json:"came_back"`
	Seconds  float64 `json:"seconds"` // from sending to being seen in the mailbox

	MessageID      string   `json:"message_id"`
	ArrivedAs      string   `json:"arrived_as"` // its Message-ID in the mailbox
	MessageIDKept  bool     `json:"message_id_kept"`
	RelayWords     string   `json:"relay_words"` // when it took the probe
	ReferencesKept bool     `json:"references_kept"`
	PlusAddressing Plus     `json:"plus_addressing"`
	PlusWords      string   `json:"plus_words"`       // the relay's, when it refused one
	DKIM           []string `json:"dkim"`             // domains that signed it
	EnvelopeSent   string   `json:"envelope_sent"`    // the reverse-path it left with
	EnvelopeBack   string   `json:"envelope_arrived"` // the one it arrived with; "" where the mailbox does not tell
	EnvelopeOwn    bool     `json:"envelope_own"`     // it left with a bounce address of its own
	EnvelopeKept   bool     `json:"envelope_kept"`    // it was taken as we wanted it, and not rewritten
	EnvelopeWords  string   `json:"envelope_words"`   // the relay's, when it refused our bounce address
	FilesSent      bool     `json:"files_sent"`       // the provider put a copy into Sent by itself
	Removed        bool     `json:"removed"`          // from the mailbox again
	TLS            bool     `json:"tls"`              // to the relay
	Offers         []string `json:"offers"`           // SMTP extensions
	MaxSize        int64    `json:"max_size"`         // octets; 0 is no limit
	AbsentFolders  []string `json:"absent_folders"`   // of imap.also; found only where somebody asked

	support string
	folders string // what there is
}

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func (r *Report) learn(a *attempt) {
	r.Offers, r.MaxSize, r.TLS = a.sub.Offers, a.sub.MaxSize, a.sub.TLS
	r.EnvelopeSent, r.EnvelopeWords = a.sub.From, a.sub.FellBack
	r.EnvelopeKept, r.EnvelopeOwn = a.sub.FellBack == "", a.sub.From == a.letter.Bounce && a.sub.From != r.support
}

// Sentences says it in plain words, the good and the bad.
func (r *Report) Sentences() []string {
	var list []string
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for _, p := range r.Problems {
		say("NOT GOOD: %s", p)
	}
	for _, name := range r.AbsentFolders {
		say("NOT GOOD: the mailbox has no folder %q, which imap.also names, so nothing in it is looked at; there are %s", name, r.folders)
	}
	if !r.CameBack {
		return list
	}
	say("The probe was back after %.1f seconds.", r.Seconds)
	if r.MessageIDKept {
		say("Message-IDs are kept.")
	} else {
		say("Message-IDs are rewritten: mail travels as %s and the like. Postroom learns the new one of each mail from its own copy, so that replies find their conversation.", r.ArrivedAs)
	}
	if r.ReferencesKept {
		say("References are kept: threads stay together.")
	} else {
		say("References are changed on the way: replies are found by their address and by In-Reply-To only.")
	}
	switch r.PlusAddressing {
	case PlusYes:
		say("Addresses with a token reach the mailbox.")
	case PlusNo:
		say("Addresses with a token do NOT reach the mailbox%s: leave support.reply_address out, or set it to an address that does.", because(r.PlusWords))
	case PlusUnclear:
		say("Whether addresses with a token reach the mailbox is not clear%s.", because(r.PlusWords))
	case PlusUnset:
		say("Addresses with a token are not set up (support.reply_address): tokens stand in Message-ID and References alone.")
	}
	say("%s", r.envelope())
	if len(r.DKIM) > 0 {
		say("Mail is signed with DKIM by %s.", strings.Join(r.DKIM, ", "))
	} else {
		say("Mail is not signed with DKIM by the time it is back in the mailbox; it may be for others.")
	}
	if r.FilesSent {
		say("The provider files sent mail by itself.")
	}
	say("%s", r.limits())
	if !r.Removed {
		say("The probe stays in the mailbox: the server cannot remove a single message.")
	}
	return list
}

func (r *Report) envelope() string {
	switch {
	case r.EnvelopeWords != "":
		return "The envelope sender is refused" + because(r.EnvelopeWords) + ": mail leaves from the support address, and bounces are matched by what they return."
	case !r.EnvelopeKept:
		return "The envelope sender is rewritten to " + r.EnvelopeBack + ": bounces are matched by what they return."
	case !r.EnvelopeOwn:
		return "Mail leaves from the support address, and bounces are matched by what they return."
	}
	return "The envelope sender is taken as it is, so that bounces find their mail."
}

func (r *Report) limits() string {
	s := "The relay takes mail of any size"
	if r.MaxSize > 0 {
		s = fmt.Sprintf("The relay takes mail of up to %.1f MB", float64(r.MaxSize)/1e6)
	}
	if r.TLS {
		return s + ", over TLS."
	}
	return s + ", NOT over TLS."
}

func because(words string) string {
	if words == "" {
		return ""
	}
	return " (" + words + ")"
}

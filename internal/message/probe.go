package message

import (
	"time"

	"postroom/threads"
)

// Probe is a mail from the support address to itself, to see what the relay
// makes of it.
type Probe struct {
	To         string
	Subject    string
	MessageID  string
	References []string
	Date       time.Time
}

// Probe makes a probe: a notice, with all the marks of automatic mail.
func (c *Composer) Probe(p Probe) (*Recipe, error) {
	n := Notice{
		To: threads.Address{Addr: p.To}, ReplyTo: c.Support.Addr, Subject: p.Subject, MessageID: p.MessageID,
		References: p.References, Date: p.Date,
		Paragraphs: []string{
			"Postroom has sent this mail to itself, to see what the mail server makes of it.",
			"Nobody needs to read it, and Postroom removes it again.",
		},
	}
	if k := len(p.References); k > 0 {
		n.InReplyTo = p.References[k-1]
	}
	return c.Notice(n)
}

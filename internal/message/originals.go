package message

import (
	"fmt"
	"time"

	"postroom/threads"
)

// Originals is a mail that brings the mails of a conversation, as they came,
// to somebody who asked for them.
type Originals struct {
	To         threads.Address
	ReplyTo    string
	Subject    string // of the conversation; one "Re: " goes before it
	MessageID  string
	InReplyTo  string
	References []string
	Date       time.Time

	// Lines say what is in it. Each bears the footer's mark, so that nothing of
	// them goes on in whatever is made of the mail.
	Lines []string
	Links []Link
	Mails []*Message // in order; each is the source of its place
}

// Originals makes such a mail. Each original is attached whole, octet for
// octet, as message/rfc822; one that is not clean 7-bit goes as a file with
// the same name, since message/rfc822 may not be encoded (RFC 2046 §5.2.1).
func (c *Composer) Originals(o Originals) (*Recipe, error) {
	h := &headings{
		support: c.Support, to: []threads.Address{o.To}, replyTo: o.ReplyTo, subject: ReplySubject(o.Subject),
		messageID: o.MessageID, inReplyTo: o.InReplyTo, references: o.References, date: o.Date,
	}
	header, err := h.write(columnNotice)
	if err != nil {
		return nil, fmt.Errorf("composing originals: %w", err)
	}
	e := &entity{
		kind:  []string{"multipart/mixed"},
		parts: []*entity{alternative(footerText(o.Lines, o.Links), footerHTML(o.Lines, o.Links))},
	}
	var sources []Source
	for i, m := range o.Mails {
		part, err := m.attached(i, OriginalName(i))
		if err != nil {
			return nil, fmt.Errorf("composing originals %s: %w", o.MessageID, err)
		}
		e.parts, sources = append(e.parts, part), append(sources, m.src)
	}
	r, err := h.compose(columnNotice, header, e, sources...)
	if err != nil {
		return nil, fmt.Errorf("composing originals %s: %w", o.MessageID, err)
	}
	return r, nil
}

// OriginalName is the file name of the original in a place, from 0.
func OriginalName(i int) string { return fmt.Sprintf("original-%d.eml", i+1) }

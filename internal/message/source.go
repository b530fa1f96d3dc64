package message

import (
	"bytes"

	"postroom/threads"
)

// Source is the raw mail a Message was read from.
func (m *Message) Source() Source { return m.src }

// Unread is a mail that is handed on without being read: reading it is what
// broke.
func Unread(src Source) *Message { return &Message{src: src, Root: &Part{Lines: true}} }

// FromText stands for a mail of which only the text is left.
func FromText(from threads.Address, subject, text string) *Message {
	return &Message{
		Mail: threads.Mail{From: []threads.Address{from}, Subject: subject, Text: text},
		Root: &Part{},
		src:  bytes.NewReader(nil),
	}
}

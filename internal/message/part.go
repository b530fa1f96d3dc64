package message

import (
	"io"

	"postroom/threads"
)

// Source is the raw mail: random access, so that a mail of any size is read
// in pieces and a part of it can be sent on without a copy in memory.
// *bytes.Reader, Octets and a spool reader are Sources.
type Source interface {
	io.ReaderAt
	Size() int64
}

// Octets is a Source that lies in memory, and is read without a copy of it.
// They must not be changed while the Source is used.
type Octets []byte

// ReadAt implements io.ReaderAt.
func (o Octets) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(o)) {
		return 0, io.EOF
	}
	n := copy(p, o[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Size is the number of octets.
func (o Octets) Size() int64 { return int64(len(o)) }

// Message is one mail as read: the facts, and where in the source each part
// lies.
type Message struct {
	Mail   threads.Mail
	Header Header
	Root   *Part
	src    Source
	cr     bool   // lines end with CR alone
	hint   string // charset for raw 8-bit text in the header
	leaves leafFacts
	long   string           // the text to its end where Text is only its beginning, until NewText is read
	cut    bool             // of the text even the end was not read
	list   []*Part          // the parts without children
	depth  int              // reports around this one
	inner  *Message         // the report inside this one, if it was read
	report *reportWords     // while the class is read
	blocks map[*Part]Header // of the mails it returns, while the class is read
}

// Field is one header field. Value is unfolded, without the line end,
// otherwise as it came: not decoded, hostile.
type Field struct {
	Name  string
	Value string
	// Offset and Length give the field's octets in the source, folded, with
	// its line end.
	Offset, Length int64
}

// Header is the fields of a message or part, in their order.
type Header []Field

// Part is one node of the MIME tree. Offsets count from the start of the
// source.
type Part struct {
	Header Header
	// Start is where the part's header begins, Body where its body begins,
	// End behind its last octet (the line end before a boundary is not part
	// of the body, RFC 2046 §5.1.1).
	Start, Body, End int64

	Type        string            // "text/plain", lower case; the default of RFC 2045 §5.2 when missing or broken
	Params      map[string]string // of Content-Type, decoded (RFC 2231), keys in lower case
	Disposition string            // "inline", "attachment", "" (RFC 2183), lower case
	Filename    string            // decoded; for showing only, never a path
	Encoding    string            // Content-Transfer-Encoding, lower case, cleaned; "" means 7bit
	ContentID   string            // without angle brackets
	EightBit    bool              // the body has octets over 127
	Lines       bool              // the body, or the header of a part, has a line over 998 octets, or the body a bare CR or NUL: not to be sent as it is
	LongHeader  bool              // it is the header of the part that has such a line

	Children []*Part // for multipart/*; message/rfc822 is a leaf

	size    int64  // of the decoded body of a leaf
	decoded []byte // that body, while the mail is read, if it is a short text
	kept    bool   // decoded is it
}

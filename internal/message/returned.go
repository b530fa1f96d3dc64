package message

import (
	"bytes"
	"strings"

	"postroom/threads"
)

// returned reads the header of the mail that a report returns: attached, as
// header alone, or below the text. When that is a report itself, the ids it
// returns count too.
func (m *Message) returned(b *threads.Bounce) {
	ids := newIDList()
	for _, p := range m.Leaves() {
		if returnedType(p.Type) {
			m.returnedHeader(b, ids, m.headerOf(p))
		}
	}
	if b.OriginalMessageID == "" {
		for _, p := range m.statusParts() {
			for _, f := range statusFields(m.textOfReport(p)) {
				if f.name == "x-original-message-id" || f.name == "original-message-id" {
					b.OriginalMessageID = messageID(f.value)
				}
			}
		}
	}
	if b.OriginalMessageID == "" {
		m.returnedHeader(b, ids, headerInText(m.words().text))
	}
	if b.OriginalMessageID == "" {
		m.misplacedHeader(b, ids)
	}
	if m.inner != nil && m.inner.Mail.Bounce != nil {
		ids.add(m.inner.Mail.Bounce.OriginalMessageID)
		for _, id := range m.inner.Mail.Bounce.References {
			ids.add(id)
		}
	}
	for _, id := range ids.ids {
		if id != b.OriginalMessageID {
			b.References = append(b.References, id)
		}
	}
}

// misplacedHeader finds the header of a returned mail that stands where the
// header of a part should, or behind the fields of the status.
func (m *Message) misplacedHeader(b *threads.Bounce, ids *idList) {
	for _, p := range m.Leaves() {
		if p != m.Root && p.Header.Has("Message-Id") {
			m.returnedHeader(b, ids, p.Header)
		}
	}
	for _, p := range m.statusParts() {
		if b.OriginalMessageID == "" {
			m.returnedHeader(b, ids, headerInText(m.textOfReport(p)))
		}
	}
}

// headerOf reads the header block at the start of a leaf, once.
func (m *Message) headerOf(p *Part) Header {
	h, ok := m.blocks[p]
	if !ok {
		if m.blocks == nil {
			m.blocks = map[*Part]Header{}
		}
		h = readHeaderBlock(m.beginning(p))
		m.blocks[p] = h
	}
	return h
}

// readHeaderBlock reads one header block from memory: of its fields those that
// tell which mail it is and whose.
func readHeaderBlock(raw []byte) Header {
	s := &treeScan{r: newMemoryReader(bytes.TrimLeft(raw, "\r\n \t")), note: func(string) {}}
	s.h.sieve = tellingField
	p := &Part{}
	s.header(p, true)
	return p.Header
}

func tellingField(name []byte) bool {
	for _, want := range [...]string{"From", "To", "Message-Id", "References", "In-Reply-To", "Return-Path", "Sender", "X-Envelope-To", "Envelope-To", "X-Original-To", "Delivered-To", "X-HmXmrOriginalRecipient"} {
		if len(name) == len(want) && strings.EqualFold(string(name), want) {
			return true
		}
	}
	return false
}

func (m *Message) returnedHeader(b *threads.Bounce, ids *idList, h Header) {
	if b.OriginalMessageID == "" {
		b.OriginalMessageID = messageID(h.Get("Message-Id"))
	}
	ids.add(h.Get("References"))
	ids.add(h.Get("In-Reply-To"))
}

// headerInText finds the header of a returned mail inside a text: the fields
// that matter, wherever they stand, quoted or indented.
func headerInText(text string) Header {
	var h Header
	last := -1
	for l := range strings.SplitSeq(text, "\n") {
		t := strings.TrimLeft(l, "> \t|")
		if last >= 0 && t != "" && len(t) < len(l) && strings.ContainsAny(t, "<@") && !strings.Contains(t, ": ") {
			if len(h[last].Value) < 8<<10 {
				h[last].Value += " " + t
			}
			continue
		}
		last = -1
		if t == "" || t[0]|0x20 != 'm' && t[0]|0x20 != 'r' && t[0]|0x20 != 'i' {
			continue // none of the fields below
		}
		name, value, ok := splitField([]byte(t))
		if !ok || len(h) > 20 {
			continue
		}
		switch strings.ToLower(name) {
		case "message-id", "references", "in-reply-to":
			if h.Has(name) {
				continue // the topmost mail is the one returned
			}
			h = append(h, Field{Name: name, Value: string(value)})
			last = len(h) - 1
		}
	}
	return h
}

// returnedMail is the header of the mail a report returns, as far as it can
// be found; nil when there is none.
func (m *Message) returnedMail() Header {
	for _, p := range m.Leaves() {
		if returnedType(p.Type) {
			if h := m.headerOf(p); len(h) > 0 {
				return h
			}
		}
	}
	_, below := splitReport(m.words().text)
	return readHeaderBlock([]byte(unindent(below)))
}

func returnedType(t string) bool {
	switch t {
	case "message/rfc822", "text/rfc822-headers", "text/rfc822-header", "message/global", "message/global-headers", "message/rfc822-headers", "message/partial":
		return true
	}
	return false
}

// splitReport cuts the text of a report where the returned mail begins.
func splitReport(text string) (lines []string, below string) {
	at := 0
	for l := range strings.SplitAfterSeq(text, "\n") {
		if returnedStarts(l) && !startsWith(l, "message details:") {
			if !startsWith(l, "received:", "return-path:") {
				at += len(l)
			}
			return lines, strings.TrimLeft(text[at:], "\n")
		}
		lines = append(lines, strings.TrimRight(l, "\n"))
		at += len(l)
	}
	return lines, ""
}

// unindent takes the indentation of the first line off all lines.
func unindent(s string) string {
	t := strings.TrimLeft(s, " \t>|")
	prefix := s[:len(s)-len(t)]
	if prefix == "" {
		return s
	}
	return strings.ReplaceAll(t, "\n"+prefix, "\n")
}

// returnedStarts reports the line below which a returned mail stands.
func returnedStarts(l string) bool {
	t := strings.TrimSpace(l)
	if t == "" {
		return false
	}
	switch t[0] | 0x20 {
	case 'o':
		return startsWith(t, "original message follows", "original mail as follows", "original message headers")
	case 'm':
		return startsWith(t, "message details:", "message headers follow")
	case 'r':
		return startsWith(t, "received:", "return-path:")
	case '-':
		t = strings.ToLower(t)
		for _, p := range []string{"copy of the message", "original message", "unsent message", "returned message", "header of the original"} {
			if strings.Contains(t, p) {
				return true
			}
		}
	}
	return false
}

// startsWith reports a line that begins with one of the words, in any case.
func startsWith(l string, words ...string) bool {
	l = strings.TrimSpace(l)
	for _, w := range words {
		if len(l) >= len(w) && strings.EqualFold(l[:len(w)], w) {
			return true
		}
	}
	return false
}

package message

import (
	"io"
	"strings"

	"postroom/threads"
)

// returned reads the header of the mail that a report returns: attached, as
// header alone, or below the text.
func (m *Message) returned(b *threads.Bounce, text string) {
	ids := newIDList()
	for _, p := range m.Leaves() {
		switch p.Type {
		case "message/rfc822", "text/rfc822-headers", "text/rfc822-header", "message/global", "message/global-headers", "message/rfc822-headers", "message/partial":
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
		m.returnedHeader(b, ids, headerInText(text))
	}
	if b.OriginalMessageID == "" {
		m.misplacedHeader(b, ids)
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

// headerOf reads the header block at the start of a leaf.
func (m *Message) headerOf(p *Part) Header {
	raw, _ := io.ReadAll(io.LimitReader(m.Open(p), maxReport))
	return readHeaderBlock(raw)
}

// readHeaderBlock reads one header block from memory.
func readHeaderBlock(raw []byte) Header {
	src := strings.NewReader(strings.TrimLeft(string(raw), "\r\n \t"))
	s := &treeScan{r: newLineReader(src, src.Size()), note: func(string) {}}
	p := &Part{}
	s.header(p, true)
	return p.Header
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

// namedRecipients finds the recipients of a report that has no fields for
// them: in a header field of Exim, as a group of fields in the text, on a
// line of their own.
func (m *Message) namedRecipients(text string) []threads.BounceRecipient {
	var list []threads.BounceRecipient
	add := func(addr, diagnostic string) {
		for _, r := range list {
			if strings.EqualFold(r.Address, addr) {
				return
			}
		}
		if len(list) < 50 {
			list = append(list, threads.BounceRecipient{Address: addr, Action: actionOfText(m.Mail.Subject, text), Status: statusCode(diagnostic), Diagnostic: clip(oneLine(diagnostic), maxDiagnostic)})
		}
	}
	for _, v := range m.Header.All("X-Failed-Recipients") {
		for _, a := range parseAddresses(v, "") {
			add(a.Addr, "")
		}
	}
	if strings.Contains(strings.ToLower(text), "final-recipient:") {
		return append(list, readStatus(text)...)
	}
	lines := strings.Split(clip(text, 16<<10), "\n")
	for i, l := range lines {
		if returnedStarts(l) {
			break
		}
		if addr, rest := lineAddress(l); addr != "" {
			for j := i + 1; j < len(lines) && j < i+6 && strings.TrimSpace(lines[j]) != ""; j++ {
				if a, _ := lineAddress(lines[j]); a != "" {
					break
				}
				rest += " " + strings.TrimSpace(lines[j])
			}
			add(addr, strings.TrimSpace(rest))
		}
	}
	return list
}

// lineAddress reads a line that begins with an address alone: "<a@b>:" as
// qmail writes, "  a@b" as Exim does.
func lineAddress(l string) (addr, rest string) {
	t := strings.TrimLeft(l, " \t*-")
	if strings.HasPrefix(t, "<") {
		a, rest, ok := strings.Cut(t[1:], ">")
		if ok && strings.Count(a, "@") == 1 && !strings.ContainsAny(a, " \t") {
			return a, strings.TrimLeft(rest, ": ")
		}
		return "", ""
	}
	t = strings.TrimSpace(t)
	t = strings.TrimRight(t, ":")
	if len(t) < len(l) && strings.Count(t, "@") == 1 && !strings.ContainsAny(t, " \t<>\"/=") && strings.IndexByte(t, '@') > 0 {
		return t, ""
	}
	return "", ""
}

// returnedStarts reports the line below which a returned mail stands.
func returnedStarts(l string) bool {
	t := strings.ToLower(strings.TrimSpace(l))
	if strings.HasPrefix(t, "original message follows") || strings.HasPrefix(t, "message details:") || strings.HasPrefix(t, "original mail as follows") ||
		strings.HasPrefix(t, "received:") || strings.HasPrefix(t, "return-path:") {
		return true
	}
	if !strings.HasPrefix(t, "-") {
		return strings.HasPrefix(t, "original message headers") || strings.HasPrefix(t, "message headers follow")
	}
	for _, p := range []string{"copy of the message", "original message", "unsent message", "returned message", "header of the original"} {
		if strings.Contains(t, p) {
			return true
		}
	}
	return false
}

package message

import (
	"slices"
	"strings"

	"postroom/threads"
)

// namedRecipients finds the recipients of a report that has no fields for
// them. Where a report says it best comes first: as fields in its text, on
// lines that begin with the address, in the transcript of the session, in a
// sentence; else they are those of the mail returned.
func (m *Message) namedRecipients() []threads.BounceRecipient {
	text := m.words().text
	if namesFinal(text) {
		if list := addressed(readStatus(text)); len(list) > 0 {
			return list
		}
	}
	returned := m.returnedMail()
	n := &recipientSearch{text: clip(text, maxReport/4), senders: m.returnedSenders(returned)}
	n.lines, _ = splitReport(n.text)
	n.search()
	list := n.named(m.failedRecipients())
	if len(list) == 0 {
		list = m.returnedRecipients(returned)
	}
	action := m.words().action(m.Mail.Subject)
	for i := range list {
		r := &list[i]
		r.Action = action
		if r.Status = errorStatus(r.Diagnostic, action); r.Status == "" && len(list) == 1 {
			r.Status = errorStatus(strings.Join(n.lines, " "), action)
		}
		r.Diagnostic = clip(oneLine(r.Diagnostic), maxDiagnostic)
	}
	return list
}

// namesFinal reports the name of a field of RFC 3464 in a text.
func namesFinal(text string) bool {
	const name = "final-recipient:"
	for at := 0; ; at++ {
		i := strings.IndexByte(text[at:], '-')
		if i < 0 {
			return false
		}
		at += i
		if from := at - len("final"); from >= 0 && from+len(name) <= len(text) && strings.EqualFold(text[from:from+len(name)], name) {
			return true
		}
	}
}

// errorStatus finds the first code of RFC 3463 that fits the action: a
// transcript names what went well too.
func errorStatus(s, action string) string {
	from, to := statusAt(s, 0)
	for action != "delivered" && to > from && s[from] == '2' {
		from, to = statusAt(s, to)
	}
	return s[from:to]
}

// addressed leaves out recipients without an address.
func addressed(list []threads.BounceRecipient) []threads.BounceRecipient {
	var out []threads.BounceRecipient
	for _, r := range list {
		if r.Address != "" {
			out = append(out, r)
		}
	}
	return out
}

// failedRecipients are those of Exim's own field.
func (m *Message) failedRecipients() []threads.BounceRecipient {
	var list []threads.BounceRecipient
	for _, v := range m.Header.All("X-Failed-Recipients") {
		for _, a := range parseAddresses(v, "") {
			list = append(list, threads.BounceRecipient{Address: a.Addr})
		}
	}
	return list[:min(len(list), maxNamed)]
}

// returnedSenders are the addresses that sent the mail a report is about:
// whom it came back to, and who wrote it.
func (m *Message) returnedSenders(h Header) []string {
	var senders []string
	for _, list := range [][]threads.Address{m.Mail.To, m.Mail.From, parseAddresses(h.Get("Return-Path"), ""), parseAddresses(h.Get("From"), ""), parseAddresses(h.Get("Sender"), "")} {
		for _, a := range list {
			senders = append(senders, a.Key())
		}
	}
	for _, a := range m.Mail.DeliveredTo {
		senders = append(senders, threads.AddressKey(a))
	}
	return senders
}

// returnedRecipients are those of the mail returned, if it went to one
// address only.
func (m *Message) returnedRecipients(h Header) []threads.BounceRecipient {
	for _, name := range []string{"X-Envelope-To", "Envelope-To", "X-Original-To", "Delivered-To", "To"} {
		if list := parseAddresses(h.Get(name), ""); len(list) == 1 {
			return []threads.BounceRecipient{{Address: list[0].Addr}}
		}
	}
	return nil
}

// maxNamed bounds the recipients taken from the text of a report.
const maxNamed = 50

// recipientSearch looks for recipients in the lines of a report that stand
// above the mail it returns.
type recipientSearch struct {
	text    string
	lines   []string
	senders []string
	list    []threads.BounceRecipient
}

// search tries the ways to name a recipient, the surest first.
func (n *recipientSearch) search() {
	for _, way := range []func(string) (string, string){lineAddress, transcriptAddress, sentenceAddress} {
		for _, senders := range []bool{false, true} {
			if n.collect(way, senders); len(n.list) > 0 {
				return
			}
		}
	}
}

// collect takes what a way finds; with senders only those.
func (n *recipientSearch) collect(way func(string) (addr, rest string), senders bool) {
	for i, l := range n.lines {
		if strings.IndexByte(l, '@') < 0 {
			continue // no way finds an address
		}
		addr, rest := way(l)
		if addr == "" || slices.Contains(n.senders, threads.AddressKey(addr)) != senders || senders && machineAddress(addr) {
			continue
		}
		n.add(addr, n.diagnostic(i, rest, way))
		if len(n.list) >= maxNamed {
			return
		}
	}
}

// diagnostic is the rest of a line and the lines below it, up to the next
// recipient or the second gap.
func (n *recipientSearch) diagnostic(i int, rest string, way func(string) (addr, rest string)) string {
	gaps := 0
	for j := i + 1; j < len(n.lines) && j < i+9; j++ {
		t := strings.TrimSpace(n.lines[j])
		if t == "" {
			if gaps++; gaps > 1 || statusCode(rest) != "" {
				break
			}
			continue
		}
		if strings.IndexByte(t, '@') >= 0 {
			if a, _ := way(n.lines[j]); a != "" {
				break
			}
		}
		rest += " " + t
	}
	return strings.TrimSpace(rest)
}

func (n *recipientSearch) add(addr, diagnostic string) {
	for i := range n.list {
		if r := &n.list[i]; strings.EqualFold(r.Address, addr) {
			// Often named twice: for people, and with what the server said.
			if statusCode(r.Diagnostic) == "" && statusCode(diagnostic) != "" {
				r.Diagnostic = diagnostic
			}
			return
		}
	}
	n.list = append(n.list, threads.BounceRecipient{Address: addr, Diagnostic: diagnostic})
}

// named joins what was found with the recipients a field names, which are
// those the mail was sent to: an alias behind them may stand in the text.
func (n *recipientSearch) named(field []threads.BounceRecipient) []threads.BounceRecipient {
	if len(field) == 0 {
		return n.list
	}
	for i := range field {
		for j, r := range n.list {
			if strings.EqualFold(r.Address, field[i].Address) || len(n.list) == len(field) && i == j && field[i].Diagnostic == "" {
				field[i].Diagnostic = r.Diagnostic
			}
		}
	}
	return field
}

// lineAddress reads a line that begins with an address and says nothing else
// but what is wrong with it: "<a@b>:" as qmail writes, "  a@b" as Exim does.
func lineAddress(l string) (addr, rest string) {
	t := strings.TrimLeft(l, " \t*-•>|")
	indented := len(t) < len(l)
	switch {
	case t == "":
		return "", ""
	case t[0] == '<':
		a, rest, ok := strings.Cut(t[1:], ">")
		if ok && isAddress(a) {
			return a, strings.TrimLeft(rest, ": ")
		}
		return "", ""
	case t[0] == '"':
		a, rest, ok := strings.Cut(t[1:], `"`)
		if ok && isAddress(a) && strings.HasPrefix(rest, ":") {
			return a, strings.TrimLeft(rest, ": ")
		}
		return "", ""
	}
	for _, lead := range []string{"recipient address:", "recipient:", "final recipient:"} {
		if len(t) > len(lead) && strings.EqualFold(t[:len(lead)], lead) {
			return addressAt(strings.TrimLeft(t[len(lead):], " <"), true)
		}
	}
	return addressAt(t, indented)
}

// addressAt reads an address at the start of a line, if what follows it is
// no sentence it belongs to.
func addressAt(t string, indented bool) (addr, rest string) {
	end := strings.IndexAny(t, " \t<>()[]:,;\"")
	if end < 0 {
		end = len(t)
	}
	addr, rest = strings.TrimRight(t[:end], "."), strings.TrimSpace(t[end:])
	if !isAddress(addr) {
		return "", ""
	}
	switch {
	case strings.Trim(rest, ":,;>.") == "" && (indented || rest != "" || end == len(t)):
		return addr, ""
	case rest == "":
		return "", ""
	case strings.ContainsAny(rest[:1], ":<[(>"), strings.HasPrefix(rest, "..."), strings.HasPrefix(rest, "on "):
		return addr, strings.TrimLeft(rest, ": ")
	case strings.HasPrefix(rest, "Invalid "), strings.HasPrefix(rest, "Error"), smtpCode(rest) != "":
		return addr, rest
	}
	return "", ""
}

// transcriptAddress reads a line of an SMTP session that names a recipient.
func transcriptAddress(l string) (addr, rest string) {
	t := strings.TrimSpace(l)
	lower := strings.ToLower(t)
	if i := strings.Index(lower, "rcpt to:"); i >= 0 {
		return addressIn(t[i:]), ""
	}
	t = strings.TrimLeft(t, "<> ")
	if smtpCode(t) == "" {
		return "", ""
	}
	if i := strings.IndexByte(t, '<'); i >= 0 {
		return addressIn(t[i:]), t
	}
	return "", ""
}

// sentenceAddress reads any other line that names an address.
func sentenceAddress(l string) (addr, rest string) {
	t := strings.ToLower(strings.TrimSpace(l))
	for _, p := range []string{"message-id", "from:", "sender:", "mail from", "envelope-from", "return-path", "subject:", "date:", "for assistance", "please contact"} {
		if strings.HasPrefix(t, p) {
			return "", ""
		}
	}
	addr = addressIn(l)
	if machineAddress(addr) {
		return "", ""
	}
	return addr, l
}

// machineAddress reports an address that reports come from.
func machineAddress(addr string) bool {
	a := strings.ToLower(addr)
	return strings.HasPrefix(a, "postmaster@") || strings.HasPrefix(a, "mailer-daemon@") || strings.HasPrefix(a, "abuse@")
}

// addressIn finds the first address in a line.
func addressIn(l string) string {
	for _, f := range strings.FieldsFunc(clip(l, 2000), func(r rune) bool { return strings.ContainsRune(" \t<>()[]\"'、。「」,;:", r) }) {
		if f = strings.TrimRight(f, "."); isAddress(f) {
			return f
		}
	}
	return ""
}

// isAddress reports what can only be an addr-spec.
func isAddress(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at == len(s)-1 || len(s) > maxAddress || strings.IndexByte(s, '@') != at || strings.ContainsAny(s, " \t<>\"/=\\") && !strings.Contains(s[:at], "=") {
		return false
	}
	for i := at + 1; i < len(s); i++ {
		if !isAlnum(s[i]) && s[i] != '.' && s[i] != '-' && s[i] != '_' && s[i] < 0x80 {
			return false
		}
	}
	return true
}

// smtpCode is a reply code of 4xx or 5xx at the start of a text.
func smtpCode(s string) string {
	if len(s) < 3 || s[0] != '4' && s[0] != '5' || !digit(s[1]) || !digit(s[2]) || len(s) > 3 && s[3] != ' ' && s[3] != '-' {
		return ""
	}
	return s[:3]
}

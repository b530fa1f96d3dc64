package message

import (
	"bytes"
	"io"
	"strings"

	"postroom/threads"
)

// bounce reads a delivery report: RFC 3464, a complaint (RFC 5965), or one of
// the forms that are older or never heard of either. It returns nil for mail
// that is none, and what told it otherwise.
func (m *Message) bounce() (*threads.Bounce, string) {
	if b, evidence := m.complaint(); b != nil {
		return b, evidence
	}
	if b, evidence := m.notification(); b != nil {
		return b, evidence
	}
	evidence := m.reportEvidence()
	if evidence == "" {
		return nil, ""
	}
	b := &threads.Bounce{Recipients: []threads.BounceRecipient{}}
	for _, p := range m.statusParts() {
		b.Recipients = append(b.Recipients, readStatus(m.textOfReport(p))...)
	}
	if len(b.Recipients) == 0 {
		b.Recipients = append(b.Recipients, m.innerRecipients()...)
	}
	if len(b.Recipients) == 0 {
		b.Recipients = append(b.Recipients, m.namedRecipients()...)
	}
	b.Recipients = b.Recipients[:min(len(b.Recipients), maxRecipients)]
	b.Action = worst(b.Recipients)
	if b.Action == "" {
		b.Action = m.words().action(m.Mail.Subject)
	}
	m.returned(b)
	return b, evidence
}

// complaint reads a report of abuse, RFC 5965.
func (m *Message) complaint() (*threads.Bounce, string) {
	p := find(m.Root, isType("message/feedback-report"))
	evidence := "feedback report (message/feedback-report)"
	if p == nil || m.Root.Type != "multipart/report" && !strings.HasPrefix(m.Root.Type, "multipart/") {
		if !m.oldComplaint() {
			return nil, ""
		}
		evidence = "complaint of a feedback loop"
	}
	b := &threads.Bounce{Action: "complaint", Recipients: []threads.BounceRecipient{}}
	if p != nil {
		for _, f := range statusFields(m.textOfReport(p)) {
			if f.name == "original-rcpt-to" || f.name == "removal-recipient" {
				if a := reportAddress(f.value); a != "" && len(b.Recipients) < maxRecipients {
					b.Recipients = append(b.Recipients, threads.BounceRecipient{Address: a, Action: "complaint"})
				}
			}
		}
	}
	if len(b.Recipients) == 0 {
		for _, r := range m.complainers() {
			b.Recipients = append(b.Recipients, threads.BounceRecipient{Address: r.Address, Action: "complaint"})
		}
	}
	m.returned(b)
	return b, evidence
}

// innerRecipients are those of a report inside a report: gateways wrap what
// they relay.
func (m *Message) innerRecipients() []threads.BounceRecipient {
	p := find(m.Root, isType("message/rfc822"))
	if m.depth >= maxInner || p == nil {
		return nil
	}
	raw, err := io.ReadAll(io.LimitReader(m.Open(p), maxReport))
	if err != nil {
		return nil
	}
	m.inner = read(bytes.NewReader(raw), m.depth+1)
	if m.inner.Mail.Bounce == nil {
		return nil
	}
	return m.inner.Mail.Bounce.Recipients
}

// maxInner bounds reports inside reports.
const maxInner = 2

// complainers are who complained: the recipients the mail complained about
// went to.
func (m *Message) complainers() []threads.BounceRecipient {
	h := m.returnedMail()
	if list := parseAddresses(h.Get("X-HmXmrOriginalRecipient"), ""); len(list) > 0 {
		return []threads.BounceRecipient{{Address: list[0].Addr}}
	}
	return m.returnedRecipients(h)
}

// oldComplaint knows the feedback loops that have no report part.
func (m *Message) oldComplaint() bool {
	sender := strings.ToLower(m.Mail.Sender().Addr)
	subject := strings.ToLower(m.Mail.Subject)
	switch {
	case sender == "staff@hotmail.com" && strings.HasPrefix(subject, "complaint about message from"):
		return true
	case strings.HasPrefix(m.word("X-HmXmrOriginalRecipient"), "<") && strings.HasPrefix(subject, "complaint about message"):
		return true
	}
	return strings.HasSuffix(sender, "@icloud.com") && subject == "unsubscribe" && m.word("Auto-Submitted") == "auto-replied" || m.Header.Has("X-Apple-Unsubscribe")
}

// statusParts are the leaves that hold the fields of RFC 3464 §2.
func (m *Message) statusParts() []*Part {
	var list []*Part
	for _, p := range m.Leaves() {
		if statusType(p.Type) {
			list = append(list, p)
		}
	}
	return list
}

func statusType(t string) bool {
	switch t {
	case "message/delivery-status", "message/global-delivery-status", "message/xdelivery-status", "message/x-delivery-status", "text/delivery-status":
		return true
	}
	return false
}

// textOfReport is the beginning of a part of a report.
func (m *Message) textOfReport(p *Part) string {
	text, _ := decodeLines(m.beginning(p), p.Params["charset"])
	return text
}

// beginning is the decoded beginning of a part of a report. It must not be
// changed.
func (m *Message) beginning(p *Part) []byte {
	raw, ok := p.decoded, p.kept
	if !ok {
		raw, ok = m.plainBody(p)
	}
	if !ok {
		raw, _ = io.ReadAll(io.LimitReader(m.Open(p), maxReport))
	}
	return raw[:min(len(raw), maxReport)]
}

// words is what a report says to people, shown or not.
func (m *Message) words() *reportWords {
	if m.report == nil {
		m.report = newReportWords(m.reportText())
	}
	return m.report
}

func (m *Message) reportText() string {
	text := m.Mail.Text
	for _, p := range m.Leaves() {
		if len(text) < maxReport && p.Type == "text/plain" && p.Disposition == "attachment" {
			text += "\n\n" + m.textOfReport(p)
		}
	}
	return text
}

// statusField is one field of a status part.
type statusField struct {
	name, value string // the name in lower case, "" for one that nobody asks for
	group       int    // fields between two blank lines belong together
}

func statusFields(text string) []statusField {
	list := make([]statusField, 0, 16)
	group := 0
	for text != "" {
		l := text
		if i := strings.IndexByte(text, '\n'); i >= 0 {
			l, text = text[:i], text[i+1:]
		} else {
			text = ""
		}
		if strings.TrimSpace(l) == "" {
			group++
			continue
		}
		if (l[0] == ' ' || l[0] == '\t') && len(list) > 0 {
			if f := &list[len(list)-1]; len(f.value) < 4<<10 && f.group == group && f.name != "" {
				f.value += " " + strings.TrimSpace(l)
			}
			continue
		}
		i := strings.IndexByte(l, ':')
		if i > 0 && len(list) < 20*maxRecipients {
			list = append(list, statusField{statusName(strings.TrimRight(l[:i], " \t")), strings.TrimSpace(l[i+1:]), group})
		}
	}
	return list
}

// statusName is the name of a field of a status or feedback part.
func statusName(key string) string {
	for _, name := range [...]string{"final-recipient", "action", "status", "diagnostic-code", "original-recipient", "x-actual-recipient",
		"original-message-id", "x-original-message-id", "original-rcpt-to", "removal-recipient"} {
		if len(name) == len(key) && strings.EqualFold(name, key) {
			return name
		}
	}
	return ""
}

// readStatus reads the groups of a status part that name a recipient.
func readStatus(text string) []threads.BounceRecipient {
	var list []threads.BounceRecipient
	var r threads.BounceRecipient
	original := ""
	group := -1
	flush := func() {
		if r.Address == "" {
			r.Address = original
		}
		if r.Address != "" || r.Action != "" {
			if r.Status == "" {
				r.Status = statusCode(r.Diagnostic)
			}
			if r.Action == "" {
				r.Action = actionOfStatus(r.Status)
			}
			list = append(list, r)
		}
		r, original = threads.BounceRecipient{}, ""
	}
	for _, f := range statusFields(text) {
		if f.group != group {
			flush()
			group = f.group
		}
		switch f.name {
		case "final-recipient":
			if r.Address != "" {
				flush()
			}
			r.Address = reportAddress(f.value)
		case "original-recipient", "x-actual-recipient":
			if original == "" || f.name == "original-recipient" {
				original = reportAddress(f.value)
			}
		case "action":
			r.Action = cleanAction(f.value)
		case "status":
			r.Status = statusCode(f.value)
		case "diagnostic-code":
			r.Diagnostic = clip(oneLine(afterType(f.value)), maxDiagnostic)
		}
	}
	flush()
	return list
}

// afterType is a value without its type: "smtp; 550 no" (RFC 3464 §2.1.2).
func afterType(v string) string {
	t, rest, ok := strings.Cut(v, ";")
	if ok && len(t) < 20 && !strings.ContainsAny(strings.TrimSpace(t), " @") {
		return strings.TrimSpace(rest)
	}
	return strings.TrimSpace(v)
}

func reportAddress(v string) string {
	v = strings.Trim(afterType(v), "<> \t")
	if list := parseAddresses(v, ""); len(list) > 0 {
		return list[0].Addr
	}
	if len(v) > maxAddress || strings.ContainsAny(v, " \t") {
		return ""
	}
	return oneLine(v)
}

func cleanAction(v string) string {
	v = strings.ToLower(strings.TrimSpace(v))
	if i := strings.IndexAny(v, " \t(;,"); i >= 0 {
		v = v[:i]
	}
	switch v {
	case "failed", "failure", "fail", "expired", "undeliverable", "error", "hard":
		return "failed"
	case "delayed", "delay", "deferred", "warning":
		return "delayed"
	case "delivered", "relayed", "expanded", "success":
		return "delivered"
	}
	return ""
}

func actionOfStatus(code string) string {
	switch {
	case strings.HasPrefix(code, "5"):
		return "failed"
	case strings.HasPrefix(code, "4"):
		return "delayed"
	case strings.HasPrefix(code, "2"):
		return "delivered"
	}
	return "failed"
}

// statusCode finds a code of RFC 3463 in a value.
func statusCode(v string) string {
	from, to := statusAt(v, 0)
	return v[from:to]
}

// statusAt finds the next code at or behind i; from is to when there is none.
func statusAt(v string, i int) (from, to int) {
	for ; i+4 < len(v); i++ {
		if c := v[i]; c != '2' && c != '4' && c != '5' || v[i+1] != '.' || i > 0 && (v[i-1] == '.' || isAlnum(v[i-1])) {
			continue
		}
		if n := codeLength(v[i:]); n > 0 && (i+n == len(v) || !isAlnum(v[i+n])) {
			return i, i + n
		}
	}
	return 0, 0
}

func codeLength(s string) int {
	n := 2
	dots := 1
	for digits := 0; n < len(s); n++ {
		switch {
		case digit(s[n]):
			if digits++; digits > 3 {
				return 0
			}
		case s[n] == '.' && digits > 0 && dots == 1:
			dots, digits = 2, 0
		case dots == 2 && digits > 0 && s[n] != '.':
			return n
		default:
			if s[n] == '.' && dots == 2 && digits > 0 && (n+1 == len(s) || !digit(s[n+1])) {
				return n
			}
			return 0
		}
	}
	if dots == 2 && s[n-1] != '.' {
		return n
	}
	return 0
}

// worst is the action of a report: of failed, delayed, complaint and
// delivered the first that any recipient has.
func worst(list []threads.BounceRecipient) string {
	for _, action := range []string{"failed", "delayed", "complaint", "delivered"} {
		for _, r := range list {
			if r.Action == action {
				return action
			}
		}
	}
	return ""
}

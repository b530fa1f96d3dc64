package message

import "strings"

// reportEvidence tells a delivery report from other mail: by its type, or by
// signs of which one alone proves nothing. A person can be called postmaster,
// forward a report, or write about one.
func (m *Message) reportEvidence() string {
	report := find(m.Root, func(p *Part) bool {
		return p.Type == "multipart/report" && !strings.EqualFold(p.Params["report-type"], "disposition-notification") &&
			find(p, isType("message/disposition-notification", "message/feedback-report")) == nil
	})
	status := len(m.statusParts()) > 0
	if report != nil && status {
		return "delivery report (multipart/report with message/delivery-status)"
	}
	if m.carriesProgram() {
		return "" // worms look like reports
	}
	if e := m.listRefusal(); e != "" {
		return e
	}
	points := 0
	var signs []string
	add := func(n int, sign string) {
		if n > 0 {
			points += n
			signs = append(signs, sign)
		}
	}
	sender := m.daemon()
	null := m.nullReturnPath()
	if sender == 0 && !null && report == nil && !status {
		return ""
	}
	add(sender, "From: "+clip(decodeWords(m.Header.Get("From"), m.hint), 60))
	if null {
		add(1, "null Return-Path")
	}
	if report != nil {
		add(2, "multipart/report")
	}
	if status {
		add(3, "message/delivery-status")
	}
	told := points
	if m.Header.Has("X-Failed-Recipients") {
		add(3, "X-Failed-Recipients")
	}
	if failureSubject(m.Mail.Subject) {
		add(2, "Subject: "+clip(m.Mail.Subject, 60))
	}
	words := m.words()
	if words.failure {
		add(2, "words of a report")
	}
	returned := m.returnedSign(words.text)
	add(returned, "a returned mail")
	if points == told && !status && report == nil || sender == 0 && points < 4 {
		return ""
	}
	if points < 3 || points < 4 && sender < 2 && report == nil {
		return ""
	}
	if sender == 1 && report == nil && !status && returned == 0 && m.answerable() && find(m.Root, isType("message/rfc822")) == nil {
		return "" // an administrator is a person too, and writes about mail
	}
	return strings.Join(signs, ", ")
}

// answerable reports a reverse-path that is an address like any other, as no
// report should have (RFC 5321 §4.5.5); some have that of their postmaster.
func (m *Message) answerable() bool {
	return m.Mail.ReturnPath != "" && !machineAddress(m.Mail.ReturnPath) && !m.nullReturnPath()
}

// daemon rates how much the sender looks like a mail system.
func (m *Message) daemon() int {
	from := strings.ToLower(decodeWords(m.Header.Get("From"), m.hint))
	local, _, _ := strings.Cut(strings.ToLower(m.Mail.Sender().Addr), "@")
	switch local {
	case "mailer-daemon", "mailerdaemon", "mailer_daemon", "mail-daemon", "maildaemon", "mail.delivery.system", "mdaemon", "mmdf", "double-bounce":
		return 2
	case "postmaster", "post_master", "poostmaster", "mailadmin", "sysadmin", "mailmaster":
		return 1
	}
	for _, name := range []string{"mailer-daemon", "mailer daemon", "mail delivery sub", "mail delivery sys", "mail deliver system", "delivery subsystem", "email delivery service"} {
		if strings.Contains(from, name) {
			return 2
		}
	}
	if len(m.Mail.From) == 0 || local == "no-reply" && m.words().failure || strings.HasPrefix(local, "postmaster") || strings.Contains(from, "system administrator") {
		return 1
	}
	return 0
}

// returnedSign rates how much a mail looks as if it returned another one.
func (m *Message) returnedSign(text string) int {
	for _, p := range m.Leaves() {
		d := strings.ToLower(p.Header.Get("Content-Description"))
		if p.Type == "message/rfc822" && (strings.Contains(d, "original") || strings.Contains(d, "undelivered") || strings.Contains(d, "returned")) || p.Type == "text/rfc822-headers" {
			return 2
		}
	}
	for l := range strings.SplitSeq(clip(text, 8<<10), "\n") {
		if returnedStarts(l) {
			return 1
		}
	}
	return 0
}

// carriesProgram reports an attachment of the kind worms come in.
func (m *Message) carriesProgram() bool {
	for _, p := range m.Leaves() {
		name := strings.ToLower(p.Filename)
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			switch strings.TrimSpace(name[i:]) {
			case ".exe", ".pif", ".scr", ".com", ".bat", ".cmd", ".zip", ".js", ".vbs", ".cpl", ".rar", ".lnk", ".hta", ".jar":
				return true
			}
		}
	}
	return false
}

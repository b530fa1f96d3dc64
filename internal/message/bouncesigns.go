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
	add(m.returnedSign(words.text), "a returned mail")
	if points == told && !status && report == nil || sender == 0 && points < 4 {
		return ""
	}
	if points < 3 || points < 4 && sender < 2 && report == nil {
		return ""
	}
	return strings.Join(signs, ", ")
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

func failureSubject(s string) bool {
	s = strings.ToLower(s)
	for _, p := range []string{"undeliver", "undelivered", "returned mail", "failure notice", "delivery failure", "delivery fail", "delivery has failed", "delivery status", "delivery notification", "delivery report", "mail failure", "mail failed", "mail delivery", "mail system error", "message delivery", "failed mail", "failed delivery", "failure delivery", "not delivered", "could not be delivered", "could not send",
		"delayed mail", "delayed 24 hours", "message delayed", "non-delivery", "nondeliverable", "non delivery", "non remis", "returned to sender", "returning message", "returning to sender", "unable to deliver", "error sending your mail", "errors from", "bounce", "ndr", "mail error", "there was an error", "delivery problem", "delivery incomplete", "delivery error", "deliver mail", "permanent error", "user unknown", "mailbox full", "status notification", "rejected",
		"unzustellbar", "nicht zugestellt", "zustellung", "unzustellbare", "fehlgeschlagen", "non distribu", "échec", "no se puede entregar", "no entregado", "devuelto", "não entregue", "não foi possível", "mancata consegna", "non recapitabile", "onbestelbaar", "niet bezorgd", "olevererbar", "kan inte leverera", "ikke leveret", "nie dostarczono", "niedostarczona", "nedoručiteln", "не доставлено", "недоставлен", "невозможно доставить", "не удалось доставить",
		"配信不能", "配信できません", "配信エラー", "返送", "送信できません", "退信", "系统退信", "無法傳遞", "无法投递", "投递失败", "배달", "반송", "전송 실패", "teslim edilemedi", "iletilemedi"} {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
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

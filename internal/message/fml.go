package message

import "strings"

// listRefusal knows the mails of list servers that refuse a mail of ours, or
// have stopped a loop. They are no delivery reports and say nothing of their
// kind but in Message-ID and subject.
func (m *Message) listRefusal() string {
	if !m.Header.Has("X-MLServer") || !strings.Contains(m.Mail.MessageID, ".FML") {
		return ""
	}
	s := strings.ToLower(m.Mail.Subject)
	for _, p := range []string{"not member", "not a member", "reject", "loop alert", "loop back", "unix from loop", "system error"} {
		if strings.Contains(s, p) {
			return "X-MLServer, Subject: " + clip(m.Mail.Subject, 60)
		}
	}
	return ""
}

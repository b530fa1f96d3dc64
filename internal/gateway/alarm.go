package gateway

import (
	"strings"

	"postroom/internal/store"
	"postroom/threads"
)

// alarm tells the admins what a stage or the wiring found out.
func (b *batch) alarm(in store.InAlarm) error {
	b.after = append(b.after, func() { b.g.log.Warn("alarm", "key", in.Key, "subject", in.Subject) })
	return b.notify(threads.Conversation{}, threads.Notify{
		OutID: "alarm." + in.Key, Kind: threads.NoticeAlarm, Reason: in.Subject + "\n" + in.Text,
	}, nil)
}

// alarmNotice is the text of an alarm: its reason begins with the subject, on
// a line of its own.
func alarmNotice(hello string, n threads.Notify) notice {
	subject, text, _ := strings.Cut(n.Reason, "\n")
	return notice{subject: subject, paragraphs: append([]string{hello}, strings.Split(text, "\n")...)}
}

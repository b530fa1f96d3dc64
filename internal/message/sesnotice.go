package message

import (
	"encoding/json"
	"strings"

	"postroom/threads"
)

// notice is what Amazon's notification service says of a mail.
type notice struct {
	Type string `json:"notificationType"`
	Mail struct {
		MessageID   string   `json:"messageId"`
		Destination []string `json:"destination"`
		Common      struct {
			MessageID string `json:"messageId"`
		} `json:"commonHeaders"`
	} `json:"mail"`
	Bounce struct {
		Recipients []struct {
			Address    string `json:"emailAddress"`
			Action     string `json:"action"`
			Status     string `json:"status"`
			Diagnostic string `json:"diagnosticCode"`
		} `json:"bouncedRecipients"`
	} `json:"bounce"`
	Complaint struct {
		Recipients []struct {
			Address string `json:"emailAddress"`
		} `json:"complainedRecipients"`
	} `json:"complaint"`
	Delivery struct {
		Recipients []string `json:"recipients"`
		Response   string   `json:"smtpResponse"`
	} `json:"delivery"`
}

// notification reads a report in JSON.
func (m *Message) notification() (*threads.Bounce, string) {
	if !strings.Contains(m.Mail.Text, "notificationType") || !strings.HasSuffix(strings.ToLower(m.Mail.Sender().Addr), "@sns.amazonaws.com") {
		return nil, ""
	}
	// The notice may be the text, or a string in an envelope around it.
	text := strings.ReplaceAll(m.Mail.Text, "\n", "")
	i := strings.Index(text, "notificationType")
	i = strings.LastIndexByte(text[:i], '{')
	if i < 0 {
		return nil, ""
	}
	if text = text[i:]; strings.HasPrefix(text, `{\"`) {
		text = strings.ReplaceAll(text, `\"`, `"`)
	}
	var n notice
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&n); err != nil && n.Type == "" {
		n.Type = jsonString(text, "notificationType")
	}
	action := map[string]string{"bounce": "failed", "complaint": "complaint", "delivery": "delivered"}[strings.ToLower(n.Type)]
	if action == "" {
		return nil, ""
	}
	b := &threads.Bounce{Action: action, OriginalMessageID: messageID(n.Mail.Common.MessageID), Recipients: n.recipients(action)}
	b.Recipients = b.Recipients[:min(len(b.Recipients), maxRecipients)]
	return b, "notification of Amazon SES: " + oneLine(clip(n.Type, 20))
}

func (n *notice) recipients(action string) []threads.BounceRecipient {
	list := []threads.BounceRecipient{}
	add := func(addr, status, diagnostic string) {
		list = append(list, threads.BounceRecipient{Address: reportAddress(addr), Action: action,
			Status: statusCode(status), Diagnostic: clip(oneLine(afterType(diagnostic)), maxDiagnostic)})
	}
	for _, r := range n.Bounce.Recipients {
		add(r.Address, r.Status, r.Diagnostic)
	}
	for _, r := range n.Complaint.Recipients {
		add(r.Address, "", "")
	}
	for _, r := range n.Delivery.Recipients {
		add(r, n.Delivery.Response, n.Delivery.Response)
	}
	if len(list) == 0 {
		for _, a := range n.Mail.Destination {
			add(a, "", "")
		}
	}
	return list
}

func jsonString(text, key string) string {
	_, rest, _ := strings.Cut(text, `"`+key+`"`)
	rest = strings.TrimLeft(rest, ": ")
	if !strings.HasPrefix(rest, `"`) {
		return ""
	}
	v, _, _ := strings.Cut(rest[1:], `"`)
	return v
}

package imapsync

import (
	"testing"

	"github.com/emersion/go-imap/v2"
)

// TestSentAmong: the folder that is marked, else one of a usual name, else a
// name that the server lets us make.
func TestSentAmong(t *testing.T) {
	type names = []string
	for name, tt := range map[string]struct {
		folders names
		marked  string
		delim   rune
		want    string
	}{
		"marked":                {names{"INBOX", "Sent", "Gesendet"}, "Gesendet", '/', "Gesendet"},
		"nothing":               {names{"INBOX"}, "", '/', "Sent"},
		"plain":                 {names{"INBOX", "Sent Items", "Sent"}, "", '/', "Sent"},
		"Exchange":              {names{"INBOX", "Deleted Items", "Sent Items"}, "", '/', "Sent Items"},
		"Courier":               {names{"INBOX", "INBOX.Sent", "INBOX.Trash"}, "", '.', "INBOX.Sent"},
		"Cyrus, none yet":       {names{"INBOX", "INBOX/Drafts"}, "", '/', "INBOX/Sent"},
		"below INBOX by chance": {names{"INBOX", "INBOX/Old", "Work"}, "", '/', "Sent"},
		"both":                  {names{"INBOX", "INBOX/Sent", "Sent"}, "", '/', "Sent"},
		"deeper":                {names{"INBOX", "Work/Sent"}, "", '/', "Sent"},
		"no levels":             {names{"INBOX", "INBOX.x"}, "", 0, "Sent"},
	} {
		var list []*imap.ListData
		for _, f := range tt.folders {
			d := &imap.ListData{Mailbox: f, Delim: tt.delim}
			if f == tt.marked {
				d.Attrs = []imap.MailboxAttr{"\\sent"}
			}
			list = append(list, d)
		}
		if got := sentAmong(list); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

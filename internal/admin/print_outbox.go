package admin

import (
	"fmt"
	"strings"

	"postroom/threads"
)

// OutboxMail prints one mail on its way: its rows, one for each recipient.
func (p Printer) OutboxMail(rows []OutboxRow) error {
	if len(rows) == 0 {
		return nil
	}
	m, conv := rows[0], "none"
	if m.Conversation != nil {
		conv = threads.ID(*m.Conversation).String()
	}
	deadline := p.atOr(m.Deadline, "never")
	var b strings.Builder
	for _, l := range [][2]string{
		{"Mail", m.ID}, {"Kind", string(m.Kind)}, {"Conversation", conv}, {"Subject", orDash(m.Subject)}, {"Author", orDash(m.Author)},
		{"Message-ID", orDash(m.MessageID)}, {"Size", fmt.Sprintf("%d octets", m.Size)}, {"Queued", p.at(m.Queued)}, {"Given up", deadline},
	} {
		fmt.Fprintf(&b, "%-13s %s\n", l[0]+":", safe(l[1]))
	}
	for _, r := range rows {
		fmt.Fprintf(&b, "\n%s: %s after %d attempts, the next one %s\n", safe(r.Recipient), r.State, r.Attempts, p.atOr(r.NextAttempt, "not planned"))
		if r.LastReply != "" {
			fmt.Fprintf(&b, "  the mail server said: %s\n", safe(r.LastReply))
		}
	}
	_, err := fmt.Fprint(p.Out, b.String())
	return err
}

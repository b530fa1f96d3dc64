package admin

import (
	"fmt"
	"io"
	"strings"
)

// maxTextLines bounds the lines shown of one mail; its JSON has all.
const maxTextLines = 300

// Timeline prints a conversation as a story, with the reason of every
// decision.
func (p Printer) Timeline(t *Timeline) error {
	var b strings.Builder
	p.para(&b, "", "  ", fmt.Sprintf("Conversation %d: %s", t.Conversation, subject(t.Subject)))
	p.para(&b, "  customer  ", "            ", person(t.Customer))
	state := string(t.State)
	if t.Waits {
		state += ", waits for an engineer"
	}
	if t.Unanswered {
		state += ", not answered yet"
	}
	p.para(&b, "  state     ", "            ", state)
	p.para(&b, "  owner     ", "            ", orDash(t.Owner))
	if t.Linked != nil {
		fmt.Fprintf(&b, "  continues conversation %d\n", *t.Linked)
	}
	if len(t.Held) > 0 {
		p.para(&b, "  held      ", "            ", strings.Join(t.Held, ", "))
	}
	if t.TextsCut > 0 {
		fmt.Fprintf(&b, "  the texts of %d mails are left out, the oldest\n", t.TextsCut)
	}
	if _, err := io.WriteString(p.Out, b.String()); err != nil {
		return err
	}
	for _, m := range t.Events {
		if err := p.moment(m); err != nil {
			return err
		}
	}
	return nil
}

func (p Printer) moment(m Moment) error {
	var b strings.Builder
	margin := strings.Repeat(" ", 24)
	p.para(&b, fmt.Sprintf("\n%4d  %s  ", m.N, p.at(m.At)), margin, m.What)
	if m.Reason != "" {
		p.para(&b, margin+"because ", margin+"        ", m.Reason)
	}
	for _, text := range m.Problems {
		p.para(&b, margin+"! ", margin+"  ", text)
	}
	if m.MessageID != "" {
		p.para(&b, margin, margin, m.MessageID)
	}
	p.text(&b, margin+"| ", m.Text)
	_, err := io.WriteString(p.Out, b.String())
	return err
}

// text writes what a mail says, line by line.
func (p Printer) text(b *strings.Builder, margin, text string) {
	text = strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), " \t\r\n")
	if text == "" {
		return
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if i == maxTextLines {
			fmt.Fprintf(b, "%sand %d more lines\n", strings.TrimSuffix(margin, "| "), len(lines)-maxTextLines)
			break
		}
		p.para(b, margin, margin, strings.ReplaceAll(l, "\t", "    "))
	}
}

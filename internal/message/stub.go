package message

import (
	"fmt"
	"strconv"
	"strings"

	"postroom/threads"
)

// Stub makes the mail that stands in for a copy which cannot be sent: the
// text of m and a list of its parts. Why is a sentence that says what was in
// the way, "" where nothing was. It is 7-bit and small whatever m is.
func (c *Composer) Stub(m *Message, cp Copy, why string) (*Recipe, error) {
	h := c.copyHeadings(cp)
	header, err := h.write(columnCopy)
	if err != nil {
		return nil, fmt.Errorf("composing a stub: %w", err)
	}
	var b strings.Builder
	if len(cp.Story) > 0 {
		b.WriteString(linesOf(append(storyLines(cp.Story), "")))
	}
	what := "Below is the text of the mail"
	if strings.TrimSpace(m.Mail.Text) == "" {
		what = "The text of the mail could not be had"
	}
	switch {
	case why == "" && len(cp.Story) > 0: // which says how to get it
	case why == "":
		what += ". To get the mail as it came, reply with /originals alone"
	default:
		what += ". The mail itself lies in the support mailbox"
		if id := m.Mail.MessageID; id != "" {
			what += ", under " + headText(id)
		}
	}
	lines := []string{what + "."}
	if why != "" {
		lines = []string{why, what + "."}
	}
	b.WriteString(linesOf(lines))
	b.WriteString("\n" + strings.TrimRight(m.Mail.Text, "\n") + "\n\n")
	if list := partLines(m.Mail.Attachments); len(list) > 0 {
		b.WriteString(linesOf(append([]string{"Left out:"}, list...)))
	}
	if len(cp.Footer) > 0 {
		b.WriteString(footerMark + "\n" + footerText(cp.Footer, cp.Links))
	}
	r, err := h.compose(columnCopy, header, textEntity("plain", b.String()), m.src)
	if err != nil {
		return nil, fmt.Errorf("composing stub %s: %w", cp.MessageID, err)
	}
	return r, nil
}

func linesOf(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(markLines(lines), "\n") + "\n"
}

const maxPartLines = 100 // parts a stub lists

func partLines(list []threads.Attachment) []string {
	var lines []string
	for i, a := range list {
		if i == maxPartLines {
			return append(lines, fmt.Sprintf("- and %d more", len(list)-i))
		}
		name := headText(a.Name)
		if name == "" {
			name = "(no name)"
		}
		lines = append(lines, fmt.Sprintf("- %s (%s, %s)", name, headText(a.Type), octets(a.Size)))
	}
	return lines
}

// octets writes a size for people.
func octets(n int64) string {
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10) + " bytes"
	case n < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

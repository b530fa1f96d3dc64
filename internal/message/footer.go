package message

import (
	"html"
	"strings"
	"time"

	"postroom/threads"
)

// FooterMark begins every line we put into a mail to an engineer. Lines that
// begin with it, quoted or not, are taken out of what she sends.
const FooterMark = footerMark + " "

// footerWidth is how many columns a line of ours has at most, so that clients
// that quote it do not break it and the mark stays in front of each.
const footerWidth = 65

// maxStoryText bounds the text of one mail in a story, in octets.
const maxStoryText = 16 << 10

// Link is an action an engineer can take with one tap.
type Link struct {
	Label  string
	Mailto string // a whole mailto: URL (RFC 6068)
}

// StoryItem is one mail of a conversation, as told to a new owner.
type StoryItem struct {
	From threads.Address
	At   time.Time
	Text string
}

// MailtoURL makes a mailto: URL (RFC 6068). Subject and body may be empty.
func MailtoURL(addr, subject, body string) string {
	return MailtoURLs(addr, subject, []string{body})[0]
}

// MailtoURLs is MailtoURL for several bodies.
func MailtoURLs(addr, subject string, bodies []string) []string {
	url := "mailto:" + strings.ReplaceAll(strings.ReplaceAll(percent(addr), "%40", "@"), "%2B", "+")
	sep := "?"
	if subject != "" {
		url += "?subject=" + percent(subject)
		sep = "&"
	}
	urls := make([]string, len(bodies))
	for i, body := range bodies {
		if urls[i] = url; body != "" {
			urls[i] += sep + "body=" + percent(body)
		}
	}
	return urls
}

// markLines breaks lines to the width of a footer and puts the mark before each.
func markLines(lines []string) []string {
	var list []string
	for _, l := range lines {
		l = strings.TrimSpace(strings.TrimPrefix(oneLine(l), strings.TrimSpace(FooterMark)))
		for _, piece := range wrapText(l, footerWidth-len(FooterMark)) {
			list = append(list, strings.TrimRight(FooterMark+piece, " "))
		}
	}
	return list
}

// wrapText breaks a line between words so that no piece is wider than width;
// a word that is wider is broken itself.
func wrapText(line string, width int) []string {
	var list []string
	start, end, columns := 0, 0, 0 // of the piece in hand
	for at, next := 0, 0; at <= len(line); at = next + 1 {
		next = at + len(line[at:])
		if i := strings.IndexByte(line[at:], ' '); i >= 0 {
			next = at + i
		}
		w := displayWidth(line[at:next])
		for ; w > width; w = displayWidth(line[at:next]) {
			if start < end {
				list = append(list, line[start:end])
			}
			head, _ := splitWidth(line[at:next], width)
			list, at = append(list, head), at+len(head)
			start, end = at, at
		}
		switch {
		case start == end: // nothing is in hand
			start, columns = at, w
		case columns+1+w > width:
			list = append(list, line[start:end])
			start, columns = at, w
		default:
			columns += 1 + w
		}
		end = next
	}
	return append(list, line[start:end])
}

func splitWidth(word string, width int) (string, string) {
	columns := 0
	for i, r := range word {
		if columns += runeWidth(r); columns > width {
			return word[:i], word[i:]
		}
	}
	return word, ""
}

func displayWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth counts East Asian letters and what lies above as two columns:
// rather too wide than too narrow.
func runeWidth(r rune) int {
	if r >= 0x1100 {
		return 2
	}
	return 1
}

// footerText is the footer in plain text. Links stand on lines of their own,
// unbroken, since a broken link is no link.
func footerText(lines []string, links []Link) string {
	return markedText(markLines(lines), links)
}

func markedText(list []string, links []Link) string {
	for _, l := range links {
		list = append(list, FooterMark+headText(l.Label)+": "+safeURL(l.Mailto))
	}
	return strings.Join(list, "\n") + "\n"
}

// footerHTML is its twin. Each line begins with the mark here too: clients
// drop classes and ids when they quote, text they keep.
func footerHTML(lines []string, links []Link) string {
	return markedHTML(markLines(lines), links)
}

func markedHTML(list []string, links []Link) string {
	var b strings.Builder
	b.WriteString(`<div style="color:#666;font-size:small">`)
	for i, l := range list {
		if i > 0 {
			b.WriteString("<br>\n")
		}
		b.WriteString(html.EscapeString(l))
	}
	for i, l := range links {
		sep := " · "
		if i == 0 {
			sep = "<br>\n" + FooterMark
		}
		b.WriteString(sep + `<a href="` + html.EscapeString(safeURL(l.Mailto)) + `">` + html.EscapeString(headText(l.Label)) + `</a>`)
	}
	b.WriteString("</div>\n")
	return b.String()
}

// safeURL keeps a URL to the octets RFC 3986 has, and lets no scheme but
// mailto through.
func safeURL(url string) string {
	url = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r) {
			return -1
		}
		return r
	}, url)
	if len(url) > idOctets || !strings.HasPrefix(strings.ToLower(url), "mailto:") {
		return ""
	}
	return url
}

// storyLines tell a conversation to its new owner, oldest first.
func storyLines(items []StoryItem) []string {
	if len(items) == 0 {
		return nil
	}
	lines := []string{"The story so far, oldest first. Only you see it. To get the mails as they came, reply with /originals alone."}
	for _, it := range items {
		lines = append(lines, "", it.At.UTC().Format("2 Jan 2006, 15:04 UTC")+", "+shownName(it.From)+":")
		text, cut := it.Text, len(it.Text) > maxStoryText
		if cut {
			text = strings.ToValidUTF8(text[:maxStoryText], "")
		}
		text = lineFeeds(text)
		lines = append(lines, strings.Split(strings.TrimSpace(text), "\n")...)
		if cut {
			lines = append(lines, "[...]")
		}
	}
	return lines
}

package message

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
)

func TestCorpusParse(t *testing.T)   { parseScore(t, "parse", 266) }
func TestCorpusCharset(t *testing.T) { parseScore(t, "charset", 107) }

func parseScore(t *testing.T, purpose string, floor int) {
	c := &tally{t: t}
	for _, e := range expectations(t, purpose) {
		m := Read(bytes.NewReader(e.read(t)))
		scoreHeader(t, c, &e, m)
		scoreBody(t, c, &e, m)
	}
	c.report(purpose, floor)
}

func scoreHeader(t *testing.T, c *tally, e *expectation, m *Message) {
	name := e.set + "/" + e.file(t)
	sender := m.Mail.Sender()
	for key, got := range map[string]string{
		"subject": m.Mail.Subject, "from_email": sender.Addr, "from_addr": sender.Addr,
		"from_name": sender.Name, "from_display_name": sender.Name,
	} {
		if want, ok := e.text(t, key); ok {
			if key == "from_display_name" && strings.EqualFold(got, sender.Addr) {
				got = ""
			}
			c.check(name+" "+key, squash(got) == squash(want), "%q, want %q", got, want)
		}
	}
	for key, got := range map[string][]string{"in_reply_to": m.Mail.InReplyTo, "references": m.Mail.References} {
		var want []string
		if e.get(t, key, &want) {
			c.check(name+" "+key, strings.Join(bare(got), " ") == strings.Join(bare(want), " "), "%q, want %q", got, want)
		}
	}
	if want, ok := e.text(t, "message_id"); ok {
		c.check(name+" message id", m.Mail.MessageID == "<"+want+">", "%q, want %q", m.Mail.MessageID, want)
	}
	for key, got := range map[string]string{"subject_raw": m.Header.Get("Subject"), "from_raw": m.Header.Get("From")} {
		if want, ok := e.text(t, key); ok {
			latin, _ := charmap.ISO8859_1.NewDecoder().String(got)
			c.check(name+" "+key, squash(latin) == squash(want), "%q, want %q", got, want)
		}
	}
}

func bare(ids []string) []string {
	var list []string
	for _, id := range ids {
		list = append(list, strings.Trim(id, "<>"))
	}
	return list
}

func scoreBody(t *testing.T, c *tally, e *expectation, m *Message) {
	name := e.set + "/" + e.file(t)
	got := squash(m.Mail.Text)
	for _, key := range []string{"text", "text_equals"} {
		if want, ok := e.text(t, key); ok && want != "no visible content" {
			same := got == squash(want) || strings.ReplaceAll(got, "\uFFFD", "?") == squash(want)
			c.check(name+" "+key, same, "\n got %.300q\nwant %.300q", got, squash(want))
		}
	}
	var parts []string
	e.get(t, "text_contains", &parts)
	for _, want := range parts {
		c.check(name+" text_contains", strings.Contains(got, squash(want)), "without %q: %.200q", want, got)
	}
	if want, ok := e.text(t, "html_words"); ok && want != "no visible content" {
		share := wordShare(got, want)
		c.check(name+" html words", share >= 0.9, "%.2f\n got %.400q\nwant %.400q", share, got, want)
	}
	scoreAttachments(t, c, e, m)
}

// wordShare is the share of the wanted words that the text has.
func wordShare(got, want string) float64 {
	have := map[string]int{}
	for _, w := range wordsOf(got) {
		have[w]++
	}
	n, hit := 0, 0
	for _, w := range wordsOf(want) {
		n++
		if have[w] > 0 {
			have[w]--
			hit++
		}
	}
	if n == 0 {
		return 1
	}
	return float64(hit) / float64(n)
}

func wordsOf(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \n\t\u00a0.,;:!?<>()[]\"'*_-", r) })
}

func scoreAttachments(t *testing.T, c *tally, e *expectation, m *Message) {
	var list []json.RawMessage
	if !e.get(t, "attachments", &list) {
		return
	}
	name := e.set + "/" + e.file(t)
	for _, raw := range list {
		var want struct{ Filename, Type string }
		if json.Unmarshal(raw, &want.Filename) != nil {
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if want.Filename == "message.html" {
			continue // the HTML twin of the text
		}
		found := false
		var names []string
		for _, a := range m.Mail.Attachments {
			found = found || a.Name == want.Filename || a.Type == want.Type && want.Type == "message/rfc822"
			names = append(names, a.Name)
		}
		c.check(name+" attachment "+want.Filename, found, "not among %q", names)
	}
}

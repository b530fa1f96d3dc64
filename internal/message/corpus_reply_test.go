package message

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"postroom/threads"
)

func TestCorpusReply(t *testing.T) {
	aside := 0
	keep, drop, exact := &tally{t: t}, &tally{t: t}, &tally{t: t}
	for _, e := range expectations(t, "reply") {
		kind, _ := e.text(t, "kind")
		if kind == "" || e.file(t) == "" {
			continue
		}
		name := e.set + "/" + e.file(t)
		text, got := replyText(kind, e.read(t))
		lines := map[string]bool{}
		for l := range strings.SplitSeq(got, "\n") {
			lines[plainLine(l)] = true
		}
		joined := squash(strings.Join(strings.FieldsFunc(got, func(r rune) bool { return r == '\n' }), " "))
		var want []string
		e.get(t, "keep", &want)
		for _, l := range want {
			if mistaken(e.set, l) {
				aside++
				continue
			}
			keep.check(name+" keep", lines[plainLine(l)] || strings.Contains(joined, plainLine(l)), "lost %q", l)
		}
		want = nil
		e.get(t, "drop", &want)
		for _, l := range want {
			drop.check(name+" drop", !lines[plainLine(l)], "shown %q", l)
		}
		if want, ok := e.text(t, "exact"); ok {
			exact.check(name+" exact", squash(got) == squash(want), "\n got %.300q\nwant %.300q", got, want)
		}
		var whole bool
		if e.get(t, "whole", &whole) && whole {
			exact.check(name+" exact", squash(got) == squash(text), "\n got %.500q\nwant %.500q", got, text)
		}
	}
	fmt.Printf("corpus reply: %d keep lines left aside: they introduce a quotation\n", aside)
	keep.report("reply keep", 1211)
	drop.report("reply drop", 3095)
	exact.report("reply exact", 29)
}

// mistaken knows the expected lines of one set that no author wrote: the first
// half of a wrapped "On ..., X wrote:", and fields of the mail answered. The
// set was made by comparing mails, and its description says that some are.
func mistaken(set, l string) bool {
	if set != "reply/usrp-users" {
		return false
	}
	if strings.HasPrefix(l, "On ") && strings.Contains(l, ", 20") && (strings.Contains(l, "@") || strings.Contains(l, "via USRP-users")) || strings.HasPrefix(l, "On Fri, 2019-12-27 at ") {
		return true
	}
	for _, p := range []string{"W dniu ", "Von: ", "Gesendet: ", "An: ", "Betreff: ", "보낸 사람: ", "보낸 날짜: ", "받는 사람: ", "제목: ", "From \"", "To usrp-users@", "Subject [USRP"} {
		if strings.HasPrefix(l, p) {
			return true
		}
	}
	return false
}

func replyText(kind string, raw []byte) (text, got string) {
	switch kind {
	case "text":
		text = plainLines(string(raw))
	case "html":
		text = flattenHTML(string(raw), threads.MaxText)
	default:
		m := Read(bytes.NewReader(raw))
		return m.Mail.Text, m.Mail.NewText
	}
	return text, newText(text)
}

func plainLine(l string) string { return squash(strings.TrimLeft(l, "> \t")) }

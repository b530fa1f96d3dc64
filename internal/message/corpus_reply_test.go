package message

import (
	"bytes"
	"strings"
	"testing"

	"postroom/threads"
)

func TestCorpusReply(t *testing.T) {
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
	keep.report("reply keep", 1243)
	drop.report("reply drop", 3041)
	exact.report("reply exact", 29)
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

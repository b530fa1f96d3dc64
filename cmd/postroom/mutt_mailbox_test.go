package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"postroom/internal/mailtest"
)

var updateMutt = flag.Bool("update-mutt", false, "write the golden files of testdata/neomutt anew")

// written is how neomutt writes a date into the line above a quotation.
var written = regexp.MustCompile(`(?m)^((?:>\s?)*)On .{10,60}?, (Zoë|Jan|Alice|mia|Sam)`)

// checkMailbox compares all that a person was sent by the support with a
// golden file: each field but those that differ each time, the parts, and the
// whole of their text.
func (tw *town) checkMailbox(p *person, name string) {
	t := tw.t
	t.Helper()
	got := tw.mailbox(p)
	file := filepath.Join("testdata", "neomutt", name+".golden")
	if *updateMutt {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the mailbox of %s is\n%s\nwant\n%s", p.address, got, want)
	}
}

func (tw *town) mailbox(p *person) string {
	tw.t.Helper()
	mails := tw.inbox(p.address)
	var b strings.Builder
	for i, raw := range mails {
		m := mailtest.MustParse(tw.t, raw)
		fmt.Fprintf(&b, "######## %d\n", i+1)
		if !strings.Contains(m.Get("From"), supportAddr) {
			fmt.Fprintf(&b, "(from %s: %s)\n\n", m.Get("From"), m.Get("Subject"))
			continue
		}
		fmt.Fprint(&b, fieldsOf(m))
		for _, l := range leaves(tw.t, raw) {
			text := strings.ReplaceAll(string(l.data), "\r\n", "\n")
			text = written.ReplaceAllString(text, "${1}On @, $2")
			fmt.Fprintf(&b, "---- %s %s\n%s\n", l.kind, l.name, strings.TrimRight(text, "\n"))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// fieldsOf writes the header of a mail, in its order. Ids and times are told
// by what they are.
func fieldsOf(m *mailtest.Parsed) string {
	var b strings.Builder
	for _, f := range m.Fields {
		switch value := m.Get(f.Name); f.Name {
		case "Received", "Return-Path", "Delivered-To":
		case "Date", "Message-ID", "References", "In-Reply-To":
			fmt.Fprintf(&b, "%s: …\n", f.Name)
		default:
			fmt.Fprintf(&b, "%s: %s\n", f.Name, strings.Join(strings.Fields(value), " "))
		}
	}
	return b.String()
}

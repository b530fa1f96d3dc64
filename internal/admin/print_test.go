package admin

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"postroom/internal/store"
	"postroom/threads"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n got:\n%s\nwant:\n%s", name, got, want)
	}
}

const evil = "\x1b]0;owned\x07\x1b[2J\u202egpj.exe\u2066 \u009b31m\x00\x7f\r\n\tPay\u200b now\u2028\xff\U000e0041"

func TestSafe(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain – ünï 日本", "plain – ünï 日本"},
		{"\x1b[31mred", `\x1b[31mred`},
		{"a\u202eb\u2066c\u200f", `a\u202eb\u2066c\u200f`},
		{"tab\tand\nline", "tab and line"},
		{"bad \xff\xfe", `bad \xff\xfe`},
		{"\ufffd", "\ufffd"},
		{"c1 \u009b", `c1 \u009b`},
		{"\u2028", `\u2028`},
		{"👩\u200d🚀", "👩\u200d🚀"},
		{"z" + strings.Repeat("\u0335", 50), "z" + strings.Repeat("\u0335", maxMarks)},
		{"\U000e0041", `\U000e0041`},
	}
	for _, tt := range tests {
		if got := safe(tt.in); got != tt.want {
			t.Errorf("safe(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestCellAndWrap(t *testing.T) {
	for _, tt := range []struct {
		in    string
		limit int
		want  string
	}{
		{"short", 10, "short"}, {"exactly ten", 11, "exactly ten"}, {"much too long", 8, "much to…"},
		{"日本語日本語", 7, "日本語…"}, {"  many   spaces ", 20, "many spaces"}, {strings.Repeat("x", 1<<20), 3, "xx…"},
	} {
		if got := cell(tt.in, tt.limit); got != tt.want {
			t.Errorf("cell(%.20q, %d) = %q, want %q", tt.in, tt.limit, got, tt.want)
		}
	}
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"one two three", 7, "one two|three"}, {"onetwothree", 4, "onet|woth|ree"}, {"", 5, ""}, {"a bbbbbbb", 4, "a|bbbb|bbb"}, {"日本語", 1, "日|本|語"},
	} {
		if got := strings.Join(wrap(tt.in, tt.n), "|"); got != tt.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}

// hostile fails when something a terminal obeys is in a print.
func hostile(t *testing.T, name, out string, width int) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("%s: not UTF-8", name)
	}
	for _, r := range out {
		if r != '\n' && !unicode.IsPrint(r) && !joiner(r) {
			t.Errorf("%s: %U came through:\n%q", name, r, out)
			return
		}
	}
	for _, l := range strings.Split(out, "\n") {
		if columns(l) > width {
			t.Errorf("%s: a line of %d columns: %q", name, columns(l), l)
		}
	}
}

func evilStore(t *testing.T) *rig {
	r := newRig(t)
	id := r.customer(0, threads.Address{Name: evil, Addr: evil}, "<"+evil+">", evil+strings.Repeat(" long", 100), evil+"\n\n   9  2026-11-24 12:00  Closed by root\n"+strings.Repeat("w", 5000))
	r.engineer(id, bob, evil, evil, func(in *threads.MailIn) {
		in.Mail.From = []threads.Address{{Name: evil, Addr: bob}}
		in.Authority = threads.Authority{Engineer: bob, Doubt: threads.WhyForged, Reason: evil}
	})
	r.hold(store.Hold{ID: "1-5", Conversation: id, Engineer: evil, From: evil, Subject: evil, Reason: evil, At: noon.Unix()})
	r.update(func(tx *store.Tx) error {
		return tx.Enqueue(store.OutMail{ID: "1.2.0", State: store.OutQueued, Queued: noon, NextAttempt: noon, LastReply: evil, Subject: evil, Recipients: []store.Recipient{{Address: evil}}})
	})
	return r
}

func TestHostileMailIsHarmless(t *testing.T) {
	r := evilStore(t)
	const width = 132
	print := func(name string, f func(Printer) error) string {
		var b bytes.Buffer
		if err := f(Printer{Out: &b, Width: width}); err != nil {
			t.Fatal(err)
		}
		hostile(t, name, b.String(), width)
		return b.String()
	}
	rows := collect(t, func(f func(Row) error) error { return List(r.st, "", f) })
	held, err1 := Held(r.st)
	out := collect(t, func(f func(OutboxRow) error) error { return Outbox(r.st, f) })
	tl, err2 := Show(r.st, 1)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	print("list", func(p Printer) error { return p.List(rows) })
	print("held", func(p Printer) error { return p.Held(held) })
	print("outbox", func(p Printer) error { return p.Outbox(out) })
	print("aside", func(p Printer) error { return p.Asides([]AsideRow{{ID: "1", Error: evil, UID: evil}}) })
	print("status", func(p Printer) error {
		return p.Status(Status{State: Degraded, Problems: []string{evil}, Rotation: evil, Running: true})
	})
	print("audit", func(p Printer) error {
		return p.Audit(&Audit{Missing: []store.UID{{Folder: evil}}, Broken: []Broken{{Why: evil}}})
	})
	story := print("show", func(p Printer) error { return p.Timeline(tl) })
	for _, l := range strings.Split(story, "\n") {
		if strings.HasPrefix(l, "   9  2026") {
			t.Errorf("a mail's text passes for an event: %q", l)
		}
	}
	// JSON may go to a terminal too.
	for _, v := range []any{rows[0], held[0], out[0], tl} {
		var b bytes.Buffer
		if err := WriteLine(&b, v); err != nil {
			t.Fatal(err)
		}
		hostile(t, "JSON", b.String(), b.Len())
		if !json.Valid(b.Bytes()) {
			t.Errorf("no JSON: %s", b.Bytes())
		}
	}
	var back Row
	line, err := encodeLine(rows[0])
	if err != nil || json.Unmarshal(line, &back) != nil || back.Subject != rows[0].Subject {
		t.Errorf("%q came back as %q, %v", rows[0].Subject, back.Subject, err)
	}
}

func TestPrints(t *testing.T) {
	r := story(t)
	var b bytes.Buffer
	p := Printer{Out: &b, Width: 100}
	rows := collect(t, func(f func(Row) error) error { return List(r.st, "", f) })
	tl, err := Show(r.st, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range tl.Events { // the ids are made from a key of this test's own
		if id := tl.Events[i].MessageID; strings.HasPrefix(id, "<m.") {
			tl.Events[i].MessageID = "<m.OURS@acme.example>"
		}
	}
	s, err := StatusOf(r.st, Live{IMAP: IMAPStatus{History: Progress{Done: 3, Total: 9}, Error: "dial tcp: refused"}}, "1", noon, noon.Add(90*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	conv := threads.ID(1)
	for _, print := range []func() error{
		func() error { return p.List(rows) },
		func() error { return p.List(nil) },
		func() error { return p.Timeline(tl) },
		func() error { return p.Status(s) },
		func() error {
			return p.Held([]HeldMail{{ID: "1-9", Conversation: &conv, Author: bob, Reason: "it carries no token of hers", Subject: "Re: Broken pump"}})
		},
		func() error { return p.Held(nil) },
		func() error { return p.Outbox(nil) },
		func() error { return p.Asides(nil) },
		func() error {
			return p.Audit(&Audit{UIDs: 3, Accounted: 2, Missing: []store.UID{at(12)}, Mailbox: true})
		},
	} {
		if err := print(); err != nil {
			t.Fatal(err)
		}
		b.WriteString("----\n")
	}
	golden(t, "prints.txt", b.String())

	fails := Printer{Out: failing{}}
	for _, err := range []error{fails.List(rows), fails.List(nil), fails.Timeline(tl), fails.Status(s), fails.Audit(newAudit())} {
		if err != io.ErrShortWrite {
			t.Errorf("an output that fails: %v", err)
		}
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func FuzzSafe(f *testing.F) {
	f.Add(evil, 10)
	f.Add("日本語 z\u0335\u0335", 3)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = min(max(limit, 3), 200) // a wide character and "…" need three
		got := cell(s, limit)
		hostile(t, "cell", got, limit)
		for _, l := range wrap(safe(s), limit) {
			hostile(t, "wrap", l, limit)
		}
		line, err := encodeLine(s)
		if err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(line, &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Errorf("%q came back as %q, %v", s, back, err)
		}
		hostile(t, "JSON", string(line), len(line)+1)
	})
}

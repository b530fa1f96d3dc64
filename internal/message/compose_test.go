package message

import (
	"bytes"
	"flag"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/threads"
)

var updateCompose = flag.Bool("update-compose", false, "write the golden files of testdata/compose anew")

// desk is a support desk as tests use it: Alice and Bob answer Jane.
type desk struct {
	composer *Composer
	names    threads.Names
	reply    string // Alice's reply address
	root     string
	tokenID  string
	copyID   string
	answerID string
}

func newDesk() desk {
	m := threads.NewMinter([]byte("0123456789abcdef"))
	n := threads.NewNames("support@acme.example", "support+{token}@acme.example")
	return desk{
		composer: NewComposer(threads.Address{Name: "Acme Support", Addr: "support@acme.example"}, "", n.Domain),
		names:    n,
		reply:    n.Address(m.Token(threads.TokenReply, "alice", 1, 0)),
		root:     n.RootID(m, 1), tokenID: n.TokenID(m, "alice", 1, 0),
		copyID: n.MailID(m, "copy"), answerID: n.MailID(m, "answer"),
	}
}

func (d desk) fill(s string) string {
	return strings.NewReplacer("{REPLY}", d.reply, "{REPLYQP}", strings.ReplaceAll(d.reply, "=", "=3D"), "{ROOT}", d.root, "{TOKENID}", d.tokenID,
		"{COPYID}", d.copyID, "{COPYLEFT}", strings.Trim(d.copyID, "<>")).Replace(s)
}

// load reads a mail of testdata/compose; files have LF line ends.
func (d desk) load(t *testing.T, name string) *Message {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "compose", name+".eml"))
	if err != nil {
		t.Fatal(err)
	}
	return readString(strings.ReplaceAll(d.fill(string(raw)), "\n", "\r\n"))
}

func readString(s string) *Message { return Read(bytes.NewReader([]byte(s))) }

func (d desk) copyOf(m *Message) Copy {
	return Copy{
		To: threads.Address{Name: "Alice Ng", Addr: "alice@acme.example"}, Customer: m.Mail.Sender(),
		ReplyTo: d.reply, Subject: m.Mail.Subject, MessageID: d.copyID, InReplyTo: d.root, References: []string{d.root, d.tokenID},
		Date: time.Date(2026, 11, 24, 8, 12, 0, 0, time.UTC),
		Footer: []string{
			"Jane Doe <jane@x.example> is waiting for you, Alice.",
			`Reply to this mail and she gets your answer, from "Alice Ng at Acme Support".`,
		},
		Links: []Link{{"Close", MailtoURL(d.reply, "/close", "")}, {"Note", MailtoURL(d.reply, "", "/note\n")}},
	}
}

func (d desk) scrub() Scrub {
	return Scrub{
		Names: d.names, Support: d.composer.Support,
		People: []threads.Address{{Name: "Jane Doe", Addr: "jane@x.example"}},
		Own:    []string{"alice@acme.example", "a.ng@acme.example"}, Colleagues: []string{"bob@acme.example"},
	}
}

func (d desk) answer() Answer {
	return Answer{
		Author: "Alice Ng", To: []threads.Address{{Name: "Jane Doe", Addr: "jane@x.example"}},
		Cc: []threads.Address{{Name: "李雷", Addr: "li@x.example"}}, Subject: "Export fails",
		MessageID: d.answerID, InReplyTo: "<1@x.example>", References: []string{d.root, "<1@x.example>"},
		Date: time.Date(2026, 11, 24, 9, 20, 0, 0, time.UTC), Scrub: d.scrub(),
	}
}

// rendered renders a recipe and checks what holds for every mail we write.
func rendered(t *testing.T, r *Recipe, m *Message) string {
	t.Helper()
	out := octetsOf(t, r, m)
	checkTree(t, out)
	return out
}

func octetsOf(t *testing.T, r *Recipe, m *Message) string {
	t.Helper()
	var sources []Source
	if m != nil {
		sources = []Source{m.src}
	}
	back, err := DecodeRecipe(r.Encode())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := back.Render(&b, sources); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	if int64(len(out)) != r.Size() || r.Size() != back.Size() {
		t.Errorf("%d octets, but Size says %d", len(out), r.Size())
	}
	if r.EightBit() != hasEightBit([]byte(out)) {
		t.Errorf("EightBit says %v", r.EightBit())
	}
	if bad := strings.NewReplacer("\r\n", "").Replace(out); strings.ContainsAny(bad, "\r\n\x00") {
		t.Error("a bare CR, LF or NUL")
	}
	for l := range strings.SplitSeq(out, "\r\n") {
		if len(l) > maxLine {
			t.Errorf("line of %d octets", len(l))
		}
	}
	return out
}

// checkTree walks a mail with the standard library.
func checkTree(t *testing.T, raw string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("net/mail: %v", err)
	}
	if _, err := m.Header.Date(); err != nil {
		t.Errorf("Date: %v", err)
	}
	walkParts(t, m.Header.Get("Content-Type"), m.Body)
}

func walkParts(t *testing.T, kind string, body io.Reader) {
	t.Helper()
	media, params, err := mime.ParseMediaType(kind)
	if kind != "" && err != nil {
		t.Errorf("Content-Type %q: %v", kind, err)
	}
	if !strings.HasPrefix(media, "multipart/") {
		if _, err := io.Copy(io.Discard, body); err != nil {
			t.Errorf("%s: %v", media, err)
		}
		return
	}
	r := multipart.NewReader(body, params["boundary"])
	n := 0
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%s, part %d: %v", media, n, err)
		}
		n++
		walkParts(t, p.Header.Get("Content-Type"), p)
	}
	if n == 0 {
		t.Errorf("%s without parts", media)
	}
}

// golden compares a mail with its golden file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "compose", name+".golden")
	got = strings.ReplaceAll(got, "\r\n", "\n")
	if *updateCompose {
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
		t.Errorf("%s differs; got:\n%s", file, got)
	}
}

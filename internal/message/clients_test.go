package message

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var updateClients = flag.Bool("update-clients", false, "write the golden files of testdata/clients anew")

// encoded is a block of a fixture that is written in clear and sent encoded:
// the ids in it are filled in first.
var encoded = regexp.MustCompile(`(?s)\{\{(qp|base64|tnef)\n(.*?)\n\}\}`)

// clientMail reads a reply as a mail program makes it. The files have LF line
// ends, encoded parts in clear, and name in X-Fixture-Imitates the client and
// version, in X-Fixture-Evidence where its like was seen.
func (d desk) clientMail(t *testing.T, file string) *Message {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := encoded.ReplaceAllStringFunc(d.fill(string(raw)), func(block string) string {
		m := encoded.FindStringSubmatch(block)
		body := strings.ReplaceAll(m[2], "\n", "\r\n")
		switch m[1] {
		case "qp":
			return strings.ReplaceAll(quotedPrintable(body), "\r\n", "\n")
		case "tnef":
			body = packTNEF(body)
		}
		return brokenBase64(body)
	})
	return readString(strings.ReplaceAll(text, "\n", "\r\n"))
}

func brokenBase64(s string) string {
	all := base64.StdEncoding.EncodeToString([]byte(s))
	var b strings.Builder
	for len(all) > 76 {
		b.WriteString(all[:76] + "\n")
		all = all[76:]
	}
	return b.String() + all
}

// packTNEF packs a text as its plain body (MS-OXTNEF §2.1.3.2).
func packTNEF(text string) string {
	var b bytes.Buffer
	b.WriteString("\x78\x9f\x3e\x22\x01\x00\x01\x0c\x80\x01\x00")
	size := make([]byte, 4)
	binary.LittleEndian.PutUint32(size, uint32(len(text)+1))
	b.Write(size)
	b.WriteString(text + "\x00\x00\x00")
	return b.String()
}

// TestClients reads replies in the shape of many mail programs and languages:
// the commands, and exactly what the customer gets of the text.
func TestClients(t *testing.T) {
	d := newDesk()
	files, err := filepath.Glob(filepath.Join("testdata", "clients", "*.eml"))
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".eml"), func(t *testing.T) {
			m := d.clientMail(t, file)
			if m.Header.Get("X-Fixture-Imitates") == "" || m.Header.Get("X-Fixture-Evidence") == "" {
				t.Error("it does not say what it imitates, on what evidence")
			}
			a := d.answer()
			r, findings, err := d.composer.Answer(m, a)
			if err != nil {
				t.Fatal(err)
			}
			leaks, err := d.composer.Check(r, []Source{m.src}, Rules{Scrub: a.Scrub, Machines: m.Machines("acme.example")})
			if err != nil || len(findings)+len(leaks) > 0 {
				t.Errorf("it would be held: %v %v %v", findings, leaks, err)
			}
			out := rendered(t, r, m)
			nothingOfOurs(t, d, out)
			got := seenByCustomer(m, readString(out))
			name := strings.TrimSuffix(file, ".eml") + ".golden"
			if *updateClients {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; got:\n%s", name, got)
			}
		})
	}
}

// seenByCustomer is the commands found, whether there is anything to send
// beside them, what of it is hers and no quotation, and each text of the answer, HTML as a person reads it and as
// it stands.
func seenByCustomer(m, got *Message) string {
	var b strings.Builder
	for _, c := range m.Mail.Commands {
		fmt.Fprintln(&b, strings.TrimSpace("command: /"+c.Word+" "+c.Arg))
	}
	fmt.Fprintf(&b, "says something: %v\n", !m.Mail.AnswerEmpty)
	fmt.Fprintf(&b, "\n==== her own words\n%s\n", strings.TrimSpace(m.Mail.NewText))
	for _, p := range got.Leaves() {
		text := got.TextOf(p)
		if !strings.HasPrefix(p.Type, "text/") {
			fmt.Fprintf(&b, "\n==== %s %s\n", p.Type, p.Filename)
			continue
		}
		if p.Type == "text/html" {
			text, _ = got.wholeText(p)
			fmt.Fprintf(&b, "\n==== text/html, as it is read\n%s\n", strings.TrimSpace(flattenHTML(text, len(text))))
		}
		fmt.Fprintf(&b, "\n==== %s\n%s\n", p.Type, strings.TrimSpace(text))
	}
	return b.String()
}

// nothingOfOurs looks for what no customer may see, in the octets and in
// everything decoded.
func nothingOfOurs(t *testing.T, d desk, out string) {
	t.Helper()
	got := readString(out)
	all := []string{out}
	for _, p := range got.Leaves() {
		if strings.HasPrefix(p.Type, "text/") {
			whole, err := got.wholeText(p)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, whole, got.TextOf(p))
		}
	}
	text := strings.ToLower(strings.Join(all, "\n"))
	for _, never := range []string{
		"alice@acme.example", "bob@acme.example", "support+", strings.Trim(d.tokenID, "<>"), strings.Trim(d.copyID, "<>"), "via acme support",
		FooterMark, "it is your turn", "close it without", "received:", "user-agent", "x-mailer", "x-fixture", "autocrypt", "winmail", "thread-index",
		".lan", "fritz.box", "desktop-alice", "203.0.113.9", "198.51.100.77", "generator", "spidmax", "mid:", "/close", "/assign",
	} {
		if i := strings.Index(text, never); i >= 0 {
			t.Errorf("%q: ...%q...", never, text[max(0, i-40):min(len(text), i+60)])
		}
	}
}

// TestClientsTable: the list in testdata/clients/README.md is the files.
func TestClientsTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "clients", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("testdata", "clients", "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".eml")
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "`"+name+"`") }) {
			t.Errorf("%s is not in the list", name)
		}
	}
}

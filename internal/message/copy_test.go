package message

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/threads"
)

func TestCopyGolden(t *testing.T) {
	d := newDesk()
	for _, name := range []string{"copy-plain", "copy-html", "copy-signed"} {
		m := d.load(t, name)
		r, err := d.composer.Copy(m, d.copyOf(m))
		if err != nil {
			t.Fatal(err)
		}
		out := rendered(t, r, m)
		golden(t, name, out)
		again, err := d.composer.Copy(m, d.copyOf(m))
		if err != nil || string(again.Encode()) != string(r.Encode()) {
			t.Errorf("%s: another recipe the second time (%v)", name, err)
		}
		for _, never := range []string{"Received", "DKIM", "Return-Path", "X-Mailer", "X-Evil"} {
			if strings.Contains(out, never) {
				t.Errorf("%s has %s", name, never)
			}
		}
	}
}

func TestCopyStory(t *testing.T) {
	d := newDesk()
	m := d.load(t, "copy-html")
	c := d.copyOf(m)
	c.Story = []StoryItem{
		{threads.Address{Name: "Jane Doe", Addr: "jane@x.example"}, time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), "It broke.\n\nA line that is far too long to be left as it is, so that it is wrapped at a word."},
		{threads.Address{Addr: "bob@acme.example"}, time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC), "Which version?"},
	}
	r, err := d.composer.Copy(m, c)
	if err != nil {
		t.Fatal(err)
	}
	out := rendered(t, r, m)
	golden(t, "copy-story", out)
	// All of it goes again when the engineer quotes it.
	for _, p := range readString(out).Leaves() {
		text := readString(out).TextOf(p)
		if strings.Contains(text, "story so far") && p.Type == "text/plain" && strings.TrimSpace(StripAnswer("> "+strings.ReplaceAll(text, "\n", "\n> "))) != strings.TrimSpace("> ") {
			t.Errorf("left of the story: %q", StripAnswer("> "+strings.ReplaceAll(text, "\n", "\n> ")))
		}
	}
}

// bodyOf is what stands behind the header of a mail.
func bodyOf(raw string) string {
	_, body, _ := strings.Cut(raw, "\r\n\r\n")
	return body
}

func TestCopyKeepsOctets(t *testing.T) {
	d := newDesk()
	for _, name := range []string{"copy-html", "reply-outlook", "reply-apple", "reply-thunderbird", "copy-signed"} {
		m := d.load(t, name)
		r, err := d.composer.Copy(m, d.copyOf(m))
		if err != nil {
			t.Fatal(err)
		}
		whole := make([]byte, m.src.Size())
		if _, err := m.src.ReadAt(whole, 0); err != nil {
			t.Fatal(err)
		}
		out := rendered(t, r, m)
		if !strings.Contains(out, bodyOf(string(whole))) && !partsKept(m, string(whole), out) {
			t.Errorf("%s: the body is not there as it came", name)
		}
		if name == "copy-signed" && strings.Contains(out, FooterMark) {
			t.Errorf("%s: a footer on signed mail", name)
		}
	}
}

// partsKept reports that each part stands in out, octet for octet and in its
// order, with nothing of theirs between: only ours.
func partsKept(m *Message, raw, out string) bool {
	at := 0
	for _, p := range m.Root.Children {
		i := strings.Index(out[at:], raw[p.Start:p.End]+"\r\n--"+m.Root.Params["boundary"])
		if i < 0 {
			return false
		}
		at += i + int(p.End-p.Start)
	}
	return len(m.Root.Children) > 0 && strings.HasSuffix(out, raw[m.Root.Children[len(m.Root.Children)-1].End:])
}

func TestCopyWithoutFooter(t *testing.T) {
	d := newDesk()
	m := d.load(t, "copy-plain")
	c := d.copyOf(m)
	c.Footer = nil
	r, err := d.composer.Copy(m, c)
	if err != nil {
		t.Fatal(err)
	}
	if out := rendered(t, r, m); strings.Contains(out, "multipart") || strings.Contains(out, FooterMark) {
		t.Errorf("wrapped for nothing:\n%s", out)
	}
}

// TestCopyBadBodies sends on what no relay takes as it is.
func TestCopyBadBodies(t *testing.T) {
	d := newDesk()
	long := strings.Repeat("0123456789", 150)
	wrap := func(part string) string {
		return "From: Jane <jane@x.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nfirst\r\n--b\r\n" + part + "\r\n--b--\r\n"
	}
	for name, raw := range map[string]string{
		"long line":         "From: Jane <jane@x.example>\r\n\r\n" + long + "\r\n",
		"NUL":               "From: Jane <jane@x.example>\r\n\r\na\x00b\r\n",
		"bare LF":           "From: Jane <jane@x.example>\n\nbare\nline ends\n",
		"bare CR":           "From: Jane <jane@x.example>\r\rbare\rline ends\r",
		"long in part":      wrap("Content-Type: text/csv\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xe4" + long),
		"long base64":       wrap("Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + strings.Repeat("QUJD", 400)),
		"long header":       wrap("X-Long: " + long + "\r\nContent-Type: text/csv\r\n\r\na"),
		"long header above": wrap("Content-Type: multipart/alternative; boundary=c\r\nX-Long: " + long + "\r\n\r\n--c\r\nX-Long: " + long + "\r\n\r\na\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>b</p>\r\n--c--"),
		"long QP":           wrap("Content-Transfer-Encoding: quoted-printable\r\n\r\n" + strings.Repeat("=C3=A4 ", 400)),
		"raw 8-bit name":    wrap("Content-Type: image/png; name=\"\xe4.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + strings.Repeat("QUJD", 400)),
		"no boundary":       "From: Jane <jane@x.example>\r\nContent-Type: multipart/mixed\r\n\r\ntext\r\n",
		"boundary never":    "From: Jane <jane@x.example>\r\nContent-Type: multipart/mixed; boundary=zz\r\n\r\ntext\r\n",
		"no last boundary":  "From: Jane <jane@x.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo",
		"empty":             "",
		"no body":           "From: Jane <jane@x.example>\r\n\r\n",
		"nested":            wrap("Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\n" + long + "\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>" + long + "</p>\r\n--c--"),
	} {
		t.Run(name, func(t *testing.T) {
			m := readString(raw)
			r, err := d.composer.Copy(m, d.copyOf(m))
			if err != nil {
				t.Fatal(err)
			}
			show := rendered
			if name == "no last boundary" {
				show = octetsOf // the standard library wants one
			}
			got := readString(show(t, r, m))
			if len(got.Mail.Problems) > 0 && name != "no last boundary" {
				t.Errorf("problems %q", got.Mail.Problems)
			}
			var want []string
			for _, p := range m.Leaves() {
				want = append(want, strings.TrimRight(m.TextOf(p), " \n"))
			}
			leaves := slices.DeleteFunc(slices.Clone(got.Leaves()), func(p *Part) bool {
				return strings.Contains(got.TextOf(p), FooterMark)
			})
			for i, w := range want {
				if g := strings.TrimRight(got.TextOf(leaves[i]), " \n"); g != w {
					t.Errorf("part %d was %.60q, is %.60q", i, w, g)
				}
			}
		})
	}
}

func TestCopyBoundary(t *testing.T) {
	d := newDesk()
	m := d.load(t, "copy-plain")
	first, err := d.composer.Copy(m, d.copyOf(m))
	if err != nil {
		t.Fatal(err)
	}
	// A mail that holds the boundary it would be given.
	out := rendered(t, first, m)
	hostile := readString(out)
	r, err := d.composer.Copy(hostile, d.copyOf(hostile))
	if err != nil {
		t.Fatal(err)
	}
	got := readString(rendered(t, r, hostile))
	if len(got.Root.Children) != 2 || got.Root.Params["boundary"] == hostile.Root.Params["boundary"] {
		t.Errorf("%d parts, boundary %q", len(got.Root.Children), got.Root.Params["boundary"])
	}
}

func TestCopyNameless(t *testing.T) {
	d := newDesk()
	m := readString("From: jane@x.example\r\nSubject: x\r\n\r\nhi\r\n")
	r, err := d.composer.Copy(m, d.copyOf(m))
	if err != nil {
		t.Fatal(err)
	}
	if from := readString(rendered(t, r, m)).Mail.Sender(); from.Name != "jane via Acme Support" {
		t.Errorf("From is %q", from.Name)
	}
	if _, err := d.composer.Copy(&Message{src: m.src}, d.copyOf(m)); !errors.Is(err, ErrUnreadable) {
		t.Errorf("got %v", err)
	}
}

func TestFooterLines(t *testing.T) {
	lines := markLines([]string{
		"short", strings.Repeat("word ", 40), strings.Repeat("x", 200), "你好" + strings.Repeat("世界", 60), ":.: marked", "", "two\r\nlines",
	})
	for _, l := range lines {
		if displayWidth(l) >= 66 || !footerLine(l) {
			t.Errorf("line %q of %d columns", l, displayWidth(l))
		}
	}
	if lines[0] != ":.: short" || lines[len(lines)-3] != ":.: marked" || lines[len(lines)-1] != ":.: two  lines" {
		t.Errorf("got %q", lines)
	}
}

func TestStub(t *testing.T) {
	d := newDesk()
	m := d.load(t, "copy-html")
	c := d.copyOf(m)
	r, err := d.composer.Stub(m, c, "Your mail server takes no mail of this size (25 MB).")
	if err != nil {
		t.Fatal(err)
	}
	if r.EightBit() {
		t.Error("8-bit")
	}
	golden(t, "stub", rendered(t, r, m))
}

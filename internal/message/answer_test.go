package message

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// clientMails are engineers' replies in the shape of several mail programs.
func clientMails() []string {
	return []string{"reply-gmail", "reply-outlook", "reply-apple", "reply-thunderbird"}
}

func answerFor(t *testing.T, d desk, m *Message, a Answer) (string, []Finding) {
	t.Helper()
	r, findings, err := d.composer.Answer(m, a)
	if err != nil {
		t.Fatal(err)
	}
	if r.EightBit() {
		t.Error("an answer in 8 bits")
	}
	return rendered(t, r, m), findings
}

func TestAnswerGolden(t *testing.T) {
	d := newDesk()
	for _, name := range clientMails() {
		t.Run(name, func(t *testing.T) {
			m := d.load(t, name)
			out, findings := answerFor(t, d, m, d.answer())
			if len(findings) > 0 {
				t.Errorf("findings %+v", findings)
			}
			golden(t, name, out)
		})
	}
}

// TestAnswerNothingOfTheEngineer looks for what must never reach a customer,
// in the octets and in everything decoded.
func TestAnswerNothingOfTheEngineer(t *testing.T) {
	d := newDesk()
	for _, name := range clientMails() {
		t.Run(name, func(t *testing.T) {
			m := d.load(t, name)
			a := d.answer()
			r, _, err := d.composer.Answer(m, a)
			if err != nil {
				t.Fatal(err)
			}
			out := octetsOf(t, r, m)
			all := []string{out}
			got := readString(out)
			for _, p := range got.Leaves() {
				all = append(all, got.TextOf(p))
			}
			text := strings.ToLower(strings.Join(all, "\n"))
			for _, never := range []string{
				"alice@acme.example", "a.ng@acme.example", "bob@acme.example", "support+", strings.Trim(d.tokenID, "<>"), strings.Trim(d.copyID, "<>"),
				"received:", "user-agent", "x-", "autocrypt", "home.lan", "outlook.com", "google", "thunderbird", "apple mail", "microsoft word", "01da1234",
				"198.51.100.3", "203.0.113.9", "pgp", "/close", "/take", "waiting for you", "gets your answer", "mid:", "unix-mode", "creation-date", "<!--[",
			} {
				if i := strings.Index(text, never); i >= 0 && !(never == "x-" && onlyHarmlessX(text)) {
					t.Errorf("%q: ...%q...", never, text[max(0, i-30):min(len(text), i+60)])
				}
			}
			if bad := CheckAnswerHeaders(got.Header); len(bad) > 0 {
				t.Error(bad)
			}
			found, err := d.composer.Check(r, []Source{m.src}, Rules{Scrub: a.Scrub})
			if err != nil || len(found) > 0 {
				t.Errorf("the leak guard finds %+v (%v)", found, err)
			}
		})
	}
}

// onlyHarmlessX reports that "x-" stands in types and styles only.
func onlyHarmlessX(text string) bool {
	for l := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(l, "x-") {
			return false
		}
	}
	return true
}

// safeLink is a link as Safe Links of Outlook writes it into her mail.
func safeLink(target string) string {
	return "https://eur01.safelinks.protection.outlook.com/?url=" + url.QueryEscape(target) +
		"&data=05%7C02%7Calice%40acme.example%7C8a5c08dd%7C1%7C0%7C638%7CUnknown%7CTWFpbGZsb3d8%3D%3D&sdata=Ab%2B3%3D&reserved=0"
}

func TestAnswerText(t *testing.T) {
	d := newDesk()
	head := "From: Alice Ng <alice@acme.example>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
	for name, tc := range map[string]struct{ in, want string }{
		"commands":      {"/close\r\n/tag x\r\n\r\nDone.\r\n", "Done.\n"},
		"path":          {"/etc/hosts is wrong\r\n", "/etc/hosts is wrong\n"},
		"own address":   {"Write to ALICE@Acme.Example or (a.ng@acme.example).\r\n", "Write to support@acme.example or (support@acme.example).\n"},
		"subaddress":    {"alice+x@acme.example\r\n", "support@acme.example\n"},
		"between bars":  {"https://a.example/?data=05%7C02%7Calice%40acme.example%7C1b2c and 05|02|alice@acme.example|1\r\n", "https://a.example/?data=05%7C02%7Csupport@acme.example%7C1b2c and 05|02|support@acme.example|1\n"},
		"safe link":     {"see <" + safeLink("https://client.example/a?b=c&d=%20e") + ">.\r\n", "see <https://client.example/a?b=c&d=%20e>.\n"},
		"safe mailto":   {"> " + safeLink("mailto:"+d.reply+"?body=%2Fclose") + "\r\n> end\r\n", "> mailto:support@acme.example\n> end\n"},
		"safe lines":    {safeLink("https://client.example/\r\n:.: x") + "\r\n", "https://client.example/%0D%0A:.:%20x\n"},
		"safe nothing":  {safeLink("javascript:x") + "\r\n", strings.Replace(safeLink("javascript:x"), "alice%40acme.example", "support@acme.example", 1) + "\n"},
		"han before":    {"请写信给alice@acme.example。\r\n", "请写信给support@acme.example。\n"},
		"token":         {"see {REPLY}\r\n", "see support@acme.example\n"},
		"upper token":   {"see {UPPER}\r\n", "see support@acme.example\n"},
		"escaped":       {"see mailto:{ESCAPED}\r\n", "see mailto:support@acme.example\n"},
		"bare token":    {"id {TOKEN}.\r\n", "id .\n"},
		"token id":      {"id {TOKENID}\r\n", "id <support@acme.example>\n"},
		"via":           {"On Monday, Jane Doe via Acme Support <support@acme.example> wrote:\r\n> hi\r\n", "On Monday, Jane Doe <jane@x.example> wrote:\n> hi\n"},
		"via, token":    {"\"Jane Doe via Acme Support\" <{REPLY}> wrote:\r\n> hi\r\n", "\"Jane Doe\" <jane@x.example> wrote:\n> hi\n"},
		"via, stranger": {"From: Joe via Acme Support [mailto:support@acme.example]\r\n> hi\r\n", "From: Joe\n> hi\n"},
		"via, mine":     {"Reach me via Acme Support any time.\r\n", "Reach me via Acme Support any time.\n"},
		"colleague":     {"ok\r\n\r\n> Bob <bob@acme.example> wrote\r\n", "ok\n\n> Bob <support@acme.example> wrote\n"},
		"interleaved":   {"> a\r\none\r\n> b\r\n> :.: c\r\n:.: d\r\ntwo\r\n", "> a\none\n> b\ntwo\n"},
		"footer, blank": {"one\r\n> :.:\u00a0c\r\n:.:\td\r\ntwo\r\n", "one\ntwo\n"},
		"not ours":      {":: a batch file says\r\n::1 localhost\r\n::\r\n:: Int -> Int\r\n", ":: a batch file says\n::1 localhost\n::\n:: Int -> Int\n"},
		"clearsigned":   {"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nfixed\r\n- -- \r\nAlice\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\nabc\r\n-----END PGP SIGNATURE-----\r\n", "fixed\n-- \nAlice\n"},
	} {
		token, _, _ := strings.Cut(strings.TrimPrefix(d.reply, "support+"), "@")
		in := strings.NewReplacer("{UPPER}", strings.ToUpper(d.reply), "{TOKEN}", token, "{ESCAPED}", strings.NewReplacer("+", "%2B", "@", "%40").Replace(d.reply)).Replace(d.fill(tc.in))
		m := readString(head + in)
		out, findings := answerFor(t, d, m, d.answer())
		got := readString(out)
		if text := got.TextOf(got.Root); text != tc.want || len(findings) > 0 {
			t.Errorf("%s: got %q, want %q; %v", name, text, tc.want, findings)
		}
	}
}

func TestAnswerColleague(t *testing.T) {
	d := newDesk()
	in := "From: Alice <alice@acme.example>\r\nContent-Type: text/plain\r\n\r\nAsk bob@acme.example.\r\n"
	out, findings := answerFor(t, d, readString(in), d.answer())
	if len(findings) != 1 || !findings[0].Releasable || !strings.Contains(findings[0].What, "bob@acme.example") {
		t.Errorf("findings %+v", findings)
	}
	if !strings.Contains(out, "bob@acme.example") {
		t.Error("her text was changed")
	}
	a := d.answer()
	a.Scrub.Allowed = []string{"Bob@Acme.example"}
	if _, findings := answerFor(t, d, readString(in), a); len(findings) > 0 {
		t.Errorf("allowed, and yet %+v", findings)
	}
}

func TestAnswerEncrypted(t *testing.T) {
	d := newDesk()
	for name, kind := range map[string]string{
		"PGP":           "multipart/encrypted; boundary=b",
		"S/MIME":        "application/pkcs7-mime; smime-type=enveloped-data",
		"S/MIME signed": "application/x-pkcs7-mime; smime-type=signed-data",
	} {
		m := readString("From: Alice <alice@acme.example>\r\nContent-Type: " + kind + "\r\n\r\n--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n")
		if _, _, err := d.composer.Answer(m, d.answer()); !errors.Is(err, ErrEncrypted) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	m := readString("From: Alice <alice@acme.example>\r\n\r\n/close\r\n")
	if _, _, err := d.composer.Answer(m, d.answer()); !errors.Is(err, ErrNothing) {
		t.Errorf("nothing left: got %v", err)
	}
}

// TestAnswerAttachments sends attachments of every encoding and compares what
// arrives.
func TestAnswerAttachments(t *testing.T) {
	d := newDesk()
	var binary strings.Builder
	for i := range 3000 {
		binary.WriteByte(byte(i * 7))
	}
	long := strings.Repeat("0123456789", 200)
	for name, tc := range map[string]struct{ fields, body, kind string }{
		"base64":       {"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64", base64.StdEncoding.EncodeToString([]byte(long)), "application/pdf"},
		"8bit":         {"Content-Type: text/csv\r\nContent-Transfer-Encoding: 8bit", "ä;ö", "text/csv"},
		"binary":       {"Content-Type: application/x-thing\r\nContent-Transfer-Encoding: binary", strings.NewReplacer("\r", "", "\n", "", "-", "").Replace(binary.String()), "application/x-thing"},
		"long 7bit":    {"Content-Type: application/json", long, "application/json"},
		"long QP":      {"Content-Type: text/csv\r\nContent-Transfer-Encoding: quoted-printable", strings.Repeat("=E4=20", 300), "text/csv"},
		"rfc822":       {"Content-Type: message/rfc822", "From: a@x.example\r\n\r\nhello", "message/rfc822"},
		"8bit rfc822":  {"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit", "From: a@x.example\r\n\r\nhellö", "application/octet-stream"},
		"odd encoding": {"Content-Type: application/x-thing\r\nContent-Transfer-Encoding: x-own", "abc", "application/x-thing"},
		"broken type":  {"Content-Type: evil; name=a.bin\r\nContent-Disposition: attachment", "abc", "text/plain"},
	} {
		t.Run(name, func(t *testing.T) {
			m := readString("From: Alice <alice@acme.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee below\r\n--b\r\n" + tc.fields + "\r\n\r\n" + tc.body + "\r\n--b--\r\n")
			out, _ := answerFor(t, d, m, d.answer())
			got := readString(out)
			if len(got.Root.Children) != 2 {
				t.Fatalf("%d parts", len(got.Root.Children))
			}
			p := got.Root.Children[1]
			if p.Type != tc.kind {
				t.Errorf("type %s", p.Type)
			}
			if a, b := decoded(t, m, m.Root.Children[1]), decoded(t, got, p); a != b {
				t.Errorf("was %.80q, is %.80q", a, b)
			}
		})
	}
}

// TestAnswerRelated keeps pictures with the text they stand in, whichever part
// is named first.
func TestAnswerRelated(t *testing.T) {
	d := newDesk()
	picture := "--b\r\nContent-Type: image/png\r\nContent-ID: <p@host.lan>\r\n\r\nabc\r\n"
	text := "--b\r\nContent-Type: text/html\r\nContent-ID: <root@host.lan>\r\n\r\n<p>Hi<img src=\"cid:p@host.lan\"></p>\r\n"
	empty := "--b\r\nContent-Type: text/html\r\n\r\n<p>/close</p>\r\n"
	for name, tc := range map[string]struct{ start, parts, kind string }{
		"first":   {"", text + picture, "multipart/related text/html image/png"},
		"start":   {"; start=\"<root@host.lan>\"", picture + text, "multipart/related text/html image/png"},
		"no text": {"", empty + picture + picture, "multipart/mixed image/png image/png"},
		"alone":   {"", empty + picture, "image/png"},
	} {
		m := readString("From: Alice <alice@acme.example>\r\nContent-Type: multipart/related; boundary=b" + tc.start + "\r\n\r\n" + tc.parts + "--b--\r\n")
		out, _ := answerFor(t, d, m, d.answer())
		got := readString(out)
		kinds := []string{got.Root.Type}
		for _, p := range got.Root.Children {
			kinds = append(kinds, p.Type)
		}
		if k := strings.Join(kinds, " "); k != tc.kind || strings.Contains(out, "host.lan") {
			t.Errorf("%s: %s\n%s", name, k, out)
		}
		if strings.Contains(tc.kind, "html") && !strings.Contains(got.TextOf(got.Root.Children[0]), "cid:"+got.Root.Children[1].ContentID) {
			t.Errorf("%s: the picture is not found:\n%s", name, out)
		}
	}
}

func decoded(t *testing.T, m *Message, p *Part) string {
	t.Helper()
	var b strings.Builder
	buf := make([]byte, 4096)
	r := m.Open(p)
	for {
		n, err := r.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String()
		}
	}
}

func TestAnswerInjection(t *testing.T) {
	d := newDesk()
	for _, bad := range injections() {
		m := readString("From: Alice <alice@acme.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\nContent-Type: image/png; name=\"" + bad + "\"\r\nContent-Disposition: attachment; filename*=UTF-8''" + percent(bad) + "\r\nContent-ID: <" + bad + ">\r\nContent-Description: " + bad + "\r\n\r\nabc\r\n--b--\r\n")
		a := d.answer()
		a.Author, a.Subject, a.To[0].Name, a.ThreadTopic, a.ThreadIndex, a.InReplyTo = bad, bad, bad, bad, bad, bad
		a.References = append(a.References, bad)
		r, _, err := d.composer.Answer(m, a)
		if err != nil {
			t.Fatal(err)
		}
		got := readString(rendered(t, r, m))
		if bad2 := CheckAnswerHeaders(got.Header); len(bad2) > 0 {
			t.Errorf("%q: %v", bad, bad2)
		}
		for _, p := range got.Leaves() {
			for _, f := range p.Header {
				if p != got.Root && !strings.HasPrefix(f.Name, "Content-") {
					t.Errorf("%q gave a part the field %s", bad, f.Name)
				}
			}
		}
	}
}

// TestAnswerFileNames: what a customer reads of a file's place is its name.
func TestAnswerFileNames(t *testing.T) {
	d := newDesk()
	for name, want := range map[string]string{
		`C:\\Users\\alice.ng\\quote.pdf`: "quote.pdf",
		"/home/alice/quote.pdf":          "quote.pdf",
		"quote.pdf":                      "quote.pdf",
		"a/":                             "a/",
	} {
		m := readString("From: Alice <alice@acme.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n" +
			"Content-Type: application/pdf; name=\"" + name + "\"\r\nContent-Disposition: attachment; filename=\"" + name + "\"\r\n\r\nabc\r\n--b--\r\n")
		r, _, err := d.composer.Answer(m, d.answer())
		if err != nil {
			t.Fatal(err)
		}
		raw := rendered(t, r, m)
		if leaves := readString(raw).Leaves(); leaves[len(leaves)-1].Filename != want || want == "quote.pdf" && strings.Contains(raw, "alice.ng") {
			t.Errorf("%s became %s", name, leaves[len(leaves)-1].Filename)
		}
	}
}

// FuzzAnswer composes mails out of odd trees: no panic, and what is made keeps
// its form.
func FuzzAnswer(f *testing.F) {
	d := newDesk()
	for _, name := range clientMails() {
		m := d.load(&testing.T{}, name)
		raw := make([]byte, m.src.Size())
		if _, err := m.src.ReadAt(raw, 0); err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := readString(string(raw))
		if r, err := d.composer.Copy(m, d.copyOf(m)); err != nil {
			t.Fatal(err)
		} else {
			octetsOf7(t, r, m, false)
		}
		r, _, err := d.composer.Answer(m, d.answer())
		if err != nil {
			return
		}
		out := octetsOf7(t, r, m, true)
		if bad := CheckAnswerHeaders(readString(out).Header); len(bad) > 0 {
			t.Fatal(bad)
		}
		if _, err := d.composer.Check(r, []Source{m.src}, Rules{Scrub: d.scrub()}); err != nil {
			t.Fatal(err)
		}
	})
}

func octetsOf7(t *testing.T, r *Recipe, m *Message, seven bool) string {
	var b strings.Builder
	if err := r.Render(&b, []Source{m.src}); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	if int64(len(out)) != r.Size() || seven && hasEightBit([]byte(out)) {
		t.Fatal(fmt.Sprint("size or 8-bit: ", len(out), r.Size()))
	}
	if strings.ContainsAny(strings.ReplaceAll(out, "\r\n", ""), "\r\n") {
		t.Fatal("a bare CR or LF")
	}
	return out
}

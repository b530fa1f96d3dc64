package message

import (
	"encoding/base64"
	"strings"
	"testing"
)

// footerTrees are customers' mails of each shape a footer has to find its
// place in. Where says what is expected, as shape writes it: "::" is ours.
func footerTrees() map[string]struct{ mail, where string } {
	const plain = "Content-Type: text/plain; charset=utf-8\n\nIt burns.\n"
	const rich = "Content-Type: text/html; charset=utf-8\n\n<p>It burns.</p>\n"
	const both = "Content-Type: multipart/alternative; boundary=in\n\n--in\n" + plain + "--in\n" + rich + "--in--\n"
	const picture = "Content-Type: image/png\nContent-Disposition: inline\nContent-ID: <p@x.example>\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n"
	const related = "Content-Type: multipart/related; boundary=rel\n\n--rel\n" + rich + "--rel\n" + picture + "--rel--\n"
	const pdf = "Content-Type: application/pdf; name=a.pdf\nContent-Disposition: attachment; filename=a.pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0=\n"
	mixed := func(parts ...string) string {
		return "Content-Type: multipart/mixed; boundary=out\n\n--out\n" + strings.Join(parts, "--out\n") + "--out--\n"
	}
	return map[string]struct{ mail, where string }{
		"text":        {plain, "mixed(plain ::plain)"},
		"untyped":     {"\nIt burns.\n", "mixed(plain ::plain)"},
		"html":        {rich, "mixed(html alternative(::plain ::html))"},
		"flowed":      {"Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\n\nIt \nburns.\n", "mixed(plain ::plain)"},
		"base64":      {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte("Es brennt, früh.\r\n")) + "\n", "mixed(plain ::plain)"},
		"charset":     {"Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b$B2P;v$G$9!#\x1b(B\n", "mixed(plain ::plain)"},
		"8bit":        {"Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: 8bit\n\n\xf0\xcf\xd6\xc1\xd2!\n", "mixed(plain ::plain)"},
		"alternative": {both, "mixed(alternative(plain html) alternative(::plain ::html))"},
		"related":     {related, "mixed(related(html png) alternative(::plain ::html))"},
		"mixed":       {mixed(plain, pdf), "mixed(plain ::plain pdf)"},
		"mixed-html":  {mixed(both, pdf, pdf), "mixed(alternative(plain html) alternative(::plain ::html) pdf pdf)"},
		"mixed-apple": {mixed(plain, picture, plain), "mixed(plain ::plain png plain)"},
		"mixed-text":  {mixed(plain, plain), "mixed(mixed(plain plain) ::plain)"},
		"file-first":  {mixed(pdf, plain), "mixed(::plain pdf plain)"},
		"file-alone":  {pdf, "mixed(pdf ::plain)"},
		"signed": {"Content-Type: multipart/signed; boundary=s; micalg=pgp-sha256; protocol=\"application/pgp-signature\"\n\n--s\n" + plain +
			"--s\nContent-Type: application/pgp-signature\n\n-----BEGIN PGP SIGNATURE-----\n--s--\n", "signed(plain pgp-signature)"},
		"smime": {"Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\nContent-Transfer-Encoding: base64\n\nMIAGCSqG\n", "pkcs7-mime"},
		"encrypted": {"Content-Type: multipart/encrypted; boundary=e; protocol=\"application/pgp-encrypted\"\n\n--e\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n" +
			"--e\nContent-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\n--e--\n", "encrypted(pgp-encrypted octet-stream)"},
		"clearsigned": {"Content-Type: text/plain\n\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nIt burns.\n-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n", "plain"},
	}
}

// shape writes a tree on one line; what has our footer in it is marked.
func shape(m *Message, p *Part) string {
	_, name, _ := strings.Cut(p.Type, "/")
	if len(p.Children) == 0 {
		if strings.HasPrefix(p.Type, "text/") && strings.Contains(m.TextOf(p), FooterMark) {
			return "::" + name
		}
		return name
	}
	var list []string
	for _, c := range p.Children {
		list = append(list, shape(m, c))
	}
	return name + "(" + strings.Join(list, " ") + ")"
}

// TestFooterTree puts the footer into mails of each shape: where clients show
// it, and the customer's parts around it as they came.
func TestFooterTree(t *testing.T) {
	d := newDesk()
	for name, tt := range footerTrees() {
		t.Run(name, func(t *testing.T) {
			head := "From: Jane Doe <jane@x.example>\nTo: support@acme.example\nSubject: Fire\nMessage-ID: <1@x.example>\nMIME-Version: 1.0\n"
			raw := strings.ReplaceAll(head+tt.mail, "\n", "\r\n")
			m := readString(raw)
			r, err := d.composer.Copy(m, d.copyOf(m))
			if err != nil {
				t.Fatal(err)
			}
			out := rendered(t, r, m)
			got := readString(out)
			if where := shape(got, got.Root); where != tt.where {
				t.Errorf("the tree is %s, want %s", where, tt.where)
			}
			if len(got.Mail.Problems) > 0 {
				t.Errorf("problems: %q", got.Mail.Problems)
			}
			for _, p := range m.Leaves() {
				if !strings.Contains(out, raw[p.Body:p.End]) {
					t.Errorf("the part %s is not there as it came", p.Type)
				}
			}
			for _, p := range got.Leaves() {
				if strings.HasPrefix(p.Type, "text/") && strings.Contains(got.TextOf(p), FooterMark) && (p.Disposition == "attachment" || p.Filename != "") {
					t.Errorf("the footer is an attachment: %+v", p)
				}
			}
			// What it will be recognised by, should it come back, is known beforehand.
			if s := r.Sent(); s != nil && s.BodyDigest != got.Mail.BodyDigest {
				t.Error("it would not be recognised when it comes back")
			}
			golden(t, "footer-"+name, out)
		})
	}
}

// TestFooterAgainstTheBoundary: a customer chooses the boundary, and with it
// could end our part early.
func TestFooterAgainstTheBoundary(t *testing.T) {
	d := newDesk()
	for _, boundary := range []string{"=_", ":.: Close", "b ", "ü", "x?", strings.Repeat("b", 75)} {
		raw := "From: Jane Doe <jane@x.example>\r\nContent-Type: multipart/mixed; boundary=\"" + boundary + "\"\r\n\r\n--" + boundary + "\r\n\r\nhi\r\n--" + boundary +
			"\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\nx\r\n--" + boundary + "--\r\n"
		m := readString(raw)
		c := d.copyOf(m)
		c.Footer = append(c.Footer, strings.Repeat("ü", 30)+" --=_x--"+boundary)
		r, err := d.composer.Copy(m, c)
		if err != nil {
			t.Fatal(err)
		}
		got := readString(octetsOf(t, r, m))
		all := ""
		for _, p := range got.Leaves() {
			if text := got.TextOf(p); strings.Contains(text, FooterMark) {
				all += text
			}
		}
		if !strings.Contains(all, "Note: mailto:") || !strings.Contains(all, "waiting for you") {
			t.Errorf("boundary %q: the footer is %q", boundary, all)
		}
	}
}

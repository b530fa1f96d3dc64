package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/internal/mailtest"
)

// person is somebody with a mail client.
type person struct {
	name, address string
	host          string // the machine the client runs on
	agent         string // the client's name
	html          bool   // answers in HTML too

	mu   sync.Mutex
	made int
	sent [][]byte // what it wrote, as in its Sent folder
}

func (p *person) from() string { return fmt.Sprintf("%s <%s>", p.name, p.address) }

// mail begins a mail as the client does: with traces of itself.
func (p *person) mail() mailtest.Mail {
	p.mu.Lock()
	p.made++
	n := p.made
	p.mu.Unlock()
	m := mailtest.Mail{
		From: p.from(), Date: time.Now().UTC().Truncate(time.Second),
		MessageID: fmt.Sprintf("%d.%s@%s", n, strings.ReplaceAll(p.address, "@", "."), p.host),
	}
	if p.agent != "" {
		m.Headers = []mailtest.Field{
			{Name: "User-Agent", Value: p.agent},
			{Name: "X-Mailer", Value: p.agent},
			{Name: "X-Originating-IP", Value: "[10.11.12.13]"},
			{Name: "Autocrypt", Value: "addr=" + p.address + "; keydata=bm9rZXk="},
			{Name: "Received", Value: "from " + p.host + " ([10.11.12.13]) by out." + p.host + " with ESMTPSA; " + time.Now().Format(time.RFC1123Z)},
		}
	}
	return m
}

// write is a new mail to the support address.
func (p *person) write(subject, text string) mailtest.Mail {
	m := p.mail()
	m.To, m.Subject, m.Text = supportAddr, subject, text
	return m
}

// reply answers a mail as clients do: to its Reply-To, with the thread's ids,
// the text on top and everything of the mail quoted below, who wrote it and
// what it ends with included.
func (p *person) reply(t testing.TB, raw []byte, text string) mailtest.Mail {
	t.Helper()
	orig := mailtest.MustParse(t, raw)
	m := p.mail()
	m.To = orig.Get("From")
	if to := orig.Addresses("Reply-To"); len(to) > 0 {
		m.To = to[0]
	}
	m.Subject = orig.Get("Subject")
	if !strings.HasPrefix(strings.ToLower(m.Subject), "re:") {
		m.Subject = "Re: " + m.Subject
	}
	m.InReplyTo = orig.Get("Message-ID")
	m.References = append(orig.IDs("References"), strings.Trim(m.InReplyTo, "<>"))
	attribution := fmt.Sprintf("On %s, %s <%s> wrote to %s <%s>:", orig.Get("Date"), nameOf(orig.Get("From")), m.To, p.name, p.address)
	m.Text = text + "\n\n" + attribution + "\n"
	for line := range strings.SplitSeq(strings.TrimRight(strings.ReplaceAll(orig.Text, "\r\n", "\n"), "\n"), "\n") {
		m.Text += "> " + line + "\n"
	}
	if p.html {
		quoted := orig.HTML
		if quoted == "" {
			quoted = "<pre>" + html.EscapeString(orig.Text) + "</pre>"
		}
		m.HTML = fmt.Sprintf("<p>%s</p>\n<div>%s</div>\n<blockquote>%s</blockquote>\n",
			strings.ReplaceAll(html.EscapeString(text), "\n", "<br>\n"), html.EscapeString(attribution), quoted)
	}
	return m
}

func nameOf(from string) string {
	name, _, _ := strings.Cut(from, " <")
	return strings.Trim(name, `"`)
}

// keep files a mail in the person's Sent folder.
func (p *person) keep(raw []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, raw)
	return raw
}

// kept is what the person has sent.
func (p *person) kept() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent[:len(p.sent):len(p.sent)]
}

// leaf is one part without parts of its own. Attached messages are leaves.
type leaf struct {
	kind, encoding string
	name           string
	raw            []byte // as it stands in the mail
	data           []byte // decoded
}

// leaves takes a mail apart, with the standard library alone.
func leaves(t testing.TB, raw []byte) []leaf {
	t.Helper()
	head, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("a mail without body:\n%s", raw)
	}
	h := textproto.MIMEHeader{}
	unfolded := strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(string(head))
	for line := range strings.SplitSeq(unfolded, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			h.Add(name, strings.TrimSpace(value))
		}
	}
	return leavesOf(t, h, body)
}

func leavesOf(t testing.TB, h textproto.MIMEHeader, body []byte) []leaf {
	t.Helper()
	kind, params := "text/plain", map[string]string{}
	if ct := h.Get("Content-Type"); ct != "" {
		var err error
		if kind, params, err = mime.ParseMediaType(ct); err != nil {
			t.Fatalf("Content-Type %q: %v", ct, err)
		}
	}
	if strings.HasPrefix(kind, "multipart/") {
		var list []leaf
		r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
		for {
			part, err := r.NextRawPart()
			if err == io.EOF {
				return list
			}
			if err != nil {
				t.Fatalf("taking %s apart: %v\n%s", kind, err, body)
			}
			content, err := io.ReadAll(part)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, leavesOf(t, part.Header, content)...)
		}
	}
	_, disposition, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
	l := leaf{kind: kind, encoding: strings.ToLower(h.Get("Content-Transfer-Encoding")), name: disposition["filename"], raw: body, data: body}
	var decode io.Reader
	switch l.encoding {
	case "base64":
		decode = base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body))
	case "quoted-printable":
		decode = quotedprintable.NewReader(bytes.NewReader(body))
	default:
		return []leaf{l}
	}
	data, err := io.ReadAll(decode)
	if err != nil {
		t.Fatalf("decoding %s: %v\n%s", l.encoding, err, body)
	}
	l.data = data
	return []leaf{l}
}

// threadsIn groups the mails of a mailbox as clients do: by Message-ID,
// In-Reply-To and References, also where an id is of a mail that is not there.
// It returns the number of groups.
func threadsIn(t testing.TB, mails [][]byte) int {
	t.Helper()
	parent := map[string]string{}
	var root func(id string) string
	root = func(id string) string {
		if p, ok := parent[id]; ok && p != id {
			r := root(p)
			parent[id] = r
			return r
		}
		parent[id] = id
		return id
	}
	var own []string
	for _, raw := range mails {
		p := mailtest.MustParse(t, raw)
		id := strings.Trim(p.Get("Message-ID"), "<>")
		if id == "" {
			t.Fatalf("a mail without Message-ID:\n%s", raw)
		}
		own = append(own, id)
		for _, ref := range append(p.IDs("In-Reply-To"), p.IDs("References")...) {
			parent[root(ref)] = root(id)
		}
	}
	groups := map[string]bool{}
	for _, id := range own {
		groups[root(id)] = true
	}
	return len(groups)
}

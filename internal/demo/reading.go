package demo

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"

	"postroom/internal/mailtest/servers"
)

// letter is a mail as a mail client shows it.
type letter struct {
	uid    uint32
	flags  []string
	raw    []byte
	header mail.Header
	text   string // the text parts that are shown, in order
	html   string
	files  []attachment
}

type attachment struct {
	name, kind string
	data       []byte
}

// maxParts bounds how deep parts may be nested.
const maxParts = 20

// read reads a mail strictly: a client that meets something broken shows
// nonsense, so here it is an error.
func read(m servers.Message) (*letter, error) {
	msg, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		return nil, fmt.Errorf("reading a mail: %w", err)
	}
	l := &letter{uid: m.UID, flags: m.Flags, raw: m.Raw, header: msg.Header}
	if err := l.part(textproto.MIMEHeader(msg.Header), msg.Body, 0); err != nil {
		return nil, fmt.Errorf("reading the mail %q: %w", l.subject(), err)
	}
	return l, nil
}

func (l *letter) part(h textproto.MIMEHeader, body io.Reader, depth int) error {
	if depth > maxParts {
		return errors.New("its parts are nested too deep")
	}
	kind, params := "text/plain", map[string]string{}
	if v := h.Get("Content-Type"); v != "" {
		var err error
		if kind, params, err = mime.ParseMediaType(v); err != nil {
			return fmt.Errorf("Content-Type %q: %w", v, err)
		}
	}
	if strings.HasPrefix(kind, "multipart/") {
		r := multipart.NewReader(body, params["boundary"])
		for {
			p, err := r.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("a part of %s: %w", kind, err)
			}
			if err := l.part(p.Header, p, depth+1); err != nil {
				return err
			}
		}
	}
	data, err := decoded(h.Get("Content-Transfer-Encoding"), body)
	if err != nil {
		return fmt.Errorf("a part of kind %s: %w", kind, err)
	}
	l.leaf(h, kind, params, data)
	return nil
}

func (l *letter) leaf(h textproto.MIMEHeader, kind string, params map[string]string, data []byte) {
	how, more, err := mime.ParseMediaType(h.Get("Content-Disposition"))
	name := params["name"]
	if err == nil && more["filename"] != "" {
		name = more["filename"]
	}
	shown := how != "attachment" && name == ""
	switch {
	case shown && kind == "text/plain":
		l.text += strings.ReplaceAll(string(data), "\r\n", "\n")
	case shown && kind == "text/html":
		l.html += string(data)
	default:
		l.files = append(l.files, attachment{name: name, kind: kind, data: data})
	}
}

func decoded(encoding string, r io.Reader) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	}
	return io.ReadAll(r)
}

// get is a header field, decoded; "" when it is not there.
func (l *letter) get(name string) string {
	v := l.header.Get(name)
	if s, err := new(mime.WordDecoder).DecodeHeader(v); err == nil {
		return s
	}
	return v
}

func (l *letter) subject() string { return l.get("Subject") }
func (l *letter) id() string      { return l.header.Get("Message-Id") }

func (l *letter) ids(name string) []string { return strings.Fields(l.header.Get(name)) }

// address is the only address of a field, the zero one when there is another
// number of them.
func (l *letter) address(field string) mail.Address {
	list, err := l.header.AddressList(field)
	if err != nil || len(list) != 1 {
		return mail.Address{}
	}
	return *list[0]
}

// returnPath is where a bounce or an automatic answer to the mail goes.
func (l *letter) returnPath() string { return strings.Trim(l.header.Get("Return-Path"), "<>") }

// lines is the text without its empty lines.
func (l *letter) lines() []string {
	var list []string
	for line := range strings.SplitSeq(l.text, "\n") {
		if strings.TrimSpace(line) != "" {
			list = append(list, line)
		}
	}
	return list
}

// paragraph is the lines of the first paragraph that has part in it.
func (l *letter) paragraph(part string) []string {
	for p := range strings.SplitSeq(l.text, "\n\n") {
		if strings.Contains(squeezed(p), part) {
			return strings.Split(strings.TrimSpace(p), "\n")
		}
	}
	return nil
}

// shown is everything a person or a curious program can see of a mail, but
// for what the last mail server has put on top: where a bounce would go, whose
// mailbox this is, and from whom that server had it.
func (l *letter) shown() string {
	var b strings.Builder
	received := false
	for name, values := range l.header {
		switch {
		case name == "Return-Path", name == "Delivered-To":
			continue
		case name == "Received" && !received:
			received = true
			values = values[1:]
		}
		for _, v := range values {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
			if d, err := new(mime.WordDecoder).DecodeHeader(v); err == nil {
				fmt.Fprintf(&b, "%s: %s\n", name, d)
			}
		}
	}
	_, body, _ := bytes.Cut(l.raw, []byte("\r\n\r\n"))
	b.Write(body)
	b.WriteString(l.text + "\n" + l.html)
	for _, f := range l.files {
		b.WriteString("\n" + f.name + "\n" + string(f.data))
	}
	return b.String()
}

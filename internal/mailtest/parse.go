package mailtest

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
	"testing"

	"golang.org/x/text/encoding/htmlindex"
)

// maxDepth bounds how deep multiparts may be nested.
const maxDepth = 20

// Parsed is a mail as a client would show it.
type Parsed struct {
	Fields      []Field // all of them in their order, unfolded, not decoded
	Text, HTML  string  // decoded; parts of the same kind joined
	Attachments []Attachment
}

// MustParse is Parse, or the end of the test.
func MustParse(t testing.TB, raw []byte) *Parsed {
	t.Helper()
	p, err := Parse(raw)
	if err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	return p
}

// Parse reads a mail strictly: what is broken is an error.
func Parse(raw []byte) (*Parsed, error) {
	fields, body, err := split(raw)
	if err != nil {
		return nil, fmt.Errorf("parsing a mail: %w", err)
	}
	p := &Parsed{Fields: fields}
	header := make(textproto.MIMEHeader)
	for _, f := range fields {
		header.Add(f.Name, f.Value)
	}
	if err := p.entity(header, bytes.NewReader(body), 0); err != nil {
		return nil, fmt.Errorf("parsing a mail: %w", err)
	}
	return p, nil
}

// Get returns the first field of that name, encoded words decoded, or "".
func (p *Parsed) Get(name string) string {
	for _, f := range p.Fields {
		if strings.EqualFold(f.Name, name) {
			return decodeWords(f.Value)
		}
	}
	return ""
}

// All returns the values of all fields of that name, not decoded.
func (p *Parsed) All(name string) []string {
	var all []string
	for _, f := range p.Fields {
		if strings.EqualFold(f.Name, name) {
			all = append(all, f.Value)
		}
	}
	return all
}

// Addresses returns the bare addresses of an address field, in lower case.
func (p *Parsed) Addresses(name string) []string {
	var out []string
	for _, v := range p.All(name) {
		list, err := mail.ParseAddressList(v)
		if err != nil {
			continue
		}
		for _, a := range list {
			out = append(out, strings.ToLower(a.Address))
		}
	}
	return out
}

// IDs returns the message ids of a field without their angle brackets.
func (p *Parsed) IDs(name string) []string {
	var ids []string
	for _, v := range p.All(name) {
		for _, word := range strings.Fields(v) {
			ids = append(ids, strings.Trim(word, "<>"))
		}
	}
	return ids
}

// split takes the header fields off a mail.
func split(raw []byte) ([]Field, []byte, error) {
	head, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		head, body = bytes.TrimSuffix(raw, []byte("\r\n")), nil
	}
	var fields []Field
	for line := range strings.SplitSeq(string(head), "\r\n") {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			if len(fields) == 0 {
				return nil, nil, errors.New("the first line is a continuation")
			}
			fields[len(fields)-1].Value += line
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") || strings.ContainsAny(line, "\r\n") {
			return nil, nil, fmt.Errorf("not a header field: %q", line)
		}
		fields = append(fields, Field{name, strings.TrimSpace(value)})
	}
	return fields, body, nil
}

func decodeWords(s string) string {
	d := mime.WordDecoder{CharsetReader: charsetReader}
	if out, err := d.DecodeHeader(s); err == nil {
		return out
	}
	return s
}

func charsetReader(name string, r io.Reader) (io.Reader, error) {
	enc, err := htmlindex.Get(name)
	if err != nil {
		return nil, fmt.Errorf("charset %q: %w", name, err)
	}
	return enc.NewDecoder().Reader(r), nil
}

// entity reads one part, or the whole mail.
func (p *Parsed) entity(h textproto.MIMEHeader, body io.Reader, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deep")
	}
	kind, params := "text/plain", map[string]string{}
	if ct := h.Get("Content-Type"); ct != "" {
		var err error
		if kind, params, err = mime.ParseMediaType(ct); err != nil {
			return fmt.Errorf("Content-Type %q: %w", ct, err)
		}
	}
	if strings.HasPrefix(kind, "multipart/") {
		return p.parts(multipart.NewReader(body, params["boundary"]), depth)
	}
	data, err := decodeBody(h.Get("Content-Transfer-Encoding"), body)
	if err != nil {
		return fmt.Errorf("%s part: %w", kind, err)
	}
	return p.leaf(h, kind, params, data)
}

func (p *Parsed) parts(r *multipart.Reader, depth int) error {
	for {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.entity(part.Header, part, depth+1); err != nil {
			return err
		}
	}
}

func decodeBody(encoding string, r io.Reader) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "7bit", "8bit", "binary":
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	default:
		return nil, fmt.Errorf("unknown transfer encoding %q", encoding)
	}
	return io.ReadAll(r)
}

func (p *Parsed) leaf(h textproto.MIMEHeader, kind string, params map[string]string, data []byte) error {
	disposition, dparams, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
	if disposition != "attachment" && dparams["filename"] == "" && (kind == "text/plain" || kind == "text/html") {
		text, err := toUTF8(params["charset"], data)
		if err != nil {
			return err
		}
		if kind == "text/plain" {
			p.Text += text
		} else {
			p.HTML += text
		}
		return nil
	}
	name := dparams["filename"]
	if name == "" {
		name = params["name"]
	}
	p.Attachments = append(p.Attachments, Attachment{
		Name: decodeWords(name), Type: kind, Data: data,
		ContentID: strings.Trim(h.Get("Content-Id"), "<>"),
	})
	return nil
}

func toUTF8(charset string, data []byte) (string, error) {
	if charset == "" || strings.EqualFold(charset, "us-ascii") {
		charset = "utf-8"
	}
	r, err := charsetReader(charset, bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	out, err := io.ReadAll(r)
	return string(out), err
}

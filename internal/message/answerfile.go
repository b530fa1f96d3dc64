package message

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// maxRead bounds an attached text that the leak guard reads in the composed
// mail, in octets. A longer one is read here, in pieces.
const maxRead = 4 << 20

// file makes the entity of an attachment: its octets as they came, under
// fields written anew, all of it 7-bit.
func (t *answerTree) file(p *Part) (*entity, error) {
	transform, encoding, opaque := sevenBit(p)
	q := *p
	if opaque {
		q.Type = "application/octet-stream"
		if q.Filename == "" && p.Type == "message/rfc822" {
			q.Filename = "message.eml"
		}
	}
	where := "attachment"
	if q.Filename != "" {
		q.Filename = t.clean(baseName(q.Filename), "file name")
		where += " " + q.Filename
	}
	bulk := p.reads() == "" && !mailFile(p)
	if !bulk && p.size > maxRead {
		if err := t.readLong(p, where); err != nil {
			return nil, err
		}
		bulk = true
	}
	return &entity{
		kind:   q.fileTokens(),
		fields: t.fileFields(&q, encoding),
		body:   []stretch{{start: p.Body, end: p.End, transform: transform, bulk: bulk}},
	}, nil
}

// baseName is a file's name without the folders some clients put before it,
// which show the names of her machine and account (RFC 2183 §2.3).
func baseName(name string) string {
	if base := name[strings.LastIndexAny(name, `/\`)+1:]; base != "" {
		return base
	}
	return name
}

func (t *answerTree) clean(text, where string) string {
	return apply(text, t.s.edits(text, false, where))
}

// fileTokens are the tokens of Content-Type: what a reader needs, and nothing
// that tells of the sender's machine.
func (p *Part) fileTokens() []string {
	q := *p
	q.Params = map[string]string{}
	for k, v := range p.Params {
		q.Params[k] = v
	}
	if q.Params["name"] != "" {
		q.Params["name"] = p.Filename
	}
	return q.typeTokens("charset", "name", "method", "component", "format", "delsp")
}

func (t *answerTree) fileFields(p *Part, encoding string) string {
	var b strings.Builder
	if encoding != "" {
		b.WriteString(foldField("Content-Transfer-Encoding", []string{encoding}))
	}
	if p.Disposition != "" || p.Filename != "" {
		b.WriteString(foldField("Content-Disposition", p.dispositionTokens()))
	}
	if id := t.ids[p.ContentID]; id != "" {
		b.WriteString(foldField("Content-ID", []string{"<" + id + ">"}))
	}
	if d := headText(decodeWords(p.Header.Get("Content-Description"), t.m.hint)); d != "" {
		b.WriteString(foldField("Content-Description", unstructured(t.clean(d, "description"), len("Content-Description:"))))
	}
	return b.String()
}

// sevenBit says how the octets of a leaf go out in 7 bits and under which
// encoding. opaque: not under their own type, which may not be encoded
// (message/rfc822, RFC 2046 §5.2.1) or whose encoding we cannot keep.
func sevenBit(p *Part) (t Transform, encoding string, opaque bool) {
	unfit := p.EightBit || p.Lines
	whole := !strings.HasPrefix(p.Type, "message/") && !strings.HasPrefix(p.Type, "multipart/")
	switch p.Encoding {
	case "base64":
		if unfit {
			return TransformRewrap, "base64", false
		}
		return TransformLines, "base64", false
	case "quoted-printable":
		if unfit {
			return TransformSoften, "quoted-printable", false
		}
		return TransformLines, "quoted-printable", false
	case "binary":
		if whole || unfit {
			return TransformBase64, "base64", !whole
		}
		return TransformLines, "", !whole && p.Type != "message/rfc822"
	case "", "8bit":
		if unfit {
			return TransformBase64, "base64", !whole
		}
		return TransformLines, "", strings.HasPrefix(p.Type, "multipart/")
	}
	if !unfit && token(p.Encoding) {
		return TransformLines, p.Encoding, false
	}
	return TransformBase64, "base64", true
}

// reads is the type of text that the leak guard reads an attachment as, "" for
// none. Some clients know no type of a file: then its name tells.
func (p *Part) reads() string {
	if readableType(p.Type) {
		return p.Type
	}
	if !strings.HasPrefix(p.Type, "application/") {
		return ""
	}
	switch strings.ToLower(path.Ext(p.Filename)) {
	case ".vcf", ".vcard":
		return "text/vcard"
	case ".ics", ".ical", ".ifb":
		return "text/calendar"
	case ".htm", ".html", ".xhtml":
		return "text/html"
	case ".txt", ".text", ".log", ".md", ".csv", ".tsv", ".json", ".xml", ".yaml", ".yml", ".toml", ".ini", ".conf", ".cfg", ".sql", ".sh", ".patch", ".diff", ".mbox", ".svg":
		return "text/plain"
	}
	return ""
}

// readableType reports an attachment that the leak guard can read.
func readableType(kind string) bool {
	major, minor, _ := strings.Cut(kind, "/")
	if major == "text" || major == "message" || strings.HasSuffix(minor, "+xml") || strings.HasSuffix(minor, "+json") {
		return true
	}
	switch kind {
	case "application/ics", "application/json", "application/xml", "application/vcard", "application/x-vcard", "application/xhtml+xml",
		"application/yaml", "application/x-yaml", "application/sql", "application/x-sh", "application/mbox":
		return true
	}
	return false
}

// readLong looks for secrets in a text too long to be held in memory.
func (t *answerTree) readLong(p *Part, where string) error {
	const overlap = 4 << 10 // longer than what is looked for
	buf := make([]byte, 256<<10)
	r := t.m.Open(p)
	kept := 0
	for {
		n, err := io.ReadFull(r, buf[kept:])
		t.s.look(string(buf[:kept+n]), where)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the attachment at octet %d: %w", p.Body, err)
		}
		kept = copy(buf, buf[kept+n-overlap:kept+n])
	}
}

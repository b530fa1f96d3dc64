package message

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"postroom/threads"
)

// Answer is what is needed beside an engineer's mail to send it to customers.
type Answer struct {
	Author string // her name, as From shows it
	To, Cc []threads.Address

	Subject     string // of the conversation
	MessageID   string
	InReplyTo   string
	References  []string // root id, then the chain
	Date        time.Time
	ThreadTopic string // where the customer's side used Outlook's fields
	ThreadIndex string

	// Inserts are the texts that stand for the "/answer name" lines of her
	// mail, in their order.
	Inserts []string

	Scrub Scrub
}

// Errors of an answer that cannot be made.
var (
	ErrEncrypted = errors.New("it is encrypted, or signed in a form that cannot be opened")
	ErrNothing   = errors.New("nothing of it is left to send")
	ErrTooLong   = errors.New("its text is too long")
	ErrPacked    = errors.New("its attachments are packed in a form that only Outlook reads (winmail.dat); send it once more as HTML or plain text")
)

// maxAnswerText bounds one text part of an answer, in octets.
const maxAnswerText = 16 << 20

// Answer makes the mail to a customer out of the engineer's mail m, which is
// source 0. It is built anew: her texts without commands, footer and secrets,
// her attachments octet for octet under fields of our own. The findings are
// what she wrote that may be a slip and was left in place; Check is to be
// asked before the mail is sent.
func (c *Composer) Answer(m *Message, a Answer) (*Recipe, []Finding, error) {
	h := &headings{
		support: c.Support, template: c.FromName, author: a.Author, to: a.To, cc: a.Cc, subject: a.Subject,
		messageID: a.MessageID, inReplyTo: a.InReplyTo, references: a.References, date: a.Date,
		topic: a.ThreadTopic, index: a.ThreadIndex,
	}
	header, err := h.write(columnAnswer)
	if err != nil {
		return nil, nil, fmt.Errorf("composing an answer: %w", err)
	}
	t := &answerTree{m: m, s: newScrubber(a.Scrub)}
	t.s.mail = &m.Mail
	for _, text := range a.Inserts {
		t.inserts = append(t.inserts, t.s.text(text, "saved answer"))
	}
	t.renameIDs(a.MessageID, c.Domain)
	e, err := t.build()
	if err != nil {
		return nil, nil, fmt.Errorf("composing answer %s: %w", a.MessageID, err)
	}
	r, err := h.compose(columnAnswer, header, e, m.src)
	if err != nil {
		return nil, nil, fmt.Errorf("composing answer %s: %w", a.MessageID, err)
	}
	return r, t.s.findings, nil
}

// answerTree rebuilds the MIME tree of an engineer's mail.
type answerTree struct {
	m     *Message
	s     *scrubber
	ids   map[string]string // her Content-IDs, which name her host, to ours
	cids  *strings.Replacer
	texts int // text parts so far
	// inserts are the saved answers she called for; they stand once in her
	// plain text and once in her HTML.
	inserts               []string
	insertedPlain, inHTML bool
}

// renameIDs gives each part that has a Content-ID one of ours.
func (t *answerTree) renameIDs(messageID, domain string) {
	t.ids = map[string]string{}
	sum := sha256.Sum256([]byte("cid\x00" + messageID))
	for _, p := range t.m.Leaves() {
		if p.ContentID != "" && t.ids[p.ContentID] == "" {
			t.ids[p.ContentID] = "p" + strconv.Itoa(len(t.ids)+1) + "." + hex.EncodeToString(sum[:8]) + "@" + domain
		}
	}
	var old []string
	for id := range t.ids {
		old = append(old, id)
	}
	// The longer of two ids that begin alike is looked for first.
	slices.SortFunc(old, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	var pairs []string
	for _, id := range old {
		for _, form := range []string{id, percent(id), strings.ReplaceAll(percent(id), "%40", "@")} {
			pairs = append(pairs, "cid:"+form, "cid:"+t.ids[id])
		}
	}
	t.cids = strings.NewReplacer(pairs...)
}

func (t *answerTree) build() (*entity, error) {
	if t.m.Root == nil {
		return nil, ErrUnreadable
	}
	if t.m.Mail.Sealed == threads.Encrypted {
		return nil, ErrEncrypted
	}
	e, err := t.part(t.m.Root, nil)
	if err == nil && e == nil {
		err = ErrNothing
	}
	return e, err
}

// part makes the entity of a part; nil when nothing of it is left.
func (t *answerTree) part(p, parent *Part) (*entity, error) {
	switch p.Type {
	case "multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted":
		return nil, ErrEncrypted
	case "multipart/signed":
		// RFC 1847 §2.1: what is signed comes first, its signature behind.
		if len(p.Children) > 0 {
			return t.part(p.Children[0], parent)
		}
	case "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-keys":
		return nil, nil // they name her address
	case "text/x-amp-html":
		return nil, nil // a third form of what the plain and the HTML text say
	}
	switch {
	case len(p.Children) > 0:
		return t.multi(p)
	case isTNEF(p):
		return t.packed(p)
	case strings.HasPrefix(p.Type, "multipart/") && blankBody(t.m, p):
		return nil, nil
	case t.isText(p, parent):
		t.texts++
		return t.text(p)
	}
	return t.file(p)
}

// isText reports a part that is the text of the mail and no file.
func (t *answerTree) isText(p, parent *Part) bool {
	switch p.Type {
	case "text/plain", "text/html", "text/enriched", "text/richtext", "text/markdown", "text/x-markdown":
	default:
		return false
	}
	if p.Disposition == "attachment" || p.Encoding == "x-uuencode" {
		return false
	}
	return p.Filename == "" || t.texts == 0 && (parent == nil || parent.Children[0] == p)
}

func (t *answerTree) multi(p *Part) (*entity, error) {
	var parts []*entity
	var root *entity
	start := strings.Trim(p.Params["start"], "<> ")
	for i, child := range p.Children {
		e, err := t.part(child, p)
		if err != nil {
			return nil, err
		}
		if e == nil {
			continue
		}
		if start != "" && child.ContentID == start || start == "" && i == 0 {
			root = e
			parts = append([]*entity{e}, parts...) // RFC 2387 §3.2: the first, where no start names another
			continue
		}
		parts = append(parts, e)
	}
	switch len(parts) {
	case 0:
		return nil, nil
	case 1:
		return parts[0], nil
	}
	return &entity{kind: multiKind(p, root), parts: parts}, nil
}

// multiKind keeps the kinds that mean something to who reads the mail. Root
// is what the other parts of multipart/related belong to.
func multiKind(p *Part, root *entity) []string {
	switch {
	case p.Type == "multipart/alternative", p.Type == "multipart/appledouble":
		return []string{p.Type}
	case p.Type == "multipart/related" && root != nil:
		return []string{p.Type + ";", `type="` + strings.TrimSuffix(root.kind[0], ";") + `"`}
	}
	return []string{"multipart/mixed"}
}

// text cleans one text part; nil when nothing is left of it.
func (t *answerTree) text(p *Part) (*entity, error) {
	text, err := t.m.wholeText(p)
	if err != nil {
		return nil, err
	}
	if p.Type == "text/html" {
		var inserts []string
		if !t.inHTML {
			inserts, t.inHTML = t.inserts, true
		}
		text = t.cids.Replace(t.s.cleanHTML(text, "HTML", inserts...))
		if !strings.Contains(strings.ToLower(text), "<img") && strings.TrimSpace(flattenHTML(text, 1000)) == "" {
			return nil, nil
		}
		return textEntity("html", text), nil
	}
	if text = t.plain(openClearsigned(text)); text == "" {
		return nil, nil
	}
	var params []string
	for _, key := range []string{"format", "delsp"} { // RFC 3676
		if v := p.Params[key]; v != "" {
			params = append(params, strings.Join(parameter(key, v), " "))
		}
	}
	return textEntity(strings.TrimPrefix(p.Type, "text/"), text, params...), nil
}

// wholeText is the whole text of a part, as TextOf is its beginning.
func (m *Message) wholeText(p *Part) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(m.Open(p), maxAnswerText+1))
	if err != nil {
		return "", fmt.Errorf("reading the text at octet %d: %w", p.Body, err)
	}
	if len(raw) > maxAnswerText {
		return "", ErrTooLong
	}
	label := p.Params["charset"]
	if cleanLabel(label) == "" && p.Type == "text/html" {
		label = metaCharset(raw)
	}
	text, _ := decodeCharset(raw, label)
	return plainLines(text), nil
}

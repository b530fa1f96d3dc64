package message

import (
	"bytes"
	"strings"
)

// seat is a place within the octets of a customer's multipart/mixed where a
// part of ours goes in.
type seat struct {
	at     int64  // between two parts, behind the delimiter line
	text   string // the part, and the delimiter line of the one behind it
	before int    // leaves of the mail that stand before it
	sums   [][]byte
}

// seat finds the place of a part of ours in a mail whose text is followed by
// files: behind the text and before the first file. Many clients show what
// stands there as text and make an attachment of text that follows a file;
// Exchange knows one body and looks for the rest of it next to it. It is nil
// where no file follows: then the part goes behind the whole.
func (m *Message) seat(part *entity, seed string) (*seat, error) {
	root := m.Root
	if root.Type != "multipart/mixed" || m.cr || !m.sameType(root) {
		return nil, nil
	}
	i, leaves := 0, 0
	for i < len(root.Children) && isBody(root.Children[i]) {
		leaves += countLeaves(root.Children[i])
		i++
	}
	if i == len(root.Children) {
		return nil, nil
	}
	text, err := m.literal(part, seed)
	if err != nil {
		return nil, err
	}
	delimiter := "--" + root.Params["boundary"]
	if !plainBoundary(root.Params["boundary"]) || strings.Contains("\n"+text, "\n"+delimiter) {
		return nil, nil
	}
	sums, _ := part.leafSums(nil)
	return &seat{at: root.Children[i].Start, text: text + "\r\n" + delimiter + "\r\n", before: leaves, sums: sums}, nil
}

// isBody reports a part that clients show as the text of a mail.
func isBody(p *Part) bool {
	if p.Disposition == "attachment" || p.Filename != "" {
		return false
	}
	switch p.Type {
	case "text/plain", "text/html", "text/enriched", "multipart/alternative", "multipart/related":
		return true
	}
	return false
}

func countLeaves(p *Part) int {
	if len(p.Children) == 0 {
		return 1
	}
	n := 0
	for _, c := range p.Children {
		n += countLeaves(c)
	}
	return n
}

// plainBoundary reports a boundary that can be written as it was read
// (RFC 2046 §5.1.1).
func plainBoundary(s string) bool {
	if s == "" || len(s) > 70 || strings.TrimSpace(s) != s {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// literal writes an entity of texts alone, with boundaries that stand nowhere
// in the mail.
func (m *Message) literal(e *entity, seed string) (string, error) {
	w := &writer{sources: []Source{m.src}, seed: seed + "\x00seat"}
	around := &entity{parts: []*entity{e, {body: []stretch{{start: m.Root.Body, end: m.Root.End}}}}}
	if err := w.chooseBoundaries(around); err != nil {
		return "", err
	}
	w.level = 1 // the first is that of what is around
	if err := w.entity(e); err != nil {
		return "", err
	}
	var b bytes.Buffer
	for _, p := range w.recipe.Pieces {
		b.Write(p.Literal)
	}
	return b.String(), nil
}

// seated adds the digests of the part to those of the mail's leaves.
func (s *seat) seated(sums [][]byte) [][]byte {
	if s.sums == nil || s.before > len(sums) {
		return nil
	}
	list := append([][]byte{}, sums[:s.before]...)
	list = append(list, s.sums...)
	return append(list, sums[s.before:]...)
}

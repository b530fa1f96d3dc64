package message

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime/quotedprintable"
	"slices"
	"strings"
)

// entity is a MIME entity we write: its Content-* fields, and either a body
// or parts.
type entity struct {
	kind   []string // tokens of Content-Type without a boundary; nil when fields has it or it is left out
	fields string   // further Content-* fields, each with its line end
	body   []stretch
	parts  []*entity // for multipart/*
	sums   [][]byte  // digests of the leaves as they will be read; nil where nobody knows
}

// stretch is a piece of a body: octets of ours, or a range of the source.
type stretch struct {
	text      string
	start     int64
	end       int64
	transform Transform
	bulk      bool
	source    int // which one the range is of
}

// writer makes the recipe of one mail.
type writer struct {
	recipe   Recipe
	sources  []Source
	seed     string // what the boundaries are derived from
	level    int
	boundary []string
}

// compose makes the recipe of a mail with these headings, which were written as
// header, and of this entity. The boundaries are derived from the message id,
// so that the same call gives the same octets.
func (h *headings) compose(c column, header string, e *entity, sources ...Source) (*Recipe, error) {
	w := &writer{sources: sources, seed: h.messageID}
	if err := w.chooseBoundaries(e); err != nil {
		return nil, err
	}
	w.text(header)
	if err := w.entity(e); err != nil {
		return nil, err
	}
	w.recipe.foresee(header, e)
	return w.recipe.inBoth(h, c, header)
}

func (w *writer) text(s string) {
	if s == "" {
		return
	}
	pieces := w.recipe.Pieces
	if n := len(pieces); n > 0 && pieces[n-1].Literal != nil {
		pieces[n-1].Literal = append(pieces[n-1].Literal, s...)
		return
	}
	w.recipe.Pieces = append(pieces, Piece{Literal: []byte(s)})
}

func (w *writer) span(s stretch) error {
	if s.end <= s.start {
		return nil
	}
	p := Piece{Source: s.source, Offset: s.start, Length: s.end - s.start, Transform: s.transform, Bulk: s.bulk}
	if err := p.measure(w.sources[s.source]); err != nil {
		return fmt.Errorf("measuring octets %d to %d: %w", s.start, s.end, err)
	}
	w.recipe.Pieces = append(w.recipe.Pieces, p)
	return nil
}

func (w *writer) entity(e *entity) error {
	if len(e.parts) > 0 {
		return w.multipart(e)
	}
	if e.kind != nil {
		w.text(foldField("Content-Type", e.kind))
	}
	w.text(e.fields)
	w.text("\r\n")
	return w.stretches(e.body)
}

func (w *writer) stretches(list []stretch) error {
	for _, s := range list {
		w.text(s.text)
		if err := w.span(s); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) multipart(e *entity) error {
	boundary := w.boundary[w.level]
	w.level++
	kind := slices.Clone(e.kind)
	kind[len(kind)-1] += ";"
	w.text(foldField("Content-Type", append(kind, `boundary="`+boundary+`"`)))
	w.text(e.fields)
	w.text("\r\n")
	for _, p := range e.parts {
		w.text("--" + boundary + "\r\n")
		if err := w.entity(p); err != nil {
			return err
		}
		w.text("\r\n")
	}
	w.text("--" + boundary + "--\r\n")
	return nil
}

// chooseBoundaries gives each multipart a boundary that stands nowhere in
// what it encloses (RFC 2046 §5.1.1). The "=_" cannot come out of
// quoted-printable or base64.
func (w *writer) chooseBoundaries(e *entity) error {
	n := multiparts(e)
	for try := 0; ; try++ {
		w.boundary = w.boundary[:0]
		for i := range n {
			sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d", w.seed, try, i))
			w.boundary = append(w.boundary, "=_"+hex.EncodeToString(sum[:16]))
		}
		found, err := w.occurs(e)
		if err != nil || !found {
			return err
		}
	}
}

func multiparts(e *entity) int {
	if len(e.parts) == 0 {
		return 0
	}
	n := 1
	for _, p := range e.parts {
		n += multiparts(p)
	}
	return n
}

// occurs reports whether one of the boundaries stands in a body.
func (w *writer) occurs(e *entity) (bool, error) {
	for _, p := range e.parts {
		if found, err := w.occurs(p); found || err != nil {
			return found, err
		}
	}
	for _, s := range e.body {
		if w.anyIn([]byte(s.text)) {
			return true, nil
		}
		if s.end <= s.start || s.transform == TransformBase64 || s.transform == TransformRewrap || len(w.boundary) == 0 {
			continue
		}
		if found, err := w.inRange(w.sources[s.source], s.start, s.end); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

func (w *writer) anyIn(b []byte) bool {
	// All of them begin alike, which is rare in mail.
	return bytes.Contains(b, []byte("=_")) &&
		slices.ContainsFunc(w.boundary, func(s string) bool { return bytes.Contains(b, []byte(s)) })
}

func (w *writer) inRange(src Source, start, end int64) (bool, error) {
	if o, ok := src.(Octets); ok && start < end && end <= o.Size() {
		return w.anyIn(o[start:end]), nil
	}
	const overlap = 64 // more than a boundary is long
	buf := make([]byte, min(readBuffer, max(end-start, overlap)))
	for at := start; at < end; {
		n, err := src.ReadAt(buf[:min(int64(len(buf)), end-at)], at)
		if w.anyIn(buf[:n]) {
			return true, nil
		}
		if n == 0 || at+int64(n) >= end {
			if n == 0 && err != nil && err != io.EOF {
				return false, fmt.Errorf("reading octet %d: %w", at, err)
			}
			return false, nil
		}
		at += max(int64(n)-overlap, 1)
	}
	return false, nil
}

// textEntity is a text part of ours: UTF-8, quoted-printable.
func textEntity(subtype, text string, params ...string) *entity {
	kind := append([]string{"text/" + subtype + ";", "charset=utf-8"}, params...)
	for i := 1; i < len(kind)-1; i++ {
		kind[i] += ";"
	}
	return &entity{
		kind:   kind,
		fields: "Content-Transfer-Encoding: quoted-printable\r\n",
		body:   []stretch{{text: quotedPrintable(text)}},
		sums:   [][]byte{textSum("text/"+subtype, text)},
	}
}

// quotedPrintable encodes text with whatever line ends (RFC 2045 §6.7).
func quotedPrintable(text string) string {
	text = lineFeeds(text)
	var b strings.Builder
	b.Grow(len(text) + len(text)/8)
	q := quotedprintable.NewWriter(&b)
	_, err := io.WriteString(q, text)
	if err == nil {
		err = q.Close()
	}
	if err != nil {
		return "" // a strings.Builder takes everything
	}
	return b.String()
}

// lineFeeds is a text with LF alone as line ends.
func lineFeeds(text string) string {
	if strings.IndexByte(text, '\r') < 0 {
		return text
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
}

// alternative is a text in plain and in HTML.
func alternative(plain, html string) *entity {
	return &entity{
		kind:  []string{"multipart/alternative"},
		parts: []*entity{textEntity("plain", plain), textEntity("html", html)},
	}
}

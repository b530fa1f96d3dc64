package message

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"postroom/threads"
)

// Recipe says how the octets of one outgoing mail are made: literal octets
// and ranges of raw mails that lie in the spool. It is small whatever the
// size of the mail, and the same recipe gives the same octets each time. A
// Recipe is a value for one goroutine at a time; Render only reads it.
type Recipe struct {
	Pieces []Piece

	// UTF8 is what the header begins with in another form of the mail, in place
	// of the first Plain octets of the first piece: see InUTF8. Nil where there
	// is no need of one.
	UTF8  []byte
	Plain int

	sent *threads.Mail // see Sent
}

// Piece is a stretch of an outgoing mail.
type Piece struct {
	Literal []byte // the octets themselves; nil for a range

	Source         int   // which of the sources the range is of
	Offset, Length int64 // in octets
	Transform      Transform
	Size           int64 // octets after the transform
	EightBit       bool  // octets over 127 come out
	Bulk           bool  // an attachment that is no text: nothing in it can be read
}

// Transform is what happens to the octets of a range on their way out.
type Transform byte

// The transforms. Each of them gives lines that end in CRLF.
const (
	TransformLines  Transform = iota // line ends become CRLF (RFC 5321 §2.3.8), nothing else changes
	TransformBase64                  // base64 in lines of 76 (RFC 2045 §6.8)
	TransformRewrap                  // base64 already: broken anew into lines of 76
	TransformSoften                  // quoted-printable already: long lines get soft breaks (RFC 2045 §6.7)
	transforms                       // how many there are
)

const (
	recipeVersion = 1
	twofold       = 2 // the version of one with two forms of the header
	maxPieces     = 1 << 16
	maxOctets     = 1 << 40 // of one range: no mail comes near it
)

// ErrRecipe is returned for octets that are no recipe.
var ErrRecipe = errors.New("not a recipe")

// Flags of an encoded piece.
const (
	flagRange = 1 << iota
	flagEightBit
	flagBulk
	flagShift = 4 // the transform stands above
)

// Encode writes the recipe in a compact form with a version in front.
func (r *Recipe) Encode() []byte {
	b := []byte{recipeVersion}
	if r.UTF8 != nil {
		b[0] = twofold
		b = binary.AppendUvarint(b, uint64(r.Plain))
		b = binary.AppendUvarint(b, uint64(len(r.UTF8)))
		b = append(b, r.UTF8...)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Pieces)))
	for _, p := range r.Pieces {
		if p.Literal != nil {
			b = append(b, 0)
			b = binary.AppendUvarint(b, uint64(len(p.Literal)))
			b = append(b, p.Literal...)
			continue
		}
		flags := byte(flagRange) | byte(p.Transform)<<flagShift
		if p.EightBit {
			flags |= flagEightBit
		}
		if p.Bulk {
			flags |= flagBulk
		}
		b = append(b, flags)
		for _, n := range []int64{int64(p.Source), p.Offset, p.Length, p.Size} {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	return b
}

// DecodeRecipe reads what Encode wrote. Literals are copied out of data. It
// takes no more memory than data is long, whatever data says.
func DecodeRecipe(data []byte) (*Recipe, error) {
	if len(data) == 0 || data[0] != recipeVersion && data[0] != twofold {
		return nil, fmt.Errorf("reading a recipe of %d octets: %w of version %d", len(data), ErrRecipe, recipeVersion)
	}
	d, r := recipeReader{rest: data[1:]}, &Recipe{}
	if data[0] == twofold {
		r.Plain = int(d.number(int64(len(d.rest))))
		r.UTF8 = d.literal(0).Literal
	}
	n := d.number(maxPieces)
	for i := int64(0); i < n && !d.broken; i++ {
		r.Pieces = append(r.Pieces, d.piece())
	}
	if d.broken || len(d.rest) > 0 || r.UTF8 != nil && (n == 0 || len(r.Pieces[0].Literal) < r.Plain) {
		return nil, fmt.Errorf("reading a recipe of %d octets: %w", len(data), ErrRecipe)
	}
	return r, nil
}

type recipeReader struct {
	rest   []byte
	broken bool
}

func (d *recipeReader) number(limit int64) int64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > uint64(limit) {
		d.broken = true
		return 0
	}
	d.rest = d.rest[n:]
	return int64(v)
}

func (d *recipeReader) piece() Piece {
	if len(d.rest) == 0 {
		d.broken = true
		return Piece{}
	}
	flags := d.rest[0]
	d.rest = d.rest[1:]
	if flags&flagRange == 0 {
		return d.literal(flags)
	}
	p := Piece{
		Transform: Transform(flags >> flagShift),
		EightBit:  flags&flagEightBit != 0,
		Bulk:      flags&flagBulk != 0,
	}
	p.Source = int(d.number(math.MaxInt32))
	p.Offset, p.Length, p.Size = d.number(maxOctets), d.number(maxOctets), d.number(4*maxOctets)
	if p.Transform >= transforms || flags&8 != 0 {
		d.broken = true
	}
	return p
}

func (d *recipeReader) literal(flags byte) Piece {
	n := d.number(int64(len(d.rest)))
	if flags != 0 || int64(len(d.rest)) < n {
		d.broken = true
		return Piece{}
	}
	lit := append([]byte{}, d.rest[:n]...)
	d.rest = d.rest[n:]
	return Piece{Literal: lit}
}

// inBoth adds the form with a header in UTF-8, where the one that was written
// names somebody for want of it. header is that one.
func (r *Recipe) inBoth(h *headings, c column, header string) (*Recipe, error) {
	needs := func(a threads.Address) bool { return needsUTF8(a.Addr) }
	if !slices.ContainsFunc(h.to, needs) && !slices.ContainsFunc(h.cc, needs) {
		return r, nil
	}
	other := *h
	other.utf8 = true
	block, err := other.write(c)
	if err != nil {
		return nil, err
	}
	if block != header { // what cannot be written at all is in neither
		r.UTF8, r.Plain = []byte(block), len(header)
	}
	return r, nil
}

// HasUTF8 reports whether the mail has two forms.
func (r *Recipe) HasUTF8() bool { return r.UTF8 != nil }

// InUTF8 is the same mail with its header in UTF-8 (RFC 6532), for a relay that
// takes it so; r itself where it has no such form.
func (r *Recipe) InUTF8() *Recipe {
	if r.UTF8 == nil {
		return r
	}
	pieces := slices.Clone(r.Pieces)
	pieces[0].Literal = slices.Concat(r.UTF8, pieces[0].Literal[r.Plain:])
	return &Recipe{Pieces: pieces}
}

// Size is the number of octets Render writes.
func (r *Recipe) Size() int64 {
	var n int64
	for _, p := range r.Pieces {
		if p.Literal != nil {
			n += int64(len(p.Literal))
			continue
		}
		n += p.Size
	}
	return n
}

// EightBit reports whether the mail has octets over 127 and so needs a relay
// that takes them (RFC 6152).
func (r *Recipe) EightBit() bool {
	for _, p := range r.Pieces {
		if p.EightBit || hasEightBit(p.Literal) {
			return true
		}
	}
	return false
}

func hasEightBit(b []byte) bool {
	for _, c := range b {
		if c > 127 {
			return true
		}
	}
	return false
}

package store

import (
	"bytes"
	"compress/flate"

	"postroom/threads"
)

// Packed is a text as it is kept: compressed, at most threads.MaxText octets of
// it; nil for none.
type Packed []byte

// Packer compresses texts. That asks nothing of a transaction, so whoever has
// the text may do it beforehand. It must not be used by two goroutines at once.
type Packer struct {
	w   *flate.Writer // making one costs more than most texts
	out bytes.Buffer
	in  []byte
}

// Pack compresses a text.
func (p *Packer) Pack(text string) (Packed, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > threads.MaxText {
		text = text[:threads.MaxText]
	}
	p.out.Reset()
	p.out.WriteByte(recordVersion)
	if p.w == nil {
		w, err := flate.NewWriter(&p.out, flate.BestSpeed)
		if err != nil {
			return nil, err
		}
		p.w = w
	} else {
		p.w.Reset(&p.out)
	}
	p.in = append(p.in[:0], text...)
	if _, err := p.w.Write(p.in); err != nil {
		return nil, err
	}
	if err := p.w.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(p.out.Bytes()), nil
}

// SetText keeps the text of the mail of an event, at most threads.MaxText
// octets of it.
func (tx *Tx) SetText(id threads.ID, n int, text string) error {
	packed, err := tx.s.packer.Pack(text)
	if err != nil {
		return err
	}
	return tx.SetPacked(id, n, packed)
}

// SetPacked is SetText for a text that is compressed already. It belongs to the
// store from here on.
func (tx *Tx) SetPacked(id threads.ID, n int, text Packed) error {
	if text == nil {
		return nil
	}
	return tx.bucket(bTexts).Put(eventKey(id, n), text)
}

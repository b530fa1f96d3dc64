package message

import (
	"bytes"
	"encoding/binary"
	"io"
	"path"
	"strings"

	"postroom/threads"
)

// The attributes of TNEF (MS-OXTNEF §2.1.3.2) that say what is inside.
const (
	tnefSignature  = 0x223e9f78
	tnefBody       = 0x800c // the text in plain
	tnefAttachData = 0x800f
	tnefTitle      = 0x8010 // an attachment's name
	tnefRendering  = 0x9002 // begins an attachment
	tnefProperties = 0x9003 // of the mail
	maxTNEF        = 64 << 20
)

// tnef is what Outlook packed into a winmail.dat.
type tnef struct {
	files []threads.Attachment
	text  string
}

func isTNEF(p *Part) bool {
	return p.Type == "application/ms-tnef" || p.Type == "application/vnd.ms-tnef" || strings.EqualFold(p.Filename, "winmail.dat")
}

// readTNEF reads the attributes one after the other and keeps names, sizes
// and the plain text; no content is kept. It is false for anything else, and
// for one that ends early what came before counts.
func readTNEF(r io.Reader) (t tnef, ok bool) {
	r = io.LimitReader(r, maxTNEF)
	var head [6]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || binary.LittleEndian.Uint32(head[:]) != tnefSignature {
		return tnef{}, false
	}
	for len(t.files) < 200 && t.attribute(r) {
	}
	return t, true
}

// attribute reads one attribute; false at the end.
func (t *tnef) attribute(r io.Reader) bool {
	var head [9]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || head[0] != 1 && head[0] != 2 {
		return false
	}
	id, length := binary.LittleEndian.Uint16(head[1:]), int64(binary.LittleEndian.Uint32(head[5:]))
	var value []byte
	if id == tnefTitle || id == tnefBody || id == tnefProperties {
		value, _ = io.ReadAll(io.LimitReader(r, min(length, maxDecoded)))
	}
	if _, err := io.CopyN(io.Discard, r, length-int64(len(value))+2); err != nil { // and a checksum
		return false
	}
	if id == tnefProperties {
		if t.text == "" {
			t.text = mapiText(value)
		}
		return true
	}
	text, _ := decodeCharset(bytes.TrimRight(value, "\x00"), "")
	switch last := len(t.files) - 1; {
	case id == tnefRendering:
		t.files = append(t.files, threads.Attachment{Type: "application/octet-stream"})
	case id == tnefBody:
		t.text = plainLines(text)
	case last < 0:
	case id == tnefTitle:
		t.files[last].Name = clip(oneLine(path.Base(strings.ReplaceAll(text, `\`, "/"))), maxName)
	case id == tnefAttachData:
		t.files[last].Size = length
	}
	return true
}

// unpack lists what is in the mail's winmail.dat behind it, and shows its text
// if the mail has no other.
func (t *textPlan) unpack(list []threads.Attachment) []threads.Attachment {
	for _, p := range t.m.Leaves() {
		if !isTNEF(p) {
			continue
		}
		inside, ok := readTNEF(t.m.Open(p))
		if !ok {
			continue
		}
		list = append(list, inside.files...)
		if strings.TrimSpace(t.m.Mail.Text) == "" {
			t.m.Mail.Text = clip(strings.TrimRight(inside.text, " \n"), threads.MaxText)
		}
	}
	return list
}

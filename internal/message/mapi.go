package message

import (
	"encoding/binary"
	"strings"

	"postroom/threads"
)

// The properties that hold the text of a mail in a winmail.dat (MS-OXPROPS).
const (
	mapiBody = 0x1000
	mapiRTF  = 0x1009
	mapiHTML = 0x1013
)

// mapiReader reads a list of properties (MS-OXTNEF §2.1.3.4). Broken ones end
// the list.
type mapiReader struct {
	rest   []byte
	broken bool
}

func (r *mapiReader) take(n uint32) []byte {
	if uint64(n) > uint64(len(r.rest)) {
		r.rest, r.broken = nil, true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *mapiReader) number() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// padded reads a value and what fills it up to four octets.
func (r *mapiReader) padded() []byte {
	n := r.number()
	b := r.take(n)
	r.take(min(-n&3, uint32(len(r.rest))))
	return b
}

// mapiText is the text among the properties of a mail: the plain one, else the
// HTML, else the RTF.
func mapiText(data []byte) string {
	r := &mapiReader{rest: data}
	texts := map[uint32]string{}
	for n := r.number(); n > 0 && !r.broken && len(r.rest) > 0; n-- {
		tag := r.number()
		kind, id := tag&0xffff, tag>>16
		if id >= 0x8000 {
			r.name()
		}
		for _, value := range r.values(kind) {
			switch {
			case id == mapiBody && kind == 0x1f:
				texts[id], _ = decodeCharset(value, "utf-16le")
			case id == mapiBody && kind == 0x1e:
				texts[id], _ = decodeCharset(value, "")
			case id == mapiHTML && kind == 0x102:
				s, _ := decodeCharset(value, metaCharset(value))
				texts[id] = flattenHTML(s, threads.MaxText)
			case id == mapiRTF && kind == 0x102:
				texts[id] = rtfText(expandRTF(value))
			}
		}
	}
	for _, id := range []uint32{mapiBody, mapiHTML, mapiRTF} {
		if s := plainLines(strings.TrimRight(texts[id], "\x00")); strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

// name passes over the name of a named property.
func (r *mapiReader) name() {
	r.take(16)
	if r.number() == 0 {
		r.take(4)
		return
	}
	r.padded()
}

// values reads the values of a property that are octets; the others it passes
// over.
func (r *mapiReader) values(kind uint32) (list [][]byte) {
	count := uint32(1)
	many := kind&0x1000 != 0
	kind &^= 0x1000
	octets := kind == 0x1e || kind == 0x1f || kind == 0x102 || kind == 0x0d
	if many || octets {
		count = r.number()
	}
	size := uint32(4)
	switch kind {
	case 0x05, 0x06, 0x07, 0x14, 0x40:
		size = 8
	case 0x48:
		size = 16
	}
	for ; count > 0 && !r.broken && len(r.rest) > 0; count-- {
		if !octets {
			r.take(size)
		} else if v := r.padded(); len(list) < 1 {
			list = append(list, v)
		}
	}
	return list
}

package store

import (
	"encoding/binary"
	"fmt"
	"strings"

	"postroom/threads"
)

// knownVersion is the version octet of what an id stands for: it is looked up
// several times for each mail that comes, so it is small and no JSON. Records
// of version 1 are, and those of version 2 have all texts as they are; both
// are read as well.
//
// After the octet, elements follow to the end: of each the conversation, the
// event, the generation and the size, an octet whose bits say which of the
// texts there are, lowest first, then these; a number is a uvarint. Before a
// text stands twice its length; digests, which are hexadecimal, take half the
// octets, and one more than that says so.
const knownVersion = 3

// texts are the texts of a Known in the order they are written in.
func texts(k *threads.Known) [8]*string {
	return [...]*string{(*string)(&k.Kind), &k.Engineer, &k.OutID, &k.Hold, &k.MessageID, &k.Header, &k.Body, &k.References}
}

func encodeKnowns(list []threads.Known) []byte {
	data := make([]byte, 1, 64+64*len(list))
	data[0] = knownVersion
	for i := range list {
		k := &list[i]
		for _, n := range [...]uint64{uint64(k.Conversation), uint64(k.Event), uint64(k.Generation), uint64(k.Size)} {
			data = binary.AppendUvarint(data, n)
		}
		mask := len(data)
		data = append(data, 0)
		for bit, s := range texts(k) {
			if *s != "" {
				data[mask] |= 1 << bit
				data = appendText(data, *s)
			}
		}
	}
	return data
}

// appendText writes a text, at half its length if it is hexadecimal.
func appendText(data []byte, s string) []byte {
	if len(s)%2 != 0 || strings.Trim(s, hexDigits) != "" {
		return append(binary.AppendUvarint(data, uint64(len(s))<<1), s...)
	}
	data = binary.AppendUvarint(data, uint64(len(s)/2)<<1|1)
	for i := 0; i < len(s); i += 2 {
		data = append(data, byte(strings.IndexByte(hexDigits, s[i])<<4|strings.IndexByte(hexDigits, s[i+1])))
	}
	return data
}

const hexDigits = "0123456789abcdef"

func decodeKnowns(data []byte) (list []threads.Known, err error) {
	if len(data) > 0 && data[0] == recordVersion {
		err := decode(data, &list)
		return list, err
	}
	if len(data) == 0 || data[0] != knownVersion && data[0] != 2 {
		return nil, fmt.Errorf("record version %x is not known", data[:min(1, len(data))])
	}
	r := recordReader{rest: string(data[1:])} // one copy, which the texts share
	var hex strings.Builder                   // and one for the digests
	for r.rest != "" {
		var k threads.Known
		k.Conversation, k.Event = threads.ID(r.number()), int(r.number())
		k.Generation, k.Size = int(r.number()), int64(r.number())
		if data[0] == 2 {
			for _, s := range texts(&k) {
				*s = r.text()
			}
		} else {
			r.readTexts(&k, &hex)
		}
		if r.broken {
			return nil, fmt.Errorf("%x is cut short", data)
		}
		list = append(list, k)
	}
	return list, nil
}

func (r *recordReader) readTexts(k *threads.Known, hex *strings.Builder) {
	mask := r.octets(1)
	for bit, s := range texts(k) {
		if mask == "" || mask[0]>>bit&1 == 0 {
			continue
		}
		n := r.number()
		*s = r.octets(n >> 1)
		if n&1 == 0 {
			continue
		}
		from := hex.Len()
		if from == 0 {
			hex.Grow(2 * (len(*s) + len(r.rest)))
		}
		for i := 0; i < len(*s); i++ {
			hex.WriteByte(hexDigits[(*s)[i]>>4])
			hex.WriteByte(hexDigits[(*s)[i]&15])
		}
		*s = hex.String()[from:]
	}
}

// recordReader reads numbers and texts from the front of rest. Once broken,
// it reads nothing more.
type recordReader struct {
	rest   string
	broken bool
}

func (r *recordReader) number() uint64 {
	var n uint64
	for i := 0; i < min(len(r.rest), binary.MaxVarintLen64); i++ {
		n |= uint64(r.rest[i]&0x7f) << (7 * i)
		if r.rest[i] < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.rest, r.broken = "", true
	return 0
}

func (r *recordReader) text() string { return r.octets(r.number()) }

func (r *recordReader) octets(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.rest, r.broken = "", true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

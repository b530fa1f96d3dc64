package store

import (
	"encoding/binary"
	"fmt"

	"postroom/threads"
)

// knownVersion is the version octet of what an id stands for: it is looked up
// several times for each mail that comes, so it is no JSON. Records of version
// 1 are, and are read as well.
//
// After the octet, elements follow to the end: of each the conversation, the
// event, the generation and the size, then the texts; a number is a uvarint, a
// text its length and octets.
const knownVersion = 2

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
		for _, s := range texts(k) {
			data = binary.AppendUvarint(data, uint64(len(*s)))
			data = append(data, *s...)
		}
	}
	return data
}

func decodeKnowns(data []byte) (list []threads.Known, err error) {
	if len(data) > 0 && data[0] == recordVersion {
		err := decode(data, &list)
		return list, err
	}
	if len(data) == 0 || data[0] != knownVersion {
		return nil, fmt.Errorf("record version %x is not known", data[:min(1, len(data))])
	}
	r := recordReader{rest: string(data[1:])} // one copy, which the texts share
	for r.rest != "" {
		var k threads.Known
		k.Conversation, k.Event = threads.ID(r.number()), int(r.number())
		k.Generation, k.Size = int(r.number()), int64(r.number())
		for _, s := range texts(&k) {
			*s = r.text()
		}
		if r.broken {
			return nil, fmt.Errorf("%x is cut short", data)
		}
		list = append(list, k)
	}
	return list, nil
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

func (r *recordReader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.rest, r.broken = "", true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

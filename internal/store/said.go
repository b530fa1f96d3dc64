package store

import (
	"encoding/binary"
	"fmt"

	"postroom/threads"
)

// What was said in a text leaves a dozen traces, of which hardly any is ever
// asked for. So those of the first texts under a topic are one record: written
// at once, at one place. Behind the version octet follow the texts, oldest
// first: the conversation and how many traces there are, uvarints, and each
// trace without the topic, which is the key. Under a topic of many texts the
// further ones are kept trace by trace, as all were in earlier versions, so
// that the record stays small.
const (
	maxSaid = threads.MaxTraced // texts in one record
	// saidOctets are those of a trace without its topic: the kind and the rest.
	saidOctets = 11
)

// AddTraces implements threads.Recorder.
func (tx *Tx) AddTraces(list []threads.Trace, conv threads.ID) error {
	topic, text := "", make([]byte, 0, 16*saidOctets)
	for _, t := range list {
		if of, kind, what, ok := t.Said(); ok && (topic == "" || topic == of) {
			topic, text = of, append(append(text, kind), what...)
			continue
		}
		if err := tx.addTrace(t, conv); err != nil {
			return err
		}
	}
	if topic == "" {
		return nil
	}
	kept, err := tx.addText(topic, text, conv)
	if err != nil || kept {
		return err
	}
	for _, t := range list {
		if of, _, _, ok := t.Said(); ok && of == topic {
			if err := tx.addTrace(t, conv); err != nil {
				return err
			}
		}
	}
	return nil
}

func (tx *Tx) addTrace(t threads.Trace, conv threads.ID) error {
	if t == "" {
		return nil
	}
	return tx.AddTrace(t, conv)
}

// addText keeps the traces of a text with the topic, and reports whether there
// was room.
func (tx *Tx) addText(topic string, text []byte, conv threads.ID) (kept bool, err error) {
	b := tx.bucket(bTraces)
	old := b.Get([]byte(topic))
	texts, err := splitTexts(old)
	if err != nil {
		return false, fmt.Errorf("reading what was said under %x: %w", topic, err)
	}
	for _, t := range texts {
		if t.conv == conv && string(t.traces) == string(text) {
			return true, nil
		}
	}
	if len(texts) >= maxSaid {
		return false, nil
	}
	data := make([]byte, 0, 1+len(old)+2*binary.MaxVarintLen64+len(text))
	if data = append(data, old...); len(data) == 0 {
		data = append(data, recordVersion)
	}
	data = binary.AppendUvarint(data, uint64(conv))
	data = binary.AppendUvarint(data, uint64(len(text)/saidOctets))
	return true, b.Put([]byte(topic), append(data, text...))
}

// said returns the conversations of the texts that left a trace, each once, the
// newest last.
func (tx *Tx) said(t threads.Trace) ([]threads.ID, error) {
	topic, kind, what, ok := t.Said()
	b := tx.bucket(bTraces)
	if !ok || b == nil {
		return nil, nil
	}
	texts, err := splitTexts(b.Get([]byte(topic)))
	if err != nil {
		return nil, fmt.Errorf("reading what was said under %x: %w", topic, err)
	}
	var list []threads.ID
	for _, text := range texts {
		for at := 0; at < len(text.traces); at += saidOctets {
			if text.traces[at] == kind && string(text.traces[at+1:at+saidOctets]) == what {
				list, _ = threads.WithTrace(list, text.conv)
				break
			}
		}
	}
	return list, nil
}

// text is one text of a record: the conversation it was said in, and its
// traces.
type text struct {
	conv   threads.ID
	traces []byte
}

func splitTexts(data []byte) (list []text, err error) {
	if len(data) == 0 {
		return nil, nil
	}
	if data[0] != recordVersion {
		return nil, fmt.Errorf("record version %x is not known", data[0])
	}
	list = make([]text, 0, maxSaid)
	for rest := data[1:]; len(rest) > 0; {
		conv, a := binary.Uvarint(rest)
		n, b := binary.Uvarint(rest[max(a, 0):])
		if a <= 0 || b <= 0 || n > uint64(len(rest)-a-b)/saidOctets {
			return nil, fmt.Errorf("%x is cut short", data)
		}
		end := a + b + int(n)*saidOctets
		list, rest = append(list, text{threads.ID(conv), rest[a+b : end : end]}), rest[end:]
	}
	return list, nil
}

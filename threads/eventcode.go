package threads

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// AppendBinary writes the event as it is kept: position and time, the kind,
// and its body as JSON. An event is written and read for each mail, and JSON
// inside JSON is gone through once for each of its layers.
func (e Event) AppendBinary(b []byte) ([]byte, error) {
	body, err := json.Marshal(e.Body)
	if err != nil {
		return nil, fmt.Errorf("encoding a %s event: %w", e.Kind(), err)
	}
	at, err := e.At.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encoding a %s event: %w", e.Kind(), err)
	}
	b = binary.AppendUvarint(b, uint64(e.N))
	for _, field := range [...]string{string(at), e.Kind()} {
		b = binary.AppendUvarint(b, uint64(len(field)))
		b = append(b, field...)
	}
	return append(b, body...), nil
}

// errShort is what octets are that end too early for an event.
var errShort = errors.New("it is cut short")

// UnmarshalBinary reads what AppendBinary wrote. An unknown kind is an error:
// a history with holes must not be folded.
func (e *Event) UnmarshalBinary(data []byte) error {
	n, size := binary.Uvarint(data)
	if size <= 0 {
		return fmt.Errorf("decoding an event: %w", errShort)
	}
	var fields [2][]byte
	rest := data[size:]
	for i := range fields {
		length, size := binary.Uvarint(rest)
		if size <= 0 || length > uint64(len(rest)-size) {
			return fmt.Errorf("decoding event %d: %w", n, errShort)
		}
		rest = rest[size:]
		fields[i], rest = rest[:length], rest[length:]
	}
	var at time.Time
	if err := at.UnmarshalBinary(fields[0]); err != nil {
		return fmt.Errorf("decoding event %d: %w", n, err)
	}
	body, err := decodeBody(string(fields[1]), rest)
	if err != nil {
		return fmt.Errorf("decoding event %d, %q: %w", n, fields[1], err)
	}
	*e = Event{N: int(n), At: at, Body: body}
	return nil
}

package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The protocol of the control socket, one request for each connection: the
// client writes one line of JSON, {"verb": ..., "args": {...}}, and reads
// lines of JSON until the last, which is {"done":true} or {"error": "..."}.

// maxRequest bounds the line of a request, in octets.
const maxRequest = 64 << 10

// maxLine bounds one line of an answer, in octets: a timeline with all its
// texts escaped is the longest.
const maxLine = 64 << 20

// Request is what a client asks for.
type Request struct {
	Verb string            `json:"verb"`
	Args map[string]string `json:"args,omitempty"`
}

// ending is the last line of an answer.
type ending struct {
	Done  bool   `json:"done,omitempty"`
	Error string `json:"error,omitempty"`
}

// errTooLong says that a line is longer than its bound.
var errTooLong = errors.New("the line is too long")

// parseRequest reads the line of a request.
func parseRequest(line []byte) (Request, error) {
	var r Request
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return r, fmt.Errorf(`the request is no line of the form {"verb":"status","args":{}}: %w`, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return r, errors.New("there is something behind the request; one line holds one request")
	}
	if r.Verb == "" {
		return r, fmt.Errorf("the request names no verb; there are %s", verbNames())
	}
	return r, nil
}

// parseEnding reports whether a line is the last one, and what it says. No
// view has rows of these keys alone.
func parseEnding(line []byte) (ending, bool) {
	var e ending
	if !bytes.HasPrefix(line, []byte(`{"done":`)) && !bytes.HasPrefix(line, []byte(`{"error":`)) {
		return e, false
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	return e, dec.Decode(&e) == nil
}

// WriteLine writes v as one line of JSON, to a machine or a terminal: what a
// terminal could take for a command is written as \u escapes. Angle brackets
// stay as they are.
func WriteLine(w io.Writer, v any) error {
	line, err := encodeLine(v)
	if err != nil {
		return err
	}
	_, err = w.Write(line)
	return err
}

func encodeLine(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding %T: %w", v, err)
	}
	line := buf.Bytes()
	if !bytes.ContainsFunc(line[:len(line)-1], escapedInJSON) {
		return line, nil
	}
	// Such characters stand only inside of strings: JSON's own are ASCII.
	var out strings.Builder
	for _, r := range string(line[:len(line)-1]) {
		switch {
		case !escapedInJSON(r):
			out.WriteRune(r)
		case r > 0xFFFF:
			hi, lo := surrogates(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	out.WriteByte('\n')
	return []byte(out.String()), nil
}

// escapedInJSON reports whether a character moves the cursor, changes the
// direction of writing or cannot be seen.
func escapedInJSON(r rune) bool {
	return r == 0x7f || r >= 0x80 && r != utf8.RuneError && !unicode.IsPrint(r) && !joiner(r)
}

// surrogates is a character beyond the Basic Multilingual Plane as RFC 8259
// §7 has it.
func surrogates(r rune) (hi, lo rune) {
	r -= 0x10000
	return 0xD800 + r>>10, 0xDC00 + r&0x3FF
}

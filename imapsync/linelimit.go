package imapsync

import (
	"bytes"
	"fmt"
	"strconv"
)

// lineLimit follows what a server says, literal by literal (RFC 9051 §4.3),
// and notices a line without end.
type lineLimit struct {
	most    int64 // octets of a line
	literal int64 // octets of a literal still to come
	line    int64 // octets of this line so far
	tail    []byte
}

// maxTail is how much of the end of a line is kept, to see whether a literal
// follows it: the longest announcement is "{9223372036854775807}" and CRLF.
const maxTail = 24

// pass looks at the next octets.
func (l *lineLimit) pass(b []byte) error {
	for len(b) > 0 {
		if l.literal > 0 {
			n := min(l.literal, int64(len(b)))
			l.literal -= n
			b = b[n:]
			continue
		}
		end := bytes.IndexByte(b, '\n') + 1
		piece := b
		if end > 0 {
			piece = b[:end]
		}
		if l.line += int64(len(piece)); l.line > l.most {
			return fmt.Errorf("the server says a line of more than %d octets", l.most)
		}
		l.tail = append(l.tail, piece[max(0, len(piece)-maxTail):]...)
		l.tail = l.tail[max(0, len(l.tail)-maxTail):]
		if end > 0 {
			if l.literal = announced(l.tail); l.literal == 0 {
				l.line = 0
			}
			l.tail = l.tail[:0]
		}
		b = b[len(piece):]
	}
	return nil
}

// announced is the length of the literal that follows a line, 0 for none.
func announced(tail []byte) int64 {
	line, ok := bytes.CutSuffix(bytes.TrimRight(tail, "\r\n"), []byte("}"))
	open := bytes.LastIndexByte(line, '{')
	if !ok || open < 0 {
		return 0
	}
	n, err := strconv.ParseInt(string(line[open+1:]), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

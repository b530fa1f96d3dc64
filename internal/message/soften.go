package message

import (
	"bufio"
	"fmt"
)

// soften breaks the long lines of quoted-printable text by soft line breaks
// and writes octets that may not stand there as escapes. What it decodes to
// stays the same.
type soften struct {
	held   []byte // an escape that has begun: "=", "=X", or "=" with white space
	cr     bool
	column int
}

func (t *soften) feed(w *bufio.Writer, p []byte) {
	for _, c := range p {
		t.octet(w, c)
	}
}

func (t *soften) octet(w *bufio.Writer, c byte) {
	if t.cr {
		t.cr = false
		t.lineEnd(w)
		if c == '\n' {
			return
		}
	}
	switch {
	case c == '\r':
		t.cr = true
	case c == '\n':
		t.lineEnd(w)
	case len(t.held) == 0 && c == '=':
		t.held = append(t.held, c)
	case len(t.held) == 0:
		t.plain(w, c)
	default:
		t.escape(w, c)
	}
}

// escape goes on with what began with "=".
func (t *soften) escape(w *bufio.Writer, c byte) {
	blank := c == ' ' || c == '\t'
	wasBlank := len(t.held) > 1 && (t.held[1] == ' ' || t.held[1] == '\t')
	switch {
	case len(t.held) == 1 && (isHex(c) || blank), wasBlank && blank && len(t.held) < softLine:
		t.held = append(t.held, c)
	case len(t.held) == 2 && isHex(c) && !wasBlank:
		t.put(w, string(append(t.held, c)))
		t.held = t.held[:0]
	default:
		t.broken(w)
		t.octet(w, c)
	}
}

// broken writes out what began like an escape and is none.
func (t *soften) broken(w *bufio.Writer) {
	held := t.held
	t.held = nil
	for i, c := range held {
		if i == 0 {
			t.put(w, "=3D")
			continue
		}
		t.plain(w, c)
	}
}

func (t *soften) plain(w *bufio.Writer, c byte) {
	if c > 126 || c < ' ' && c != '\t' {
		t.put(w, fmt.Sprintf("=%02X", c))
		return
	}
	t.put(w, string(rune(c)))
}

func (t *soften) put(w *bufio.Writer, s string) {
	if t.column+len(s) > softLine-1 {
		w.WriteString("=\r\n")
		t.column = 0
	}
	w.WriteString(s)
	t.column += len(s)
}

// lineEnd ends a line; behind "=" and white space it was a soft break, which
// goes, since lines are broken anew.
func (t *soften) lineEnd(w *bufio.Writer) {
	if len(t.held) > 0 && (len(t.held) == 1 || !isHex(t.held[1])) {
		t.held = t.held[:0]
		return
	}
	t.broken(w)
	w.WriteString("\r\n")
	t.column = 0
}

func (t *soften) end(w *bufio.Writer) {
	if t.cr {
		t.cr = false
		t.lineEnd(w)
	}
	if len(t.held) == 1 {
		t.held = nil // a soft break at the very end
	}
	t.broken(w)
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
}

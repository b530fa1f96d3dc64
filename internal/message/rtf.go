package message

import (
	"encoding/binary"
	"html"
	"strconv"
	"strings"
)

// maxRTF bounds, in octets, the text made of an RTF body.
const maxRTF = 1 << 20

// rtfDictionary is what the window of compressed RTF begins with (MS-OXRTFCP
// §2.1.2.1).
const rtfDictionary = "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"

// expandRTF undoes the compression of MS-OXRTFCP. What is cut short gives what
// came before.
func expandRTF(data []byte) []byte {
	if len(data) < 16 {
		return nil
	}
	size, body := int(min(binary.LittleEndian.Uint32(data[4:]), maxRTF)), data[16:]
	switch binary.LittleEndian.Uint32(data[8:]) {
	case 0x414c454d: // not compressed
		return body[:min(size, len(body))]
	case 0x75465a4c:
	default:
		return nil
	}
	var window [4096]byte
	at := copy(window[:], rtfDictionary)
	var out []byte
	put := func(c byte) {
		out = append(out, c)
		window[at] = c
		at = (at + 1) % len(window)
	}
	for len(body) > 0 && len(out) < size {
		flags := body[0]
		body = body[1:]
		for bit := range 8 {
			switch {
			case len(out) >= size || len(body) == 0:
				return out
			case flags>>bit&1 == 0:
				put(body[0])
				body = body[1:]
				continue
			case len(body) < 2:
				return out
			}
			from, n := int(body[0])<<4|int(body[1]>>4), int(body[1]&15)+2
			body = body[2:]
			if from == at {
				return out // the mark of the end
			}
			for ; n > 0; n-- {
				put(window[from])
				from = (from + 1) % len(window)
			}
		}
	}
	return out
}

// rtfText is the text of an RTF body. One that was made of HTML (MS-OXRTFEX) is
// that again, flattened.
func rtfText(rtf []byte) string {
	r := rtfReader{in: rtf, charset: "windows-1252", fromHTML: strings.Contains(string(rtf[:min(len(rtf), 1000)]), `\fromhtml`)}
	r.state.skip = 1
	for len(r.in) > 0 && r.out.Len() < maxRTF {
		r.step()
	}
	r.flush()
	if r.fromHTML {
		return flattenHTML(r.out.String(), maxRTF)
	}
	return plainLines(r.out.String())
}

// rtfReader reads RTF token by token. Groups nested deeper than a bound share
// the state of the last.
type rtfReader struct {
	in       []byte
	out      strings.Builder
	charset  string
	fromHTML bool
	raw      []byte // octets of the charset not decoded yet
	drop     int    // characters that stand for the Unicode one before them
	state    rtfState
	stack    []rtfState
	deeper   int // groups that the stack does not hold
}

// rtfState is what a group inherits.
type rtfState struct {
	hidden bool // a destination that holds no text
	tag    bool // a tag of the HTML it was made of
	rtf    bool // what the HTML had no equivalent for
	star   bool // \* came: an unknown destination is passed over
	skip   int  // \uc
}

const maxGroups = 500

func (r *rtfReader) step() {
	c := r.in[0]
	r.in = r.in[1:]
	switch c {
	case '{':
		r.flush()
		if len(r.stack) < maxGroups {
			r.stack = append(r.stack, r.state)
		} else {
			r.deeper++
		}
	case '}':
		if n := len(r.stack); r.deeper > 0 {
			r.deeper--
		} else if r.flush(); n > 0 {
			r.state, r.stack = r.stack[n-1], r.stack[:n-1]
		}
		r.drop = 0
	case '\\':
		r.control()
	case '\r', '\n', 0:
	default:
		r.octet(c)
	}
}

// control reads what a backslash begins.
func (r *rtfReader) control() {
	if len(r.in) == 0 {
		return
	}
	c := r.in[0]
	if c|0x20 < 'a' || c|0x20 > 'z' {
		r.in = r.in[1:]
		switch c {
		case '\'':
			if len(r.in) >= 2 && unhex(r.in[0]) >= 0 && unhex(r.in[1]) >= 0 {
				r.octet(byte(unhex(r.in[0])<<4 | unhex(r.in[1])))
				r.in = r.in[2:]
			}
		case '*':
			r.state.star = true
		case '~':
			r.text(" ")
		case '{', '}', '\\':
			r.octet(c)
		case '\r', '\n':
			r.text("\n")
		}
		return
	}
	n := 0
	for n < len(r.in) && n < 40 && r.in[n]|0x20 >= 'a' && r.in[n]|0x20 <= 'z' {
		n++
	}
	word := string(r.in[:n])
	digits := n
	for digits < len(r.in) && digits < n+11 && (digit(r.in[digits]) || digits == n && r.in[digits] == '-') {
		digits++
	}
	value, err := strconv.Atoi(string(r.in[n:digits]))
	if err != nil {
		value = -1
	}
	if r.in = r.in[digits:]; len(r.in) > 0 && r.in[0] == ' ' {
		r.in = r.in[1:]
	}
	r.word(word, value)
}

// word acts on a control word; value is -1 where it has none.
func (r *rtfReader) word(word string, value int) {
	r.flush()
	switch word {
	case "par", "line", "sect", "page", "row":
		r.text("\n")
	case "tab", "cell":
		r.text("\t")
	case "u":
		if value < -1 {
			value += 1 << 16
		}
		r.text(string(rune(value)))
		r.drop = r.state.skip
	case "uc":
		r.state.skip = min(max(value, 0), 8)
	case "ansicpg":
		if label := "windows-" + strconv.Itoa(value); lookupCharset(label) != nil {
			r.charset = label
		} else if label := "cp" + strconv.Itoa(value); lookupCharset(label) != nil {
			r.charset = label
		}
	case "htmlrtf":
		r.state.rtf = value != 0
	case "htmltag":
		r.state.tag, r.state.star = r.state.star, false
	case "fonttbl", "colortbl", "stylesheet", "info", "pict", "header", "footer", "footnote", "object", "listtable", "revtbl", "mhtmltag":
		r.state.hidden = true
	case "emdash", "endash":
		r.text("-")
	case "lquote", "rquote":
		r.text("'")
	case "ldblquote", "rdblquote":
		r.text(`"`)
	case "bullet":
		r.text("- ")
	default:
		if r.state.star {
			r.state.hidden = true
		}
	}
}

// octet takes one octet of text in the charset of the body.
func (r *rtfReader) octet(c byte) {
	if r.drop > 0 {
		r.drop--
		return
	}
	r.raw = append(r.raw, c)
}

// flush writes the octets held back.
func (r *rtfReader) flush() {
	if len(r.raw) > 0 {
		text, _ := decodeCharset(r.raw, r.charset)
		r.raw = r.raw[:0]
		r.write(text)
	}
}

// text writes what is Unicode already.
func (r *rtfReader) text(s string) {
	r.flush()
	r.write(s)
}

func (r *rtfReader) write(s string) {
	switch {
	case r.state.hidden, r.fromHTML && r.state.rtf && !r.state.tag:
	case r.fromHTML && !r.state.tag:
		r.out.WriteString(html.EscapeString(s))
	default:
		r.out.WriteString(s)
	}
}

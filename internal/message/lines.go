package message

import (
	"bytes"
	"io"
)

// line is one line of the source. text lies in the reader's buffer and is
// valid until the next call of next.
type line struct {
	text       []byte // without its line end
	start, end int64  // end lies behind the line end
	eol        int    // octets of the line end; 0 at the end of the source and in a piece
	more       bool   // a piece of a line longer than the window: the next piece follows
	rest       bool   // not the first piece
}

// lineReader gives the lines of a source with their offsets, through a window
// of bounded size.
type lineReader struct {
	src  io.ReaderAt
	size int64
	buf  []byte
	base int64 // offset of buf[0]
	pos  int   // next octet in buf
	eof  bool  // buf reaches the end of the source
	mark byte  // the octet that ends a line: LF, or CR in a mail that has no LF
	rest bool  // the last line given was a piece
}

// newLineReader reads the lines of src from the octet start on.
func newLineReader(src io.ReaderAt, size int64) *lineReader {
	if o, ok := src.(Octets); ok && size <= wholeSource {
		return newMemoryReader(o)
	}
	n := min(size, wholeSource)
	if size > wholeSource {
		n = window
	}
	r := &lineReader{src: src, size: size, buf: make([]byte, 0, n), mark: '\n'}
	r.fill()
	r.chooseMark()
	return r
}

// newMemoryReader reads the lines of octets in memory.
func newMemoryReader(raw []byte) *lineReader {
	r := &lineReader{size: int64(len(raw)), buf: raw, eof: true, mark: '\n'}
	r.chooseMark()
	return r
}

// chooseMark looks how lines end: mail written by old Macs ends them with CR
// alone.
func (r *lineReader) chooseMark() {
	head := r.buf[:min(len(r.buf), window)]
	if bytes.IndexByte(head, '\n') < 0 && bytes.IndexByte(head, '\r') >= 0 {
		r.mark = '\r'
	}
}

// fill moves what is unread to the front of the window and reads on.
func (r *lineReader) fill() {
	n := copy(r.buf, r.buf[r.pos:])
	r.base += int64(r.pos)
	r.pos, r.buf = 0, r.buf[:n]
	for len(r.buf) < cap(r.buf) && !r.eof {
		at := r.base + int64(len(r.buf))
		want := r.buf[len(r.buf):cap(r.buf)]
		if left := r.size - at; int64(len(want)) > left {
			want = want[:max(left, 0)]
		}
		if len(want) == 0 {
			r.eof = true
			return
		}
		got, err := r.src.ReadAt(want, at)
		r.buf = r.buf[:len(r.buf)+got]
		if at+int64(got) >= r.size {
			r.eof = true
		} else if err != nil || got == 0 {
			// The source ends early: what is there counts.
			r.eof = true
		}
	}
}

// offset is where the next line starts.
func (r *lineReader) offset() int64 { return r.base + int64(r.pos) }

// next reads the next line into l; it is false at the end.
func (r *lineReader) next(l *line) bool {
	i := bytes.IndexByte(r.buf[r.pos:], r.mark)
	if i < 0 && !r.eof {
		r.fill()
		i = bytes.IndexByte(r.buf[r.pos:], r.mark)
	}
	if r.pos == len(r.buf) {
		return false
	}
	l.start, l.rest, l.eol = r.offset(), r.rest, 0
	raw := r.buf[r.pos:]
	if i >= 0 {
		raw = raw[:i+1]
	}
	r.pos += len(raw)
	l.end = r.offset()
	l.more = i < 0 && !r.eof
	r.rest = l.more
	if i >= 0 {
		raw, l.eol = raw[:i], 1
		for r.mark == '\n' && len(raw) > 0 && raw[len(raw)-1] == '\r' {
			raw = raw[:len(raw)-1]
			l.eol++
		}
	}
	l.text = raw
	return true
}

// rewind makes next go on at offset, which lies before the next line.
func (r *lineReader) rewind(offset int64) {
	r.rest = false
	if offset >= r.base && offset <= r.base+int64(len(r.buf)) {
		r.pos = int(offset - r.base)
		return
	}
	r.base, r.pos, r.buf, r.eof = offset, 0, r.buf[:0], false
	r.fill()
}

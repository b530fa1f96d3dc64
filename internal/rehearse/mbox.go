package rehearse

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// split takes what a file holds apart and calls f with each mail, at most
// MaxMail octets of it, and the octets it has; data belongs to f. A file that
// begins with a line "From " is an mbox (RFC 4155), any other one mail. An
// error of f ends it and is returned as it is. Where reading fails in the
// middle, f gets what there is before the error is returned.
func split(br *bufio.Reader, f func(data []byte, size int64) error) error {
	s := splitter{f: f}
	if err := skipBlank(br); err != nil {
		if errors.Is(err, io.EOF) {
			return s.end() // an empty file is an empty mail
		}
		return err
	}
	if head, _ := br.Peek(len(fromWord)); !bytes.Equal(head, fromWord) {
		return s.whole(br)
	}
	return s.mbox(br)
}

// maxBlank is how many octets of empty lines may stand before the first line.
const maxBlank = 4096

// skipBlank drops a byte order mark and empty lines at the beginning, where
// an mbox follows: of a single mail they are part.
func skipBlank(br *bufio.Reader) error {
	head, err := br.Peek(maxBlank)
	if len(head) == 0 {
		return err
	}
	rest := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), "\r\n")
	if bytes.HasPrefix(rest, fromWord) {
		_, err := br.Discard(len(head) - len(rest))
		return err
	}
	return nil
}

// splitter gathers one mail after the other.
type splitter struct {
	f     func([]byte, int64) error
	data  []byte
	size  int64
	blank int  // octets of the empty line before, which belongs to the mbox if a separator follows
	body  bool // the header of the mail is over
}

// add takes a piece of the mail.
func (s *splitter) add(piece []byte) {
	s.size += int64(len(piece))
	if room := MaxMail - len(s.data); len(piece) > room {
		piece = piece[:room]
	}
	s.data = append(s.data, piece...)
}

// end gives out the mail.
func (s *splitter) end() error {
	data, size := s.data, s.size
	if data == nil {
		data = []byte{}
	}
	s.data, s.size, s.blank, s.body = nil, 0, 0, false
	return s.f(data, size)
}

func (s *splitter) whole(br *bufio.Reader) error {
	for {
		piece, err := br.ReadSlice('\n')
		s.add(piece)
		switch {
		case err == nil, errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return s.end()
		default:
			return errors.Join(s.end(), err)
		}
	}
}

func (s *splitter) mbox(br *bufio.Reader) error {
	first, err := br.ReadSlice('\n')
	style := separators{loose: !fromDate(first)}
	for start := err == nil; ; start = err == nil {
		var line []byte
		if err == nil || errors.Is(err, bufio.ErrBufferFull) {
			line, err = br.ReadSlice('\n')
		}
		if start && err == nil && bytes.HasPrefix(line, fromWord) {
			line = bytes.Clone(line) // looking ahead may move what was read
			if style.separates(line, s.blank > 0, br) {
				s.dropBlank()
				if err := s.end(); err != nil {
					return err
				}
				continue
			}
		}
		s.line(line, start)
		switch {
		case err == nil, errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			s.dropBlank()
			return s.end()
		default:
			return errors.Join(s.end(), err)
		}
	}
}

// line takes a line, or a piece of one that is too long, of the mail.
func (s *splitter) line(line []byte, start bool) {
	if len(line) == 0 {
		return
	}
	s.blank = 0
	if start && len(bytes.TrimRight(line, "\r\n")) == 0 {
		s.blank, s.body = len(line), true
	}
	if start && s.body {
		line = unquote(line)
	}
	s.add(line)
}

// dropBlank takes off the empty line that stands before a separator.
func (s *splitter) dropBlank() {
	if s.size == int64(len(s.data)) {
		s.data = s.data[:len(s.data)-s.blank]
	}
	s.size -= int64(s.blank)
}

// unquote takes off what the writer of an mbox put before a line of the mail
// that looks like a separator: one ">", as mboxrd has it. In the older form,
// which quotes "From " alone and leaves ">From " be, that takes one mark of
// quotation too many off a quoted line "From ".
func unquote(line []byte) []byte {
	if len(line) == 0 || line[0] != '>' {
		return line
	}
	if bytes.HasPrefix(bytes.TrimLeft(line, ">"), fromWord) {
		return line[1:]
	}
	return line
}

package rehearse

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// taken is what split makes of a text.
func taken(t testing.TB, r io.Reader) []string {
	t.Helper()
	list := []string{}
	err := split(bufio.NewReaderSize(r, window), func(data []byte, size int64) error {
		if int64(len(data)) != min(size, MaxMail) {
			t.Fatalf("%d octets kept of %d", len(data), size)
		}
		list = append(list, string(data))
		return nil
	})
	if err != nil {
		t.Fatalf("splitting: %v", err)
	}
	return list
}

const (
	sep    = "From jane@customer.example Mon Mar  2 10:00:00 2026\n"
	plain1 = "Subject: one\n\nText.\n"
	plain2 = "Subject: two\n\nText.\n"
)

func TestSplit(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []string
	}{
		{"nothing", "", []string{""}},
		{"one mail", plain1, []string{plain1}},
		{"one mail that ends within a line", "Subject: one\n\nText", []string{"Subject: one\n\nText"}},
		{"one mail behind empty lines", "\n\n" + plain1, []string{"\n\n" + plain1}},
		{"From with a colon is a header field", "From: a@b.example\n\nText\n", []string{"From: a@b.example\n\nText\n"}},
		{"an mbox of one", sep + plain1, []string{plain1}},
		{"two", sep + plain1 + "\n" + sep + plain2, []string{plain1, plain2}},
		{"empty lines and a byte order mark before", "\xef\xbb\xbf\r\n\n" + sep + plain1, []string{plain1}},
		{"a separator and nothing else", sep, []string{""}},
		{"a mail of nothing between", sep + "\n" + sep + plain1, []string{"", plain1}},
		{"an empty header", sep + "\nText.\n\n" + sep + plain2, []string{"\nText.\n", plain2}},
		{"CRLF", strings.ReplaceAll(sep+plain1+"\n"+sep+plain2, "\n", "\r\n"), []string{strings.ReplaceAll(plain1, "\n", "\r\n"), strings.ReplaceAll(plain2, "\n", "\r\n")}},
		{"no empty line before a separator", sep + plain1 + sep + plain2, []string{plain1, plain2}},
		{"a line of prose", sep + plain1 + "\nFrom here on: it burns.\n", []string{plain1 + "\nFrom here on: it burns.\n"}},
		{"prose with a date, within a paragraph", sep + plain1 + "So\nFrom bob Mon Mar  2 10:00:00 2026\nit burns.\n", []string{plain1 + "So\nFrom bob Mon Mar  2 10:00:00 2026\nit burns.\n"}},
		{"quoted", sep + plain1 + ">From here\n>>From there\n> From nowhere\n>Fromage\n", []string{plain1 + "From here\n>From there\n> From nowhere\n>Fromage\n"}},
		{"a quoted line in the header stays", sep + ">From a remote from b\n" + plain1, []string{">From a remote from b\n" + plain1}},
		{"no date at all", "From nobody\n" + plain1 + "\nFrom here on\n\nFrom nobody\n" + plain2, []string{plain1 + "\nFrom here on\n", plain2}},
		{"a separator without a date among dated ones", sep + plain1 + "\nFrom nobody\nSubject: x\n", []string{plain1 + "\nFrom nobody\nSubject: x\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tt.in), iotest.OneByteReader(strings.NewReader(tt.in))} {
				if got := taken(t, r); !slices.Equal(got, tt.want) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
		})
	}
}

func TestFromDate(t *testing.T) {
	for line, want := range map[string]bool{
		"From corpus@localhost Thu Jan  1 00:00:00 1970":                    true,
		"From jane at customer.example  Mon Jan  7 16:50:25 2008":           true,
		"From - Mon Mar 02 10:00:00 2026\r":                                 true,
		"From 1585@xxx Thu Apr 02 08:00:00 +0000 2020":                      true,
		"From jane@customer.example Thu Apr  2 08:00:00 EST 2020":           true,
		"From jane@customer.example Thu Apr  2 08:00:00 2020 +0200":         true,
		"From jane@customer.example Thu Apr  2 8:00 2020 remote from relay": true,
		"From jane@customer.example Thu, 2 Apr 2020 08:00:00 +0000":         true,
		"From Mon Mar  2 10:00:00 2026":                                     true,
		"From here on Monday everything burns":                              false,
		"From Mon to Fri 09:00 2026":                                        false,
		"From jane@customer.example":                                        false,
		"From a Mon Mar 2":                                                  false,
		"From a Mon Mar 2 10:00:00":                                         false,
		"From a Xxx Mar  2 10:00:00 2026":                                   false,
		"From a onT Mar  2 10:00:00 2026":                                   false,
	} {
		if got := fromDate([]byte(line)); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

// TestSplitBounded: of a mail without end a bounded part is kept, and what
// stands behind it is read.
func TestSplitBounded(t *testing.T) {
	line := strings.Repeat("x", 100<<10) // longer than what is read at once
	huge := io.MultiReader(
		strings.NewReader(sep+"Subject: huge\n\n"),
		io.LimitReader(repeat(line+"\nFrom me\n"), 20<<20),
		strings.NewReader("\n\n"+sep+plain2))
	var sizes []int64
	var last string
	err := split(bufio.NewReaderSize(huge, window), func(data []byte, size int64) error {
		if len(data) > MaxMail {
			t.Errorf("%d octets are kept", len(data))
		}
		sizes, last = append(sizes, size), string(data)
		return nil
	})
	if err != nil || len(sizes) != 2 || sizes[0] != 20<<20+int64(len("Subject: huge\n\n\n")) || last != plain2 {
		t.Errorf("sizes %v, last %q, %v", sizes, last, err)
	}
}

// repeat reads a text again and again.
func repeat(text string) io.Reader { return &repeated{text: text} }

type repeated struct {
	text string
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

func TestSplitKeepsWhatCouldBeRead(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, text := range []string{sep + plain1, plain1} {
		n := 0
		r := io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken))
		err := split(bufio.NewReaderSize(r, window), func(data []byte, _ int64) error {
			n++
			if string(data) != plain1 {
				t.Errorf("%q", data)
			}
			return nil
		})
		if !errors.Is(err, broken) || n != 1 {
			t.Errorf("%d mails, %v", n, err)
		}
	}
}

// quoted writes an mbox as mboxrd wants it.
func quoted(mails []string) string {
	var b strings.Builder
	for _, m := range mails {
		b.WriteString(sep)
		header, body, ok := strings.Cut(m, "\n\n")
		b.WriteString(header)
		if ok {
			b.WriteString("\n\n")
		}
		for line := range strings.Lines(body) {
			if strings.HasPrefix(strings.TrimLeft(line, ">"), "From ") {
				b.WriteByte('>')
			}
			b.WriteString(line)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// FuzzSplit: whatever the octets are, none is lost and none added but what
// belongs to the mbox, and mails written as mboxrd come back as they were.
func FuzzSplit(f *testing.F) {
	f.Add([]byte(sep+plain1+"\n"+sep+plain2), "Subject: x\n\nFrom me\n>From you\n")
	f.Add([]byte("From \nFrom \n\nFrom a\nb: c\n"), "From \n\n")
	f.Add([]byte("\xef\xbb\xbf\r\nFrom -\r\n"), ">From x\n\n>>From y")
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		total := 0
		for _, m := range taken(t, bytes.NewReader(raw)) {
			total += len(m)
		}
		if total > len(raw) {
			t.Errorf("%d octets were made of %d", total, len(raw))
		}
		if strings.Contains(text, "\r") || !strings.Contains(text, "\n\n") {
			return
		}
		header, _, _ := strings.Cut(text, "\n\n")
		if strings.HasPrefix(header, "From ") || strings.Contains(header, "\nFrom ") || header == "" || header[0] == '\n' {
			return // no header
		}
		text = strings.TrimRight(text, "\n") + "\n"
		if !strings.Contains(text, "\n\n") {
			return
		}
		mails := []string{text, plain1, text}
		if got := taken(t, strings.NewReader(quoted(mails))); !slices.Equal(got, mails) {
			t.Errorf("got %q, want %q", got, mails)
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	one := sep + "Subject: one\n\n" + strings.Repeat("It still burns, and the smoke is green.\n", 80) + "\n"
	text := strings.Repeat(one, 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		n := 0
		err := split(bufio.NewReaderSize(strings.NewReader(text), window), func([]byte, int64) error { n++; return nil })
		if err != nil || n != 1000 {
			b.Fatal(fmt.Errorf("%d mails: %w", n, err))
		}
	}
}

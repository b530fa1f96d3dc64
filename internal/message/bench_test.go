package message

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	gomessage "github.com/emersion/go-message"
)

// benchMail is an ordinary mail: a thread's headers, text and HTML, a
// quotation, an attachment of the size given.
func benchMail(attachment int) []byte {
	var b strings.Builder
	b.WriteString("Return-Path: <jane@customer.example>\r\nDelivered-To: support@acme.example\r\n")
	for i := range 6 {
		fmt.Fprintf(&b, "Received: from mx%d.example (mx%d.example [192.0.2.%d])\r\n\tby mail.acme.example with ESMTPS id 4ABC%d\r\n\tfor <support@acme.example>; Mon, 2 Mar 2026 10:00:0%d +0000\r\n", i, i, i, i, i)
	}
	b.WriteString("From: =?utf-8?q?J=C3=A4ne_Doe?= <jane@customer.example>\r\nTo: Acme Support <support@acme.example>\r\nSubject: Re: Printer on fire\r\nDate: Mon, 2 Mar 2026 10:00:00 +0000\r\nMessage-ID: <1@customer.example>\r\nReferences: <0@acme.example> <00@acme.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n--inner\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	for range 20 {
		b.WriteString("It still burns, and the smoke is gr=C3=BCn. What shall I do about it now?\r\n")
	}
	b.WriteString("\r\nOn Mon, 2 Mar 2026 at 09:00, Acme Support <support@acme.example> wrote:\r\n")
	for range 20 {
		b.WriteString("> Please turn it off and on again, and tell us what the light does.\r\n")
	}
	b.WriteString("--inner\r\nContent-Type: text/html; charset=utf-8\r\n\r\n")
	for range 30 {
		b.WriteString("<p style=\"margin:0\">It still burns, and the <b>smoke</b> is green.</p>\r\n")
	}
	b.WriteString("--inner--\r\n--outer\r\nContent-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	line := strings.Repeat("iVBORw0KGgoA", 6) + "AAAA\r\n"
	for b.Len() < attachment {
		b.WriteString(line)
	}
	b.WriteString("--outer--\r\n")
	return []byte(b.String())
}

func BenchmarkRead(b *testing.B) {
	for _, size := range []int{0, 100 << 10, 4 << 20} {
		raw := benchMail(size)
		b.Run(fmt.Sprintf("size=%dk/ours", len(raw)>>10), func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				Read(bytes.NewReader(raw))
			}
		})
		b.Run(fmt.Sprintf("size=%dk/bare", len(raw)>>10), func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				bareParse(raw)
			}
		})
	}
}

// bareParse is what go-message alone does of the same work: header and parts,
// every leaf decoded. It reports whether it got to the end.
func bareParse(raw []byte) bool {
	e, err := gomessage.Read(bytes.NewReader(raw))
	if err != nil {
		return false
	}
	whole := true
	err = e.Walk(func(_ []int, e *gomessage.Entity, err error) error {
		if err == nil && e.MultipartReader() == nil {
			_, err = io.Copy(io.Discard, e.Body)
		}
		whole = whole && err == nil
		return err
	})
	return whole && err == nil
}

// BenchmarkReadCorpus reads real mail of every kind: "ours" and "bare" of one
// purpose are the two sides of a comparison. "ratio" does both by turns, so
// that what else the machine does weighs on both alike, and reports how many
// times the bare parse a reading costs.
func BenchmarkReadCorpus(b *testing.B) {
	dir := os.Getenv("POSTROOM_CORPUS")
	if dir == "" {
		b.Skip("POSTROOM_CORPUS is not set: real mail is not read")
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join("..", "..", dir)
	}
	var all [][]byte
	for _, purpose := range []string{"parse", "charset", "bounce", "autoreply", "reply", "all"} {
		mails := all
		if purpose != "all" {
			mails = corpusMails(b, filepath.Join(dir, purpose))
			all = append(all, mails...)
		}
		ours := func() {
			for _, raw := range mails {
				Read(bytes.NewReader(raw))
			}
		}
		bare := func() {
			for _, raw := range mails {
				bareParse(raw)
			}
		}
		b.Run(purpose+"/ours", func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				ours()
			}
		})
		b.Run(purpose+"/bare", func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				bare()
			}
		})
		b.Run(purpose+"/ratio", func(b *testing.B) { byTurns(b, ours, bare) })
	}
}

// byTurns reports how many times the processor time of bare it takes to do
// ours, in turns of some milliseconds: by the median of each side, and by the
// least of each, which what else the machine does disturbs least.
func byTurns(b *testing.B, ours, bare func()) {
	spend := func(f func()) float64 {
		before, n := processorTime(), 0
		for ; processorTime()-before < 10e6; n++ {
			f()
		}
		return (processorTime() - before) / float64(n)
	}
	var one, other []float64
	for b.Loop() {
		one, other = append(one, spend(ours)), append(other, spend(bare))
	}
	slices.Sort(one)
	slices.Sort(other)
	half := len(one) / 2
	b.ReportMetric(one[half]/other[half], "x-bare")
	b.ReportMetric(one[0]/other[0], "x-bare-least")
}

func corpusMails(b *testing.B, dir string) (mails [][]byte) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".eml" && filepath.Ext(path) != ".box" {
			return err
		}
		raw, err := os.ReadFile(path)
		if bareParse(raw) { // where it gives up it has not done the same work
			mails = append(mails, raw)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return mails
}

// cpu reports the processor time of an operation beside the time that passed:
// the two sides are compared by it where others use the machine too.
func cpu(b *testing.B) func() {
	before := processorTime()
	return func() { b.ReportMetric((processorTime()-before)/float64(b.N), "cpu-ns/op") }
}

// processorTime is what the process has used, in nanoseconds.
func processorTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

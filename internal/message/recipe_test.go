package message

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime/quotedprintable"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func drawRecipe(t *rapid.T) *Recipe {
	r := &Recipe{}
	for range rapid.IntRange(0, 8).Draw(t, "pieces") {
		if rapid.Bool().Draw(t, "literal") {
			r.Pieces = append(r.Pieces, Piece{Literal: append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, "octets")...)})
			continue
		}
		r.Pieces = append(r.Pieces, Piece{
			Source: rapid.IntRange(0, 3).Draw(t, "source"),
			Offset: rapid.Int64Range(0, maxOctets).Draw(t, "offset"), Length: rapid.Int64Range(0, maxOctets).Draw(t, "length"),
			Transform: Transform(rapid.IntRange(0, int(transforms)-1).Draw(t, "transform")),
			Size:      rapid.Int64Range(0, maxOctets).Draw(t, "size"),
			EightBit:  rapid.Bool().Draw(t, "eight"), Bulk: rapid.Bool().Draw(t, "bulk"),
		})
	}
	return r
}

func TestRecipeEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecipe(t)
		got, err := DecodeRecipe(r.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Pieces) != len(r.Pieces) || len(r.Pieces) > 0 && !reflect.DeepEqual(got, r) {
			t.Fatalf("wrote %+v, read %+v", r, got)
		}
	})
}

func TestRecipeRefusesOthers(t *testing.T) {
	good := (&Recipe{Pieces: []Piece{{Literal: []byte("abc")}, {Length: 5, Size: 5}}}).Encode()
	for name, data := range map[string][]byte{
		"empty":         {},
		"other version": append([]byte{9}, good[1:]...),
		"cut":           good[:len(good)-1],
		"longer":        append(append([]byte{}, good...), 0),
		"many pieces":   {recipeVersion, 0xff, 0xff, 0xff, 0x7f},
		"long literal":  {recipeVersion, 1, 0, 0xff, 0xff, 0x03, 'a'},
		"transform":     {recipeVersion, 1, flagRange | 9<<flagShift, 0, 0, 0, 0},
	} {
		if _, err := DecodeRecipe(data); !errors.Is(err, ErrRecipe) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzDecodeRecipe(f *testing.F) {
	f.Add((&Recipe{Pieces: []Piece{{Literal: []byte("abc")}, {Offset: 3, Length: 5, Size: 5}}}).Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := DecodeRecipe(data)
		if err != nil {
			return
		}
		if r.Size() < 0 {
			t.Fatalf("size %d", r.Size())
		}
		again, err := DecodeRecipe(r.Encode())
		if err != nil || len(again.Pieces) != len(r.Pieces) {
			t.Fatalf("not read again: %v", err)
		}
		_ = r.Render(io.Discard, []Source{bytes.NewReader(data)})
	})
}

// through runs a transform over chunks.
func through(tr Transform, data []byte) string {
	p := Piece{Length: int64(len(data)), Transform: tr}
	src := bytes.NewReader(data)
	if err := p.measure(src); err != nil {
		return "error: " + err.Error()
	}
	var b bytes.Buffer
	if err := (&Recipe{Pieces: []Piece{p}}).Render(&b, []Source{src}); err != nil {
		return "error: " + err.Error()
	}
	return b.String()
}

func drawOctets(t *rapid.T) []byte {
	letters := rapid.SampledFrom([]byte("ab=. \t\r\n\x00\xe4=0AF="))
	return rapid.SliceOfN(letters, 0, 400).Draw(t, "octets")
}

func TestTransformLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := drawOctets(t)
		want := strings.ReplaceAll(string(data), "\r\n", "\n")
		want = strings.ReplaceAll(strings.ReplaceAll(want, "\r", "\n"), "\n", "\r\n")
		if got := through(TransformLines, data); got != want {
			t.Fatalf("%q became %q, not %q", data, got, want)
		}
	})
}

func TestTransformAcrossReads(t *testing.T) {
	for _, tr := range []Transform{TransformLines, TransformSoften, TransformRewrap, TransformBase64} {
		for shift := -2; shift <= 2; shift++ {
			data := bytes.Repeat([]byte("a"), readBuffer+shift)
			copy(data[readBuffer-5:], "=\r\r\n"[:4])
			whole := through(tr, data)
			var b bytes.Buffer
			w := boundedWriter{&b}
			half := Piece{Length: int64(len(data)), Transform: tr}
			if err := half.measure(slowSource{bytes.NewReader(data)}); err != nil {
				t.Fatal(err)
			}
			if err := (&Recipe{Pieces: []Piece{half}}).Render(w, []Source{slowSource{bytes.NewReader(data)}}); err != nil {
				t.Fatal(err)
			}
			if b.String() != whole {
				t.Errorf("transform %d, shift %d: octets depend on how they are read", tr, shift)
			}
		}
	}
}

// slowSource gives few octets at once.
type slowSource struct{ *bytes.Reader }

func (s slowSource) ReadAt(p []byte, off int64) (int, error) {
	if len(p) > 7 {
		p = p[:7]
	}
	return s.Reader.ReadAt(p, off)
}

func TestTransformBase64(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := drawOctets(t)
		got := through(TransformBase64, data)
		back, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(got, "\r\n", ""))
		if err != nil || !bytes.Equal(back, data) {
			t.Fatalf("%q came back as %q (%v)", data, back, err)
		}
		again := through(TransformRewrap, []byte(strings.ReplaceAll(got, "\r\n", "")))
		if again != got {
			t.Fatalf("rewrapped %q to %q", got, again)
		}
		checkWidth(t, got, base64Line)
	})
}

func TestTransformSoften(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		w := quotedprintable.NewWriter(&b)
		w.Write(drawOctets(t))
		w.Close()
		// One long line, as some programs write it.
		in := strings.ReplaceAll(b.String(), "=\r\n", "")
		got := through(TransformSoften, []byte(in))
		checkWidth(t, got, softLine)
		want, err1 := io.ReadAll(quotedprintable.NewReader(strings.NewReader(b.String())))
		back, err2 := io.ReadAll(quotedprintable.NewReader(strings.NewReader(got)))
		if err1 != nil || err2 != nil || !bytes.Equal(want, back) {
			t.Fatalf("%q became %q: %q, not %q (%v, %v)", in, got, back, want, err1, err2)
		}
	})
}

func TestTransformSoftenAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		got := through(TransformSoften, drawOctets(t))
		checkWidth(t, got, softLine)
		if hasEightBit([]byte(got)) {
			t.Fatalf("8-bit in %q", got)
		}
		if _, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(got))); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
	})
}

func checkWidth(t *rapid.T, s string, width int) {
	for l := range strings.SplitSeq(s, "\r\n") {
		if len(l) > width || strings.ContainsAny(l, "\r\n") {
			t.Fatalf("line %q", l)
		}
	}
}

// endlessSource is a mail of any size that takes no memory: one text again
// and again.
type endlessSource struct {
	size int64
	text []byte
}

func (s endlessSource) Size() int64 { return s.size }

func (s endlessSource) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], s.text[(off+int64(n))%int64(len(s.text)):])
	}
	return n, nil
}

// chunks counts what is written, and how much at once.
type chunks struct {
	size    int64
	largest int
}

func (c *chunks) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	c.largest = max(c.largest, len(p))
	return len(p), nil
}

func TestRenderMemory(t *testing.T) {
	src := endlessSource{200 << 20, bytes.Repeat([]byte("a line of an ordinary mail that is not very long\n"), 1000)}
	r := &Recipe{Pieces: []Piece{
		{Literal: bytes.Repeat([]byte("y"), 1<<20)},
		{Length: src.size},
		{Length: 5 << 20, Transform: TransformBase64},
	}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range r.Pieces[1:] {
		if err := r.Pieces[1+i].measure(src); err != nil {
			t.Fatal(err)
		}
	}
	var c chunks
	if err := r.Render(&c, []Source{src}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d octets allocated", used)
	}
	if c.size != r.Size() || c.largest > renderBuffer {
		t.Errorf("wrote %d octets of %d, at most %d at once", c.size, r.Size(), c.largest)
	}
}

func TestRenderNoticesChange(t *testing.T) {
	src := bytes.NewReader([]byte("one\ntwo\n"))
	p := Piece{Length: 8}
	if err := p.measure(src); err != nil {
		t.Fatal(err)
	}
	r := &Recipe{Pieces: []Piece{p}}
	for name, sources := range map[string][]Source{
		"changed": {bytes.NewReader([]byte("one two\n"))},
		"shorter": {bytes.NewReader([]byte("one\n"))},
		"none":    nil,
	} {
		if err := r.Render(io.Discard, sources); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	broken := errors.New("broken")
	if err := r.Render(failingWriter{broken}, []Source{src}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

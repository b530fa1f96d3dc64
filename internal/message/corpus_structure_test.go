package message

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// xmlPart is one element of an expected structure.
type xmlPart struct {
	XMLName  xml.Name
	Name     string    `xml:"name,attr"`
	Children []xmlPart `xml:",any"`
}

// TestCorpusStructure compares the tree and the decoded content of every leaf
// with what is stated of them.
func TestCorpusStructure(t *testing.T) {
	shape, content := &tally{t: t}, &tally{t: t}
	for _, e := range expectations(t, "parse") {
		file, ok := e.text(t, "structure")
		if !ok {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(e.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		var want xmlPart
		if err := xml.Unmarshal(toUTF8(raw), &want); err != nil {
			t.Logf("%s: %v", file, err)
			continue
		}
		m := Read(bytes.NewReader(e.read(t)))
		var leaves []string
		wantShape := shapeOfXML(want, &leaves)
		var got [][]byte
		gotShape := shapeOf(m, m.Root, &got, 0)
		shape.check(e.set+"/"+e.file(t)+" structure", gotShape == wantShape, "\n got %s\nwant %s", gotShape, wantShape)
		if gotShape != wantShape {
			continue
		}
		for i, l := range leaves {
			data, err := os.ReadFile(filepath.Join(e.dir, l))
			if err != nil {
				t.Logf("%v", err)
				continue
			}
			a, b := unifyLines(got[i]), unifyLines(data)
			content.check(e.set+"/"+l+" content", bytes.Equal(a, b), "\n got %.200q\nwant %.200q", a, b)
		}
	}
	shape.report("structure", 78)
	content.report("leaf content", 148)
}

func toUTF8(raw []byte) []byte {
	text, _ := decodeCharset(raw, "")
	return []byte(strings.Replace(text, "iso-8859-1", "utf-8", 1))
}

func unifyLines(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	return bytes.TrimRight(bytes.ReplaceAll(b, []byte("\r"), []byte("\n")), "\n")
}

func shapeOfXML(x xmlPart, leaves *[]string) string {
	switch x.XMLName.Local {
	case "text-body", "binary-body":
		*leaves = append(*leaves, x.Name)
		return "leaf "
	case "header", "preamble", "epilogue", "field":
		return ""
	}
	var b strings.Builder
	for _, c := range x.Children {
		b.WriteString(shapeOfXML(c, leaves))
	}
	switch x.XMLName.Local {
	case "multipart":
		return "multipart(" + b.String() + ") "
	case "message":
		return "message(" + b.String() + ") "
	}
	return b.String()
}

func shapeOf(m *Message, p *Part, leaves *[][]byte, depth int) string {
	var b strings.Builder
	if p == m.Root {
		b.WriteString("message(")
		defer b.Reset()
	}
	declared, _ := contentType(p.Header.Get("Content-Type"), p.Type, "")
	switch {
	// What says that it has parts but has none is shown as text.
	case strings.HasPrefix(declared, "multipart/"):
		b.WriteString("multipart(")
		for _, c := range p.Children {
			b.WriteString(shapeOf(m, c, leaves, depth))
		}
		b.WriteString(") ")
	case p.Type == "message/rfc822" && depth < 10:
		raw, _ := io.ReadAll(m.Open(p))
		sub := Read(bytes.NewReader(raw))
		b.WriteString(shapeOf(sub, sub.Root, leaves, depth+1))
	default:
		raw, _ := io.ReadAll(m.Open(p))
		*leaves = append(*leaves, raw)
		b.WriteString("leaf ")
	}
	if p == m.Root {
		return b.String() + ") "
	}
	return b.String()
}

package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// corpus is the folder of real mail with expected values. It is no part of
// the project: without it these tests are skipped.
func corpus(t *testing.T) string {
	dir := os.Getenv("POSTROOM_CORPUS")
	if dir == "" {
		t.Skip("POSTROOM_CORPUS is not set: real mail is not tested")
	}
	// Relative to the top of the module, from which tests are started.
	if !filepath.IsAbs(dir) {
		dir = filepath.Join("..", "..", dir)
	}
	return dir
}

// expectation is one line of an expected.jsonl.
type expectation struct {
	dir    string // the set it belongs to
	set    string // "parse/zammad"
	fields map[string]json.RawMessage
}

func (e *expectation) get(t *testing.T, key string, v any) bool {
	raw, ok := e.fields[key]
	if !ok || string(raw) == "null" {
		return false
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false
	}
	return true
}

func (e *expectation) text(t *testing.T, key string) (string, bool) {
	var s string
	return s, e.get(t, key, &s)
}

func (e *expectation) file(t *testing.T) string {
	s, _ := e.text(t, "file")
	return s
}

func (e *expectation) read(t *testing.T) []byte {
	raw, err := os.ReadFile(filepath.Join(e.dir, e.file(t)))
	if err != nil {
		t.Fatalf("reading the corpus: %v", err)
	}
	return raw
}

func expectations(t *testing.T, purpose string) []expectation {
	root := filepath.Join(corpus(t), purpose)
	sets, err := os.ReadDir(root)
	if err != nil {
		t.Fatalf("reading the corpus: %v", err)
	}
	var list []expectation
	for _, set := range sets {
		dir := filepath.Join(root, set.Name())
		raw, err := os.ReadFile(filepath.Join(dir, "expected.jsonl"))
		if err != nil {
			continue
		}
		for l := range bytes.SplitSeq(raw, []byte("\n")) {
			if len(bytes.TrimSpace(l)) == 0 {
				continue
			}
			e := expectation{dir: dir, set: purpose + "/" + set.Name()}
			if err := json.Unmarshal(l, &e.fields); err != nil {
				t.Fatalf("reading %s: %v", dir, err)
			}
			list = append(list, e)
		}
	}
	return list
}

// tally counts what was right, and logs what was not. What is named among the
// exceptions is left out of the count, as long as it differs.
type tally struct {
	t                  *testing.T
	right, seen, aside int
}

// check counts one expectation. what is "set/file what", by which an
// exception names it.
func (c *tally) check(what string, ok bool, format string, args ...any) {
	if reason, named := exceptions()[what]; named {
		c.aside++
		if ok {
			c.t.Errorf("%s is met, but named as an exception: %s", what, reason)
		}
		return
	}
	c.seen++
	if ok {
		c.right++
		return
	}
	c.t.Logf("  miss: %s: "+format, append([]any{what}, args...)...)
}

func (c *tally) report(name string, floor int) {
	c.t.Helper()
	fmt.Printf("corpus %s: %d of %d (%.2f %%), %d exceptions\n", name, c.right, c.seen, 100*float64(c.right)/float64(max(c.seen, 1)), c.aside)
	if c.right < floor {
		c.t.Errorf("%s: %d right, were %d before", name, c.right, floor)
	}
}

func squash(s string) string { return strings.Join(strings.Fields(s), " ") }

// TestCorpusReads reads every file there is, whatever it is.
func TestCorpusReads(t *testing.T) {
	root := corpus(t)
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".gz") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		start := time.Now()
		m := Read(bytes.NewReader(raw))
		if time.Since(start) > time.Second {
			// The machine may be busy: what is slow is slow twice.
			start = time.Now()
			if Read(bytes.NewReader(raw)); time.Since(start) > time.Second {
				t.Errorf("%s: took %v", path, time.Since(start))
			}
		}
		if problem := checkMessage(m, raw); problem != "" {
			t.Errorf("%s: %s", path, problem)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("corpus files read: %d\n", files)
}

// checkMessage states what must hold of every mail that was read.
func checkMessage(m *Message, raw []byte) string {
	encoded, err := json.Marshal(m.Mail)
	if err != nil {
		return err.Error()
	}
	switch {
	case !utf8.Valid(encoded):
		return "not valid UTF-8"
	case !utf8.ValidString(m.Mail.Text) || !utf8.ValidString(m.Mail.NewText) || !utf8.ValidString(m.Mail.Subject):
		return "text is not valid UTF-8"
	case strings.ContainsAny(m.Mail.Subject, "\r\n\x00\x1b"):
		return "subject with control characters"
	case strings.ContainsRune(m.Mail.Text, 0):
		return "text with NUL"
	case m.Mail.From == nil || m.Mail.Attachments == nil || m.Mail.Problems == nil || m.Mail.InReplyTo == nil:
		return "a list is null"
	case m.Root == nil || m.Root.Start != 0 || m.Root.End != int64(len(raw)):
		return "the root is not the whole mail"
	case m.Mail.BodyDigest == "" || m.Mail.HeaderDigest == "":
		return "no digest"
	}
	for _, a := range append(append(append(m.Mail.From, m.Mail.To...), m.Mail.Cc...), m.Mail.ReplyTo...) {
		if !strings.ContainsRune(a.Addr, '@') || strings.ContainsAny(a.Addr+a.Name, "\r\n\x00") {
			return fmt.Sprintf("bad address %q", a)
		}
	}
	for _, id := range append(append([]string{}, m.Mail.InReplyTo...), m.Mail.References...) {
		if !strings.HasPrefix(id, "<") || !strings.HasSuffix(id, ">") || strings.ContainsAny(id, " \r\n\x00") {
			return fmt.Sprintf("bad id %q", id)
		}
	}
	return checkPart(m.Root, raw, "root")
}

// checkPart checks that offsets are inside, nested and in order.
func checkPart(p *Part, raw []byte, where string) string {
	if p.Start < 0 || p.Start > p.Body || p.Body > p.End || p.End > int64(len(raw)) {
		return fmt.Sprintf("%s: offsets %d %d %d of %d", where, p.Start, p.Body, p.End, len(raw))
	}
	for _, f := range p.Header {
		if f.Offset < p.Start || f.Length <= 0 || f.Offset+f.Length > p.Body {
			return fmt.Sprintf("%s: field %s at %d+%d outside of the header", where, f.Name, f.Offset, f.Length)
		}
		if !bytes.HasPrefix(raw[f.Offset:], []byte(f.Name)) {
			return fmt.Sprintf("%s: field %s is not at %d", where, f.Name, f.Offset)
		}
	}
	at := p.Body
	for i, c := range p.Children {
		if c.Start < at || c.End > p.End {
			return fmt.Sprintf("%s: part %d overlaps", where, i)
		}
		at = c.End
		if problem := checkPart(c, raw, fmt.Sprintf("%s.%d", where, i)); problem != "" {
			return problem
		}
	}
	return ""
}

package message

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCorpusCompose makes a copy and an answer of every mail there is: a copy
// keeps the text of each leaf, an answer keeps to its table and is 7-bit, and
// the leak guard finds nothing in mail that knows nothing of us, but the
// trace fields of attached messages.
func TestCorpusCompose(t *testing.T) {
	root := corpus(t)
	d := newDesk()
	files := 0
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".eml") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		m := Read(bytes.NewReader(raw))
		corpusCopy(t, d, m, path)
		checkForeseen(t, d.composer, path, raw)
		corpusAnswer(t, d, m, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Error("no mail there")
	}
}

func corpusCopy(t *testing.T, d desk, m *Message, path string) {
	r, err := d.composer.Copy(m, d.copyOf(m))
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	got := readString(octetsOf7(t, r, m, false))
	leaves := got.Leaves()
	for i, p := range m.Leaves() {
		text := strings.TrimSpace(m.TextOf(p))
		for len(leaves) > 0 && strings.TrimSpace(got.TextOf(leaves[0])) != text && strings.Contains(got.TextOf(leaves[0]), FooterMark) {
			leaves = leaves[1:] // our footer stands between them
		}
		if len(leaves) == 0 || strings.TrimSpace(got.TextOf(leaves[0])) != text {
			t.Errorf("%s: leaf %d of the copy is another", path, i)
			return
		}
		leaves = leaves[1:]
	}
}

func corpusAnswer(t *testing.T, d desk, m *Message, path string) {
	r, found, err := d.composer.Answer(m, d.answer())
	if errors.Is(err, ErrNothing) || errors.Is(err, ErrEncrypted) || errors.Is(err, ErrPacked) {
		return
	}
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	octetsOf7(t, r, m, true)
	more, err := d.composer.Check(r, []Source{m.src}, d.rules())
	if err != nil {
		t.Errorf("%s: %v", path, err)
	}
	for _, f := range append(found, more...) {
		if !strings.Contains(f.What, "the way of the mail") {
			t.Errorf("%s: %+v", path, f)
		}
	}
}

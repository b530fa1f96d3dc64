package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postroom/internal/store"
)

func withAnswers(t *testing.T, files map[string]string) (*rig, sent, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "answers")
	for name, text := range files {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, cp := waiting(t, func(c *Config) { c.AnswersDir = dir })
	return r, cp, dir
}

const resetText = "\ufeffHello {customer_first},\r\n\r\nturn it off & on: {nothing}.\r\nÜber \"{subject}\".\r\n"

// TestSavedAnswer stands where its line stood, with the names filled in, in
// the plain text and in the HTML.
func TestSavedAnswer(t *testing.T) {
	r, cp, _ := withAnswers(t, map[string]string{"Reset Printer.txt": resetText, "bye.txt": "Yours, {engineer}"})
	html := `<div>Good morning!</div><div>/answer &ldquo;Reset printer&rdquo;</div><div>And call me.</div><div>/answer bye</div>`
	body := "--x\nContent-Type: text/plain\n\nGood morning!\n/answer reset-printer\nAnd call me.\n/answer bye\n" +
		"--x\nContent-Type: text/html; charset=utf-8\n\n" + html + "\n--x--"
	raw := r.wrote(alice, "Re: Printer on fire", body, "To: "+cp.header("Reply-To"), "In-Reply-To: "+cp.MessageID, "Content-Type: multipart/alternative; boundary=x")
	r.comes(raw)
	a := r.one(store.OutAnswer, jane)
	want := "Good morning!\nHello Jane,\n\nturn it off & on: {nothing}.\nÜber \"Printer on fire\".\nAnd call me.\nYours, Alice Ng"
	if got := strings.TrimSpace(a.Mail.Text); got != want {
		t.Errorf("text:\n%s\nwant\n%s", got, want)
	}
	var shown string
	for _, p := range a.Leaves() {
		if p.Type == "text/html" {
			shown = a.TextOf(p)
		}
	}
	for _, want := range []string{"<div>Good morning!</div>", "Hello Jane,<br>", "turn it off &amp; on", "Yours, Alice Ng<br>", "And call me."} {
		if !strings.Contains(shown, want) {
			t.Errorf("the HTML has no %q: %s", want, shown)
		}
	}
	if strings.Contains(shown, "/answer") {
		t.Errorf("HTML: %s", shown)
	}
}

// TestSavedAnswerAlone is an answer by itself; one above a text stands above
// it.
func TestSavedAnswerAlone(t *testing.T) {
	for text, want := range map[string]string{
		"/answer reset":                           "Off and on.",
		"/answer reset.\n/close\n\nBest, Alice":   "Off and on.\n\nBest, Alice",
		"/answer Reset\n/answer bye\n\nP.S. Mind": "Off and on.\n\nBye.\n\nP.S. Mind",
	} {
		r, cp, _ := withAnswers(t, map[string]string{"reset.txt": "Off and on.\n", "bye.txt": "Bye."})
		r.comes(r.reply(cp, alice, text))
		a := r.one(store.OutAnswer, jane)
		got, _, _ := strings.Cut(a.Mail.Text, "\n\nOn Monday")
		if strings.TrimSpace(got) != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestNoSuchAnswer holds the mail and says which there are.
func TestNoSuchAnswer(t *testing.T) {
	for text, want := range map[string]string{
		"/answer rest":                 `did you mean "reset"`,
		"Hi\n/answer frobnicate\nBye":  "saved are bye, reset",
		"/answer":                      "/answer needs a name behind it",
		"/answer ../secret":            "is no name",
		"/note\n/answer reset\n\nText": "one of them has to go",
	} {
		r, cp, _ := withAnswers(t, map[string]string{"reset.txt": "Off and on.", "bye.txt": "Bye.", ".hidden.txt": "x", "no.md": "x"})
		r.comes(r.reply(cp, alice, text))
		n := r.one(store.OutNotice, alice)
		if r.answers() != 0 || len(r.holds()) != 1 || !strings.Contains(strings.Join(strings.Fields(n.Mail.Text), " "), want) {
			t.Errorf("%q: %s", text, n.Mail.Text)
		}
	}
}

// TestSave keeps what she wrote, without names, commands and signature, and
// says when it takes another's place.
func TestSave(t *testing.T) {
	r, cp, dir := withAnswers(t, nil)
	text := "/save Über Reset\n/note\n\nHello Jane,\n\nturn it off, Jane.\n\nAlice\n-- \nAlice Ng\nalice@acme.example"
	told := r.orders(cp, alice, text)
	if !strings.Contains(told, "/answer über-reset") || strings.Contains(told, "place") {
		t.Errorf("told %s", told)
	}
	got, err := os.ReadFile(filepath.Join(dir, "über-reset.txt"))
	if want := "Hello {customer_first},\n\nturn it off, Jane.\n\n{engineer_first}\n"; err != nil || string(got) != want {
		t.Errorf("kept %q, %v, want %q", got, err, want)
	}
	r.comes(r.reply(cp, alice, "/save über-reset\n\nTurn it on."))
	r.one(store.OutAnswer, jane) // without /note it goes out besides
	if n := r.one(store.OutNotice, alice); !strings.Contains(strings.Join(strings.Fields(n.Mail.Text), " "), "took the place of another text") {
		t.Errorf("told %s", n.Mail.Text)
	}
	r.gone()
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for _, bad := range []string{"/save", "/save ../x\n\nText", "/save a/b\n\nText", "/save x"} {
		if r.orders(cp, alice, bad); len(r.holds()) == 0 {
			t.Errorf("%q was done", bad)
		}
	}
}

// TestSaveFails: a folder that cannot be written is told, and stops nothing.
func TestSaveFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, cp := waiting(t, func(c *Config) { c.AnswersDir = filepath.Join(file, "answers") })
	r.comes(r.reply(cp, alice, "/save x\n\nUse water."))
	r.one(store.OutAnswer, jane)
	if n := r.one(store.OutNotice, alice); !strings.Contains(n.Mail.Text, "could not be kept") {
		t.Errorf("told %s", n.Mail.Text)
	}
}

// TestAnswersStayInTheirFolder, whatever links lie there and however long they are.
func TestAnswersStayInTheirFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := NewAnswers(filepath.Join(dir, "answers"))
	if _, err := a.Write("x", "X"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../secret", filepath.Join(dir, "answers", "link.txt")); err != nil {
		t.Fatal(err)
	}
	if text, err := a.Read("link"); err == nil {
		t.Errorf("read %q from outside", text)
	}
	for _, name := range []string{"../x", "a/b", "", ".", "X", "a\x00"} {
		if _, err := a.Write(name, "X"); err == nil {
			t.Errorf("wrote %q", name)
		}
	}
	if _, err := a.Write("long", strings.Repeat("x", maxAnswerFile+1)); err == nil {
		t.Error("wrote a text without end")
	}
	if err := os.WriteFile(filepath.Join(dir, "answers", "long.txt"), make([]byte, maxAnswerFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read("long"); err == nil {
		t.Error("read a text without end")
	}
}

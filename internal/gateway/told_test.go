package gateway

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	gomessage "github.com/emersion/go-message"

	"postroom/internal/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A scene is a short story and every mail that engineers and admins get in it:
// testdata/told/NAME.txt is what they read, so that words change knowingly.
type scene struct {
	name  string
	play  func(*teller)
	tweak func(*Config)
}

// teller is a rig that keeps what was sent.
type teller struct {
	*rig
	mails []sent
	log   *bytes.Buffer
}

// took keeps what is queued to our side, and takes everything away.
func (r *teller) took() (list []sent) {
	r.t.Helper()
	for _, s := range r.due() {
		if s.Kind != store.OutAnswer {
			list = append(list, s)
		}
	}
	r.mails = append(r.mails, list...)
	r.sendAll()
	return list
}

// drop takes away what another scene shows.
func (r *teller) drop() { r.sendAll() }

// mailTo is the one mail of a kind to an address that is to be sent; all that
// is kept.
func (r *teller) mailTo(kind store.OutKind, addr string) sent {
	r.t.Helper()
	s := r.one2(r.t, kind, addr)
	r.took()
	return s
}

// printer is jane's question, with alice, whose copy is shown elsewhere.
func (r *teller) printer() sent {
	r.t.Helper()
	r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "Good morning,\n\nthe printer on the second floor burns. What do we do?\n\n-- \nJane"))
	cp := r.one2(r.t, store.OutCopy, alice)
	r.drop()
	return cp
}

func TestTold(t *testing.T) {
	kinds := map[string]bool{}
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			r := &teller{rig: unopened(t), log: new(bytes.Buffer)}
			r.cfg.AnswersDir = filepath.Join(t.TempDir(), "answers")
			if s.tweak != nil {
				s.tweak(&r.cfg)
			}
			r.open(t.TempDir(), slog.New(slog.NewJSONHandler(r.log, nil)), r.clock)
			s.play(r)
			r.took()
			if len(r.mails) == 0 {
				t.Fatal("nobody was told anything")
			}
			golden(t, filepath.Join("testdata", "told", s.name+".txt"), shownAll(t, r.mails))
			for _, k := range noticed(t, r.log) {
				kinds[k] = true
			}
		})
	}
	for _, k := range noticeKinds(t) {
		if !kinds[k] {
			t.Errorf("no scene shows a notice of kind %q", k)
		}
	}
	files, err := filepath.Glob("testdata/told/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".txt")
		if !slices.ContainsFunc(scenes(), func(s scene) bool { return s.name == name }) {
			t.Errorf("%s belongs to no scene", f)
		}
	}
}

// noticed is the kinds of notices the log tells of.
func noticed(t *testing.T, log *bytes.Buffer) (kinds []string) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		var e struct{ Msg, Notice string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Msg == "told" {
			kinds = append(kinds, e.Notice)
		}
	}
	return kinds
}

// noticeKinds is what package threads names as kinds of notices.
func noticeKinds(t *testing.T) (kinds []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../threads/effect.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if id, is := typeOf(v, ok); is && id.Name == "NoticeKind" {
			s, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, s)
		}
		return true
	})
	if len(kinds) < 20 {
		t.Fatalf("only %d kinds were found: %v", len(kinds), kinds)
	}
	return kinds
}

func typeOf(v *ast.ValueSpec, ok bool) (*ast.Ident, bool) {
	if !ok {
		return nil, false
	}
	id, is := v.Type.(*ast.Ident)
	return id, is
}

var tokenIn = regexp.MustCompile(`support(\+|%2B)([a-z])[a-z2-7]{20,}`)

// shownAll is mails as people read them: who gets them, the subject, the text,
// and every part of it, decoded. Tokens are cut to the letter of their
// kind.
func shownAll(t *testing.T, mails []sent) string {
	t.Helper()
	var b strings.Builder
	for _, s := range mails {
		fmt.Fprintf(&b, "==== %s to %s\n", s.Kind, s.Recipients[0].Address)
		for _, h := range []string{"From", "Reply-To", "To", "Cc", "Subject"} {
			if v := s.header(h); v != "" {
				fmt.Fprintf(&b, "%s: %s\n", h, v)
			}
		}
		e, err := gomessage.Read(strings.NewReader(s.raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Walk(func(_ []int, part *gomessage.Entity, err error) error { return shownPart(&b, part, err) }); err != nil {
			t.Fatal(err)
		}
	}
	return tokenIn.ReplaceAllString(b.String(), "support$1$2…")
}

func shownPart(b *strings.Builder, part *gomessage.Entity, err error) error {
	if err != nil {
		return err
	}
	kind, _, err := part.Header.ContentType()
	if err != nil || strings.HasPrefix(kind, "multipart/") {
		return err
	}
	name := ""
	if _, p, err := part.Header.ContentDisposition(); err == nil {
		name = p["filename"]
	}
	body, err := io.ReadAll(part.Body)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "%s\n%s\n", strings.TrimSpace("---- "+kind+" "+name), strings.TrimRight(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n"))
	return nil
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test -run %s -update writes it", err, t.Name())
	}
	if got != string(want) {
		t.Errorf("%s is not what they read now (-update writes it anew):\n%s", file, firstDifference(string(want), got))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		switch {
		case i >= len(w):
			return fmt.Sprintf("line %d: more: %s", i+1, g[i])
		case i >= len(g):
			return fmt.Sprintf("line %d: missing: %s", i+1, w[i])
		case w[i] != g[i]:
			return fmt.Sprintf("line %d:\n- %s\n+ %s", i+1, w[i], g[i])
		}
	}
	return ""
}

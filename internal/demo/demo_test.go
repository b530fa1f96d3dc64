package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"go.uber.org/goleak"

	"postroom/internal/mailtest/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// paper is an output that can be waited for.
type paper struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	seen chan struct{} // closed when want has been written
	once sync.Once
}

func newPaper(want string) *paper { return &paper{want: want, seen: make(chan struct{})} }

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text.Write(b)
	if strings.Contains(p.text.String(), p.want) {
		p.once.Do(func() { close(p.seen) })
	}
	return len(b), nil
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// shortDir is a directory whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// empty fails the test unless the demo has removed what it made.
func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOnce(t *testing.T) {
	dir, out := shortDir(t), newPaper("")
	if err := Run(t.Context(), Options{Out: out, Once: true, Dir: dir}); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	empty(t, dir)
	for _, want := range []string{"Why she:", "Why:", "wieght", "checked:", "rotation.toml:12:1:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story lacks %q:\n%s", want, out)
		}
	}
	for _, r := range out.String() {
		if r < ' ' && r != '\n' {
			t.Fatalf("control character %q in the story", r)
		}
	}
	t.Log("\n" + out.String())
}

// TestSabotage breaks one thing of the world; the error must name the step
// that notices.
func TestSabotage(t *testing.T) {
	refuse := &servers.Reply{Code: 550, Enhanced: [3]int{5, 7, 1}, Text: "not today"}
	always := func(f servers.SMTPFault) func(*servers.World) {
		f.Times = -1
		return func(w *servers.World) { w.FailSMTP(f) }
	}
	for _, tc := range []struct {
		name  string
		world func(*servers.World)
		want  []string
	}{
		{"the customer is refused", always(servers.SMTPFault{Stage: servers.AtRcpt, Match: "jane@client.example", Reply: refuse}),
			[]string{"the customer gets the answer", "Alice's answer in the mailbox of jane@client.example", "Your answer did not arrive"}},
		{"the engineer is refused", always(servers.SMTPFault{Stage: servers.AtRcpt, Match: "alice@acme.example", Reply: refuse}),
			[]string{"the next engineer gets it", "Jane's mail in the mailbox of alice@acme.example", "bob@acme.example"}},
		{"the admin is refused", always(servers.SMTPFault{Stage: servers.AtRcpt, Match: "ops@acme.example", Reply: refuse}),
			[]string{"the rotation file is edited", "ops@acme.example"}},
		{"a mail that is not of the story", func(w *servers.World) {
			if err := w.Deliver("x@elsewhere.example", "carol@acme.example", []byte("Subject: Hi\r\nMessage-ID: <x@y>\r\n\r\nhi\r\n")); err != nil {
				t.Error(err)
			}
		}, []string{"no mail to anybody", "carol@acme.example"}},
		{"nothing can be marked", func(w *servers.World) {
			w.FailIMAP(servers.IMAPFault{Command: "STORE", Times: -1, Reply: &imap.Error{Type: imap.StatusResponseTypeNo, Text: "read-only today"}})
		}, []string{"everything is looked at once more", "of support@acme.example"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir, out := shortDir(t), newPaper("")
			err := Run(t.Context(), Options{Out: out, Once: true, Dir: dir, Patience: 3 * time.Second, World: tc.world})
			if err == nil {
				t.Fatalf("no error\n%s", out)
			}
			for _, want := range append(tc.want, "expected:", "found:") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q:\n%v", want, err)
				}
			}
			empty(t, dir)
		})
	}
}

// TestStays ends a demo that has stayed up.
func TestStays(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir, out := shortDir(t), newPaper("Ctrl-C ends it")
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, Options{Out: out, Keep: true, Dir: dir}) }()
	select {
	case <-out.seen:
		cancel()
	case err := <-ended:
		t.Fatalf("ended by itself: %v\n%s", err, out)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"IMAP port", "password carol", "postroom status -c ", rotationFile} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the invitation lacks %q:\n%s", want, out)
		}
	}
	kept, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(kept) < 5 {
		t.Errorf("kept %v, %v; want configuration, rotation file, secret, state and log", kept, err)
	}
}

// TestStopped ends a demo in the middle of its story.
func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir, out := shortDir(t), newPaper(" 2  ")
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, Options{Out: out, Once: true, Dir: dir}) }()
	select {
	case <-out.seen:
		cancel()
	case err := <-ended:
		t.Fatalf("ended by itself: %v\n%s", err, out)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	empty(t, dir)
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"Grüße, 返信":           "Grüße, 返信",
		"\x1b[31mred\x07\r\n": "\ufffd[31mred\ufffd\ufffd\ufffd",
		"a\u202eb\u0000":      "a\ufffdb\ufffd",
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}

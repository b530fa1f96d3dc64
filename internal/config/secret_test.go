package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// secretOf parses a configuration in dir whose mailbox has this password line.
func secretOf(t *testing.T, dir, line string, getenv func(string) string) Secret {
	t.Helper()
	text := minimal("", "username = \"u\"\n"+line, "", "")
	c, err := Parse(filepath.Join(dir, "postroom.toml"), []byte(text), getenv)
	if err != nil {
		t.Fatal(err)
	}
	return c.IMAP.Password
}

func TestSecretValue(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"plain": "hunter2", "newline": "hunter2\n", "crlf": "hunter2\r\n", "spaces": " hunter2 \n",
		"empty": "", "blank": "\n", "two": "hunter2\nmore\n", "twice": "hunter2\n\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := func(name string) string {
		return map[string]string{"GOOD": "hunter2", "BAD": "hunter2\nLOGOUT"}[name]
	}
	for _, tt := range []struct{ line, want, problem string }{
		{`password_file = "plain"`, "hunter2", ""},
		{`password_file = "newline"`, "hunter2", ""},
		{`password_file = "crlf"`, "hunter2", ""},
		{`password_file = "spaces"`, " hunter2 ", ""},
		{`password_file = "empty"`, "", "empty"},
		{`password_file = "blank"`, "", "empty"},
		{`password_file = "two"`, "", "more than one line"},
		{`password_file = "twice"`, "", "more than one line"},
		{`password_file = "absent"`, "", "no such file"},
		{`password_env = "GOOD"`, "hunter2", ""},
		{`password_env = "BAD"`, "", "more than one line"},
		{`password_env = "UNSET"`, "", "not set"},
		{`password_command = "cat newline; echo more"`, "hunter2", ""},
		{`password_command = ["cat", "plain"]`, "hunter2", ""},
		{`password_command = ["/bin/echo", ""]`, "", "empty"},
		{`password_command = "echo hunter2; echo hunter2 >&2; exit 3"`, "", "exit status 3"},
		{`password_command = ["./absent"]`, "", "no such file"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			s := secretOf(t, dir, tt.line, env)
			got, err := s.Value(t.Context())
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			checkSecretError(t, err, tt.problem)
		})
	}
}

func checkSecretError(t *testing.T, err error, problem string) {
	t.Helper()
	if problem == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || !strings.Contains(e.Problem, problem) || e.Line != 7 || !strings.HasPrefix(e.Key, "imap.password_") {
		t.Errorf("got %v, want one about %q in line 7", err, problem)
	}
	if ok && strings.Contains(e.Error(), "hunter2") {
		t.Errorf("the password is printed: %v", e)
	}
}

func TestSecretOfNothing(t *testing.T) {
	if v, err := (Secret{}).Value(t.Context()); v != "" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
}

// TestSecretCommandEnds holds that neither the command outlives the context,
// nor what it started: the shell's child holds one end of a pipe we wait on.
func TestSecretCommandEnds(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	s := secretOf(t, dir, `password_command = "(echo up; exec sleep 300) > fifo & wait; echo hunter2"`, noEnv)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := s.Value(ctx)
		done <- err
	}()
	child, err := os.Open(fifo) // opens when the child has
	if err != nil {
		t.Fatal(err)
	}
	defer child.Close()
	if _, err := child.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := child.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := child.Read(make([]byte, 3)); n != 0 || err != io.EOF {
		t.Errorf("the child lives: %d, %v", n, err)
	}
}

func TestSecretCommandTalksOn(t *testing.T) {
	s := secretOf(t, t.TempDir(), `password_command = "echo hunter2; head -c 1000000 /dev/zero"`, noEnv)
	if v, err := s.Value(t.Context()); v != "hunter2" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
}

// TestSecretCommandLeavesChild holds that an agent which a command starts, and
// which keeps the pipe open, does not cost us the password.
func TestSecretCommandLeavesChild(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	s := secretOf(t, dir, `password_command = "cat fifo & echo hunter2"`, noEnv)
	if v, err := s.Value(t.Context()); v != "hunter2" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
	child, err := os.OpenFile(fifo, os.O_WRONLY, 0) // its end is the child's
	if err != nil {
		t.Fatal(err)
	}
	child.Close()
}

func TestSecretPrintsNothing(t *testing.T) {
	s := secretOf(t, t.TempDir(), `password_env = "HUNTER2"`, func(string) string { return "hunter2" })
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		if got := fmt.Sprintf(verb, s); got != "[secret]" {
			t.Errorf("%s: %s", verb, got)
		}
	}
	c, err := Parse("p.toml", []byte(minimal("", "username = \"u\"\npassword_env = \"HUNTER2\"", "", "")), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "secret", s)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c, "secret", s)
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{log.String(), string(data), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", *c), s.String(), s.GoString()} {
		if strings.Contains(strings.ToLower(text), "hunter2") || !strings.Contains(text, "[secret]") {
			t.Errorf("got %s", text)
		}
	}
}

func TestCheckSecrets(t *testing.T) {
	text := minimal("", "username = \"u\"\npassword_file = \"absent\"", "username = \"u\"\npassword_env = \"UNSET\"", "")
	c, err := Parse(filepath.Join(t.TempDir(), "p.toml"), []byte(text), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	err = c.CheckSecrets(t.Context())
	if es, ok := errors.AsType[Errors](err); !ok || len(es) != 2 || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := mustParse(t, minimal("", "", "", "")).CheckSecrets(t.Context()); err != nil {
		t.Error(err)
	}
}

package main

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodConfig = `
[support]
address = "support@acme.example"
[imap]
server = "imaps://imap.acme.example"
[smtp]
server = "smtps://smtp.acme.example"
`

// TestConfigIsWatched: a content counts when two looks see it, a bad one is
// told once and changes nothing.
func TestConfigIsWatched(t *testing.T) {
	path := filepath.Join(t.TempDir(), "postroom.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(goodConfig)
	var told bytes.Buffer
	log := slog.New(slog.NewTextHandler(&told, nil))
	c := &command{stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }, config: path}
	w := newConfigWatch(path, nil)
	w.inEffect = w.read()
	look := func(atOnce bool) string {
		if cfg := c.changed(t.Context(), log, w, atOnce); cfg != nil {
			return cfg.Support.Address
		}
		return ""
	}
	if got := look(false) + look(false); got != "" {
		t.Errorf("taken anew without an edit: %s", got)
	}

	write(goodConfig + "sevrer = 1\n")
	if got := look(false) + look(false) + look(false); got != "" {
		t.Errorf("a bad edit was taken: %s", got)
	}
	if n := strings.Count(told.String(), "refused"); n != 1 || !strings.Contains(told.String(), "sevrer") {
		t.Errorf("told %d times: %s", n, told.String())
	}
	if look(true); strings.Count(told.String(), "refused") != 2 {
		t.Error("not told again to whoever asked")
	}

	write(strings.Replace(goodConfig, "support@", "help@", 1))
	if got := look(false); got != "" {
		t.Errorf("taken at the first look, maybe half-written: %s", got)
	}
	if got := look(false); got != "help@acme.example" {
		t.Errorf("a good edit was not taken: %q", got)
	}
	if got := look(false); got != "" {
		t.Errorf("taken twice: %s", got)
	}
	write(goodConfig)
	if got := look(true); got != "support@acme.example" {
		t.Errorf("not taken at once: %q", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := look(false) + look(false); got != "" {
		t.Errorf("taken from a file that is gone: %s", got)
	}
}

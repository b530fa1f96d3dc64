package main

import (
	"bytes"
	"os"
	"testing"

	"postroom/internal/admin"
)

func TestBarLine(t *testing.T) {
	tests := []struct {
		h    admin.Progress
		want string
	}{
		{admin.Progress{}, ""},
		{admin.Progress{Done: 7, Total: 7}, ""},
		{admin.Progress{Total: 80_000}, "old mail [........................] 0 of 80000 (0 %)"},
		{admin.Progress{Done: 20_000, Total: 80_000, Rate: 7512.4, SecondsLeft: 95},
			"old mail [######..................] 20000 of 80000 (25 %), 7512/s, 1m35s left"},
	}
	for _, tt := range tests {
		if got := barLine(tt.h); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.h, got, tt.want)
		}
	}
}

// The log goes above the bar, and nothing is left of the bar in the end.
func TestBarBesideTheLog(t *testing.T) {
	var out bytes.Buffer
	b := &bar{w: &out}
	b.Write([]byte("one\n"))
	b.set("half")
	b.set("half")
	b.Write([]byte("two\n"))
	b.set("")
	b.Write([]byte("three\n"))
	if got, want := out.String(), "one\n\r\x1b[Khalf\r\x1b[Ktwo\nhalf\r\x1b[Kthree\n"; got != want {
		t.Errorf("written: %q, want %q", got, want)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if newBar(f, os.Getenv) != nil || newBar(&out, os.Getenv) != nil {
		t.Error("a bar on what is no terminal")
	}
}

package config

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden error texts anew")

// TestBroken reads every broken file and compares what a person is told.
func TestBroken(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.toml")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d broken files (%v), want 25 or more", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			c, err := Load(file)
			if err == nil {
				t.Fatalf("accepted: %+v", c)
			}
			checkErrors(t, file, err)
			got := strings.ReplaceAll(err.Error(), filepath.ToSlash(filepath.Dir(file))+"/", "") + "\n"
			golden := strings.TrimSuffix(file, ".toml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// checkErrors looks for what every refusal promises, whatever the mistake.
func checkErrors(t *testing.T, file string, err error) {
	t.Helper()
	es, ok := errors.AsType[Errors](err)
	if !ok || len(es) == 0 {
		t.Fatalf("%T %v is no list of errors", err, err)
	}
	data, _ := os.ReadFile(file)
	checkPlaces(t, es, file, data)
	for _, password := range []string{"hunter2", "48154815"} {
		if strings.Contains(err.Error(), password) {
			t.Errorf("the password is printed: %v", err)
		}
	}
}

func checkPlaces(t *testing.T, es Errors, file string, data []byte) {
	t.Helper()
	lines := bytes.Count(data, []byte("\n")) + 1
	for i, e := range es {
		switch {
		case e.File != file:
			t.Errorf("file %q, want %q", e.File, file)
		case e.Line < 1 || e.Line > lines+1 || e.Column < 1:
			t.Errorf("place %d:%d in a file of %d lines", e.Line, e.Column, lines)
		case e.Problem == "" || e.Hint == "" && e.Err == nil:
			t.Errorf("no problem or no hint: %+v", e)
		case i > 0 && e.Line < es[i-1].Line:
			t.Errorf("line %d after line %d", e.Line, es[i-1].Line)
		}
		if bad := regexp.MustCompile(`[^\PC\n]`).FindString(e.Error()); bad != "" {
			t.Errorf("%q: control or format character %q", e.Error(), bad)
		}
	}
}

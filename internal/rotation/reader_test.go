package rotation

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestReader(t *testing.T) {
	old := time.Now().Add(-time.Hour)
	write := func(t *testing.T, path, text string, at time.Time) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		change func(t *testing.T, path string)
		passes time.Duration
		want   string // "" for an error
	}{
		"nothing":                {func(*testing.T, string) {}, time.Second, "first"},
		"written over":           {func(t *testing.T, p string) { write(t, p, "other", old.Add(time.Second)) }, time.Second, "other"},
		"longer, the old time":   {func(t *testing.T, p string) { write(t, p, "longer", old) }, time.Second, "longer"},
		"the old time, long ago": {func(t *testing.T, p string) { write(t, p, "other", old) }, time.Minute, "other"},
		"replaced, the old time": {func(t *testing.T, p string) {
			write(t, p+"~", "other", old)
			if err := os.Rename(p+"~", p); err != nil {
				t.Fatal(err)
			}
		}, time.Second, "other"},
		"a link to another one": {func(t *testing.T, p string) {
			write(t, p+"~", "other", old)
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(p+"~", p); err != nil {
				t.Fatal(err)
			}
		}, time.Second, "other"},
		"removed": {func(t *testing.T, p string) {
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
		}, time.Second, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "rotation.toml")
			write(t, path, "first", old)
			now := time.Now()
			r := NewReader(func() time.Time { return now })
			if data, err := r.ReadFile(path); err != nil || string(data) != "first" {
				t.Fatalf("%q, %v", data, err)
			}
			now = now.Add(tt.passes)
			tt.change(t, path)
			data, err := r.ReadFile(path)
			if (err != nil) != (tt.want == "") || string(data) != tt.want {
				t.Errorf("%q, %v, want %q", data, err, tt.want)
			}
		})
	}
}

// A file that was changed just before it was read may be changed again within
// the same instant of its file system: it is read each time.
func TestReaderTrustsNoYoungFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rotation.toml")
	at := time.Now()
	r := NewReader(func() time.Time { return at.Add(time.Second) })
	for _, text := range []string{"one", "two"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		if data, err := r.ReadFile(path); err != nil || string(data) != text {
			t.Errorf("%q, %v, want %q", data, err, text)
		}
	}
}

// What is not changed is not read again.
func TestReaderReadsOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rotation.toml")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	r := NewReader(time.Now)
	first, err := r.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.ReadFile(path)
	if err != nil || &first[0] != &second[0] {
		t.Errorf("it was read again; %v", err)
	}
}

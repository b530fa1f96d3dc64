package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPageFault: a page that the disk does not give while the file is mapped
// is an error that names it, and no end of the process.
func TestPageFault(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	fill(t, s, 200, time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fileName)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := &pages{f: f}
	root, freelist, err := p.open()
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(p.file)
	if err := p.walk(root, freelist); err != nil {
		t.Fatalf("as it is: %v", err)
	}
	if err := os.Truncate(path, int64(2*p.size)); err != nil {
		t.Fatal(err)
	}
	if err := p.walk(root, freelist); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "page ") {
		t.Errorf("with nothing behind the mapping: %v", err)
	}
}

package store

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkOpen opens a store of -mails messages, and looks at all its pages
// alone, which is a part of that.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s := openAt(b, dir)
	fill(b, s, *benchMails, time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(dir, fileName)
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if err := openAt(b, dir).Close(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(info.Size()>>20), "file_MB")
	})
	b.Run("pages", func(b *testing.B) {
		before := processorTime()
		for b.Loop() {
			if err := checkPages(path); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric((processorTime()-before)/float64(b.N)/1e6, "cpu-ms/op")
	})
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"postroom/internal/admin"
)

const (
	barWidth  = 24 // columns
	drawEvery = 250 * time.Millisecond
	clearLine = "\r\x1b[K"
)

// bar keeps one line at the foot of a terminal that also takes the log: what
// is written goes above it. Its methods may be called from any goroutine.
type bar struct {
	mu   sync.Mutex
	w    io.Writer
	line string
}

// newBar makes a bar on w, nil where w is no terminal.
func newBar(w io.Writer, getenv func(string) string) *bar {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) || getenv("TERM") == "dumb" {
		return nil
	}
	return &bar{w: w}
}

// Write writes above the line.
func (b *bar) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.line == "" {
		return b.w.Write(p)
	}
	if _, err := io.WriteString(b.w, clearLine+string(p)+b.line); err != nil {
		return 0, err
	}
	return len(p), nil
}

// set changes the line; "" takes it away.
func (b *bar) set(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if line != b.line {
		b.line = line
		_, _ = io.WriteString(b.w, clearLine+line) // a terminal that is gone
	}
}

// follow shows how the import of old mail comes along until ctx ends.
func (b *bar) follow(ctx context.Context, progress func() admin.Progress) {
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			b.set(barLine(progress()))
		}
	}
	b.set("")
}

// barLine is the line for a progress, "" when there is none.
func barLine(h admin.Progress) string {
	if h.Done >= h.Total {
		return ""
	}
	full := barWidth * h.Done / h.Total
	line := fmt.Sprintf("old mail [%s%s] %d of %d (%d %%)", strings.Repeat("#", full), strings.Repeat(".", barWidth-full),
		h.Done, h.Total, 100*h.Done/h.Total)
	if pace := h.Pace(); pace != "" {
		line += ", " + pace
	}
	return line
}

package imapsync

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"postroom/internal/store"
)

// lading is a spool segment being filled with mail.
type lading struct {
	st  *store.Store
	seg *store.Segment // nil until something is written
	// sealed are the segments before it.
	sealed []*store.Segment
}

// write appends to the segment what r holds, if it is want octets long. An
// error of our own disk is errLocal.
func (l *lading) write(r io.Reader, want int64) (store.Ref, bool, error) {
	if l.seg == nil {
		var err error
		if l.seg, err = l.st.NewSegment(); err != nil {
			return store.Ref{}, false, fmt.Errorf("%w: %w", errLocal, err)
		}
	}
	before := l.seg.Size()
	src := &source{r: r, began: time.Now()}
	ref, err := l.seg.Append(src)
	if err != nil && src.err == nil {
		return ref, false, fmt.Errorf("%w: %w", errLocal, err)
	}
	if ref.Length == want && src.err == nil {
		return ref, true, nil
	}
	if err := l.seg.Truncate(before); err != nil {
		return ref, false, fmt.Errorf("%w: %w", errLocal, err)
	}
	if errors.Is(src.err, errDrips) {
		return ref, false, src.err
	}
	return ref, false, nil
}

// seal makes what was written durable; the next write begins a segment.
func (l *lading) seal() error {
	if l.seg == nil {
		return nil
	}
	seg := l.seg
	l.seg = nil
	if err := seg.Commit(); err != nil {
		return fmt.Errorf("%w: %w", errLocal, err)
	}
	l.sealed = append(l.sealed, seg)
	return nil
}

// discard throws away a segment that was not sealed, and of the others those
// that nothing came to refer to.
func (l *lading) discard(log *slog.Logger) {
	for _, seg := range l.sealed {
		seg.Forsake()
	}
	if l.seg == nil {
		return
	}
	if err := l.seg.Abort(); err != nil {
		log.Warn("a spool segment stays until the next start", "err", err)
	}
}

package service

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/admin"
	"postroom/internal/store"
)

// TestConfigRefused: an edit of the configuration that cannot be used degrades
// the status until it is taken back.
func TestConfigRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		b.start()
		defer b.end()
		b.wait(time.Minute)
		b.svc.ConfigRefused(errors.New("postroom.toml:3: no such thing"))
		if s, err := b.svc.Status(); err != nil || s.State != admin.Degraded || !strings.Contains(strings.Join(s.Problems, "\n"), "postroom.toml:3: no such thing") {
			t.Errorf("refused: %s %q, %v", s.State, s.Problems, err)
		}
		b.svc.ConfigRefused(nil)
		if s, err := b.svc.Status(); err != nil || s.State != admin.OK {
			t.Errorf("taken back: %s %q, %v", s.State, s.Problems, err)
		}
	})
}

// TestForeignState: what asks of a stopped service uses no state of another
// mailbox.
func TestForeignState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		b.start()
		b.wait(time.Minute)
		b.end()
		other := *b.cfg
		other.Support.Address = "help@acme.example"
		if _, err := CheckOnline(t.Context(), &other, b.seams(), time.Minute); !errors.Is(err, store.ErrForeign) {
			t.Errorf("checking: %v", err)
		}
		if _, err := ListMailbox(t.Context(), &other, b.seams(), nil); !errors.Is(err, store.ErrForeign) {
			t.Errorf("listing: %v", err)
		}
	})
}

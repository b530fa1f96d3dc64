package service

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/admin"
	"postroom/internal/mailtest"
	"postroom/internal/store"
)

const badRotation = rotationABC + "\n[[engineer]]\nnaem = \"Eve\"\n"

// TestBadRotationAtStart: without a good version there is no start; with one,
// that stays, is shown as trouble, and the admins are told, once.
func TestBadRotationAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		b.rot = badRotation
		var refused *RotationError
		if _, err := New(b.cfg, b.seams()); !errors.As(err, &refused) || !strings.Contains(err.Error(), "naem") || refused.Unwrap() == nil {
			t.Fatalf("a start with a bad file alone: %v", err)
		}
		b.rot = rotationABC
		b.start()
		b.wait(time.Minute)
		b.halt()

		b.rot = badRotation
		b.start()
		defer b.end()
		b.wait(3 * time.Hour)
		st, err := b.svc.Status()
		if err != nil || st.State != admin.Degraded || !strings.Contains(strings.Join(st.Problems, "\n"), "the rotation file: ") {
			t.Errorf("status: %+v, %v", st, err)
		}
		if got := b.inbox("ops@acme.example"); len(got) != 1 || !strings.Contains(got[0].Text, "naem") {
			t.Errorf("the admins have %d mails", len(got))
		}
		b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: "Printer", Text: "It burns.\n"})
		b.wait(time.Minute)
		if got := b.inbox("alice@acme.example"); len(got) != 1 {
			t.Errorf("with the version before, alice has %d mails", len(got))
		}
	})
}

// TestRotationLives: an edit takes effect while the service runs, one that is
// bad does not, a rollback stays over a restart until the file next changes,
// and an edit made while nothing ran is told as what it changes.
func TestRotationLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		b.start()
		b.wait(time.Minute)
		set := func(text string) {
			b.rotMu.Lock()
			b.rot = text
			b.rotMu.Unlock()
			b.svc.Reload()
			b.wait(3 * time.Hour)
		}
		version := func() (v store.RotationVersion) {
			if err := b.svc.Store().View(func(tx *store.Tx) (err error) { v, _, err = tx.LastRotation(); return err }); err != nil {
				t.Error(err)
			}
			return v
		}
		first := version()
		two := strings.Replace(rotationABC, "Bob Stone", "Bob B. Stone", 1)
		set(two)
		second := version()
		if second.Version == first.Version || len(second.Changes) == 0 || string(second.Text) != two {
			t.Errorf("the edit: %+v", second)
		}
		set(badRotation)
		if v := version(); v.Version != second.Version || !strings.Contains(strings.Join(b.svc.watch.problems(), "\n"), "naem") {
			t.Errorf("a bad edit: version %s, problems %q", v.Version, b.svc.watch.problems())
		}
		if err := b.svc.rollback(t.Context(), []byte(rotationABC), "root"); err != nil {
			t.Fatal(err)
		}
		b.wait(time.Minute)
		if v := version(); v.Version != first.Version || v.By != "root" {
			t.Errorf("rolled back to %+v", v)
		}
		b.halt()
		b.start()
		b.wait(time.Hour)
		if v := version(); v.Version != first.Version || v.By != "root" {
			t.Errorf("behind a restart: %+v", v)
		}
		set(two)
		if v := version(); v.Version != second.Version || v.By != "" {
			t.Errorf("behind the next edit: %+v", v)
		}
		b.halt()
		three := strings.Replace(two, "name = \"Carol Diaz\"", "name = \"Carol Diaz\"\nweight = 2", 1)
		b.rot = three
		b.start()
		defer b.end()
		b.wait(time.Minute)
		if v := version(); string(v.Text) != three || !strings.Contains(strings.Join(v.Changes, "\n"), "Carol Diaz") {
			t.Errorf("an edit while nothing ran: %+v", v)
		}
		if err := b.svc.rollback(context.Background(), []byte(badRotation), "root"); err == nil {
			t.Error("rolled back to a bad file")
		}
	})
}

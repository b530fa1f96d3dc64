package service

import (
	"testing"
	"time"

	"postroom/internal/store"
)

// BenchmarkSpeedAudit audits a mailbox of old mail that has been imported, and
// again after a message came that nobody read and one was forgotten.
func BenchmarkSpeedAudit(b *testing.B) {
	r := newSpeedRig(b, speedMails(3_000))
	r.seed(*speedHistory)
	svc := r.service("audit", "")
	defer r.close(svc)
	r.think(svc)
	var took time.Duration
	for range *speedRounds {
		began := time.Now()
		a, err := svc.Audit(b.Context())
		took = time.Since(began)
		if err != nil || !a.Fine() || a.UIDs != *speedHistory || a.Accounted != *speedHistory {
			b.Fatalf("%+v, %v", a, err)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(took.Seconds(), "s")
	r.seed(1)
	if a, err := svc.Audit(b.Context()); err != nil || !a.Fine() || a.Pending != 1 {
		b.Errorf("with one that was not read: %+v, %v", a, err)
	}
	if err := svc.Store().Update(func(tx *store.Tx) error {
		c, _, err := tx.Cursor("INBOX")
		if err != nil {
			return err
		}
		c.Next += 5 // as if it had been passed
		return tx.SetCursor(c)
	}); err != nil {
		b.Fatal(err)
	}
	if a, err := svc.Audit(b.Context()); err != nil || a.Fine() || len(a.Missing) != 1 {
		b.Errorf("with one that was passed and forgotten: %+v, %v", a, err)
	}
}

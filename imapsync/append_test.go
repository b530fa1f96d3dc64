package imapsync_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"

	"postroom/internal/mailtest/servers"
	"postroom/internal/store"
)

// appended queues the chore that files mail n.
func (r *rig) appended(n int) {
	r.t.Helper()
	validity := r.cursor("INBOX").UIDValidity
	r.update(func(tx *store.Tx) error {
		m := store.OutMail{ID: fmt.Sprint("out", n), MessageID: fmt.Sprintf("<m%d@customer.example>", n), Recipe: []byte{byte(n)}, Size: int64(len(raw(n)))}
		return tx.AddAppend(m, store.UID{Folder: "INBOX", Validity: validity}, time.Now())
	})
}

func TestAppendToSent(t *testing.T) {
	refused := &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeOverQuota, Text: "full"}
	for name, fault := range map[string]servers.IMAPFault{
		"fine":      {},
		"refused":   {Command: "APPEND", Reply: refused},
		"cut":       {Command: "APPEND", Cut: true},
		"cut late":  {Command: "APPEND", Cut: true, Late: true}, // it is there: the second try must find it
		"cut twice": {Command: "APPEND", Cut: true, Late: true, Times: 2},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, servers.Options{SpecialUse: true}, func(r *rig) {
				r.cfg.Render = func(_ context.Context, w io.Writer, m store.OutMail) error {
					_, err := w.Write(raw(int(m.Recipe[0])))
					return err
				}
				stop := r.run()
				defer stop()
				r.until("INBOX is caught up", time.Minute, func() bool { return r.obs.looks("INBOX") > 0 })
				if fault.Command != "" {
					r.world.FailIMAP(fault)
				}
				r.appended(1)
				r.appended(2)
				r.untilChoresDone(10 * time.Minute)
				if got := r.folder("Sent"); got != `1\Seen 2\Seen` {
					t.Errorf("Sent: %s", got)
				}
				r.add(nil, 3)
				r.untilMails(1, 5*time.Minute)
			})
		})
	}
}

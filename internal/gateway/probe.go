package gateway

import (
	"fmt"
	"strings"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// probePrefix begins the names of probes among outgoing mails.
const probePrefix = "probe."

// ProbeMail is what a probe is recognised by when it comes back.
type ProbeMail struct {
	MessageID  string
	References []string // the first is found again under whatever id the mail travels
	Address    string   // of this probe alone; "" without plus-addresses
	Bounce     string   // its reverse-path
}

// RegisterProbe makes a probe known in the store, so that it is taken for our
// own when it comes back, in whatever shape. name is another one each time.
func RegisterProbe(tx *store.Tx, key []byte, support, replyTemplate, name string) (ProbeMail, error) {
	names, minter, out := threads.NewNames(support, replyTemplate), threads.NewMinter(key), probePrefix+name
	p := ProbeMail{
		MessageID:  names.MailID(minter, out),
		References: []string{names.MailID(minter, out+".first"), names.MailID(minter, out+".second")},
		Bounce:     support,
	}
	known := threads.Known{Kind: threads.KnownNotice, OutID: out, MessageID: p.MessageID}
	for _, id := range append([]string{p.MessageID}, p.References...) {
		if err := tx.AddKnown(id, known); err != nil {
			return p, err
		}
	}
	if replyTemplate == "" {
		return p, nil
	}
	for kind, address := range map[threads.TokenKind]*string{threads.TokenCopy: &p.Address, threads.TokenBounce: &p.Bounce} {
		token := minter.Token(kind, out)
		if err := tx.AddToken(token, threads.Token{Kind: kind, OutID: out}); err != nil {
			return p, err
		}
		*address = names.Address(token)
	}
	return p, nil
}

// probe reports whether a mail is a probe come back, or a report about one.
// Nobody but the relay ever saw its addresses and ids.
func (b *batch) probe(ix *store.Index, m *threads.Mail, found threads.Found) bool {
	for _, id := range []string{found.CopyOf, found.OutID} {
		if strings.HasPrefix(id, probePrefix) {
			return true
		}
	}
	ids := append([]string{m.MessageID}, m.References...)
	if m.Bounce != nil {
		ids = append(append(ids, m.Bounce.OriginalMessageID), m.Bounce.References...)
	} else if !b.g.names.Ours(m.Sender().Addr) {
		return false
	}
	for _, id := range ids {
		for _, k := range ix.ID(id) {
			if strings.HasPrefix(k.OutID, probePrefix) {
				return true
			}
		}
	}
	return false
}

// probedTimer begins the names of the deadlines at which probes are removed
// that whoever sent them has left.
const probedTimer = "probed/"

// probeStays is how long a probe is left for its sender to find.
const probeStays = 15 * time.Minute

// removeProbe queues the chore for one of them.
func (b *batch) removeProbe(t store.Timer) error {
	uid := store.UID{Folder: b.g.cfg.Folder}
	if _, err := fmt.Sscanf(t.Name, probedTimer+"%d/%d", &uid.Validity, &uid.UID); err != nil {
		return fmt.Errorf("reading timer %q: %w", t.Name, err)
	}
	return b.tx.AddChore(store.Chore{UID: uid, Kind: store.ChoreRemove, At: b.now})
}

// probed records a probe: it is given to nobody, answered by nobody, and
// removed in the end.
func (b *batch) probed(l *letter) (*store.Outcome, error) {
	if l.uid.Folder == b.g.cfg.Folder {
		name := fmt.Sprintf("%s%d/%d", probedTimer, l.uid.Validity, l.uid.UID)
		if err := b.tx.SetTimer(store.Timer{Name: name, Due: b.now.Add(probeStays)}); err != nil {
			return nil, err
		}
	}
	b.after = append(b.after, b.g.obs.CameBack)
	return &store.Outcome{Kind: store.OutcomeOwn, Class: string(threads.ClassOwn), Note: "a probe"}, nil
}

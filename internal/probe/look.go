package probe

import (
	"bytes"
	"net/mail"
	"slices"
	"strings"
	"time"

	"postroom/imapsync"
)

// found reads what came back, and removes it.
func (p *Prober) found(box *mailbox, r *Report, a *attempt, hits []imapsync.Hit) {
	a.back = true
	if a.to != p.cfg.Support {
		r.PlusAddressing = PlusYes
	}
	if !r.CameBack {
		r.CameBack, r.Seconds = true, p.cfg.Now().Sub(a.sent).Round(time.Millisecond).Seconds()
		r.RelayWords = a.sub.Recipients[0].Reply
		r.read(a, hits[0].Header)
	}
	if filed, err := box.filed(a.mark); err == nil {
		r.FilesSent = filed
	}
	removed, err := box.remove(hits)
	if err != nil {
		p.log.Warn("a probe stays in the mailbox", "subject", subject(a.mark), "err", err)
	}
	r.Removed = removed && err == nil
}

// read compares the header block that arrived with the one that was sent.
func (r *Report) read(a *attempt, header []byte) {
	msg, err := mail.ReadMessage(bytes.NewReader(append(bytes.TrimRight(header, "\r\n"), "\r\n\r\n"...)))
	if err != nil {
		r.problem("the probe came back with a header that cannot be read: %v", err)
		return
	}
	r.MessageID, r.ArrivedAs = a.letter.MessageID, strings.TrimSpace(msg.Header.Get("Message-ID"))
	r.MessageIDKept = r.ArrivedAs == r.MessageID
	ids := strings.Fields(msg.Header.Get("References"))
	r.ReferencesKept = slices.Equal(ids, a.letter.References)
	if at := address(msg.Header.Get("Return-Path")); at != "" {
		r.EnvelopeBack = at
		r.EnvelopeKept = r.EnvelopeKept && strings.EqualFold(at, r.EnvelopeSent)
	}
	for _, sig := range msg.Header["Dkim-Signature"] {
		if d := tag(sig, "d"); d != "" && !slices.Contains(r.DKIM, d) {
			r.DKIM = append(r.DKIM, d)
		}
	}
}

// address is the one in a Return-Path (RFC 5321 §4.4); "" for none.
func address(path string) string { return strings.Trim(strings.TrimSpace(path), "<>") }

// tag reads one tag of a DKIM-Signature (RFC 6376 §3.2).
func tag(sig, name string) string {
	for part := range strings.SplitSeq(sig, ";") {
		key, value, _ := strings.Cut(part, "=")
		if strings.TrimSpace(key) == name {
			return strings.Join(strings.Fields(value), "")
		}
	}
	return ""
}

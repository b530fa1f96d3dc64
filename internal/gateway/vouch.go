package gateway

import (
	"postroom/internal/store"
	"postroom/threads"
)

// vouched judges an engineer's mail by who vouches for it, which is asked
// outside of here as it takes DNS. It reports false when the mail now waits
// for that answer.
func (b *batch) vouched(r store.InboxRecord, l *letter, a threads.Authority) (threads.Authority, bool, error) {
	if a.Engineer != "" && a.Doubt == "" && !l.msg.SoleFrom() {
		// No word of a mail with two authors counts, about a held one neither.
		a.Proven, a.Doubt, a.Reason = false, threads.WhyUnproven, "its From is not one plain address"
	}
	if !a.Proven || a.Doubt != "" {
		return a, true, nil
	}
	v := threads.Vouch{Result: threads.VouchNone}
	switch {
	case r.Mail.Vouch != nil:
		v = *r.Mail.Vouch
	case b.g.cfg.Vouch && (b.g.cfg.AuthservID != "" || l.msg.Header.Has("DKIM-Signature")):
		return a, false, b.tx.Ask(r)
	}
	key := pinnedKey(l.msg.Mail.Sender())
	var pinned pin
	if _, err := b.tx.Meta(key, &pinned); err != nil {
		return a, true, err
	}
	if v.Result == threads.VouchPass && pinned.By == "" {
		if err := b.tx.SetMeta(key, pin{By: v.By, Unix: b.now.Unix()}); err != nil {
			return a, true, err
		}
	}
	return a.Vouched(v, b.g.cfg.Demand, pinned.By != ""), true, nil
}

// pin says that mail from an address was vouched for once, and so must be.
type pin struct {
	By   string `json:"by"`
	Unix int64  `json:"unix"`
}

const pinnedPrefix = "pinned/"

func pinnedKey(a threads.Address) string { return pinnedPrefix + a.Key() }

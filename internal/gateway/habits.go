package gateway

import (
	"strings"

	"postroom/internal/store"
)

// Habits are what the mail servers were seen to do, where the configuration
// leaves it open or asks for what they do not do. The zero value says nothing.
type Habits struct {
	// FilesSent says that the provider files sent mail by itself: then no copy
	// of our own is asked for. It counts only where OwnCopyOpen allows.
	FilesSent bool
	// NoTokens says that addresses with a token do not reach the mailbox: then
	// tokens stand in Message-ID and References alone. Those that do come are
	// known all the same.
	NoTokens bool
	// Rewrites tells the id under which a mail travels from what the relay says
	// when it takes it.
	Rewrites Rewriting
}

// Rewriting is how a relay that gives mail a Message-ID of its own tells it:
// one word of its reply is the left side of the id.
type Rewriting struct {
	Word   int    // which word, counted from the last, from 1; 0 for none
	Domain string // the right side of the id
}

// ID is the id a mail travels under that the relay took with these words; ""
// when they do not tell.
func (r Rewriting) ID(words string) string {
	list := strings.Fields(words)
	if r.Word < 1 || r.Word > len(list) || r.Domain == "" {
		return ""
	}
	left := strings.Trim(list[len(list)-r.Word], "<>()[];,.")
	if left == "" || len(left) > 200 || strings.Trim(left, idLetters) != "" {
		return ""
	}
	return "<" + left + "@" + r.Domain + ">"
}

// RewritingOf finds the word of a reply that became the left side of an id.
func RewritingOf(words, id string) Rewriting {
	left, domain, ok := strings.Cut(strings.Trim(id, "<>"), "@")
	if !ok || len(left) < minIDWord {
		return Rewriting{}
	}
	for i := range strings.Fields(words) {
		r := Rewriting{Word: i + 1, Domain: domain}
		if r.ID(words) == "<"+left+"@"+domain+">" {
			return r
		}
	}
	return Rewriting{}
}

const (
	minIDWord = 6 // letters: a shorter word may be there by chance
	idLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_+=$/"
)

// Adopt makes the gateway go by h from its next batch on. It may be called at
// any time, from any goroutine.
func (g *Gateway) Adopt(h Habits) { g.adopted.Store(&h) }

// adopt takes what was last handed to Adopt.
func (g *Gateway) adopt() {
	if h := g.adopted.Load(); h != nil {
		g.habits = *h
	}
}

// ownCopy is the way our own copies come back.
func (g *Gateway) ownCopy() OwnCopy {
	if g.cfg.OwnCopy == CopyByBcc && g.cfg.OwnCopyOpen && g.habits.FilesSent {
		return CopyByRelay
	}
	return g.cfg.OwnCopy
}

// tokensArrive says that mail to an address with a token reaches us.
func (g *Gateway) tokensArrive() bool { return g.cfg.ReplyTemplate != "" && !g.habits.NoTokens }

// address is the address that carries a token, or the support address where
// such addresses lead nowhere.
func (g *Gateway) address(token string) string {
	if !g.tokensArrive() {
		return g.cfg.Support.Addr
	}
	return g.names.Address(token)
}

// travels learns the id a mail travels under from the relay's words, before
// anybody can answer it and whether or not a copy of it comes back.
func (b *batch) travels(m store.OutMail, r store.Recipient) error {
	id := b.g.habits.Rewrites.ID(r.Reply)
	if r.State != store.OutSent || id == "" || id == m.MessageID {
		return nil
	}
	for _, k := range b.tx.Index().ID(m.MessageID) {
		if k.OutID == m.ID {
			k.MessageID = m.MessageID
			return b.tx.AddKnown(id, k)
		}
	}
	return nil
}

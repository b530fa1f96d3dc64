package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

// An engineer is asked about mail in her name that she may not have written: of
// the first at once, of all others within the hour by one mail at its end. So
// somebody who uses her address can neither fill her mailbox, nor wear her out
// until she says yes to anything. A mail with a reply address of hers that counts
// no longer is most likely hers, and few others can have it: of each
// conversation the first such mail is asked about at once whatever came before.
const (
	confirmTimer = "confirm/" // with her key: the end of the hour
	confirmWait  = time.Hour
	// maxUnconfirmed is how many mails may wait for her before the admins are
	// told.
	maxUnconfirmed = 20
	// maxItems bounds the held mails one notice shows.
	maxItems = 20
)

// asking is what is kept of how an engineer is asked. A state without one is
// that of a quiet hour.
type asking struct {
	Waits bool `json:"waits"` // an hour is under way: what comes waits for its end
	Told  bool `json:"told"`  // the admins were told that many mails wait for her
}

func askingKey(engineer string) string { return "asking/" + engineer }

// gather reports whether a notice that asks an engineer to confirm a mail
// waits for the end of the hour.
func (b *batch) gather(n threads.Notify) (bool, error) {
	if n.Kind != threads.NoticeHeld || !n.Held.Confirm || n.Hold == "" {
		return false, nil
	}
	h, ok, err := b.tx.Hold(n.Hold)
	if err != nil || !ok {
		return false, err
	}
	var a asking
	if _, err := b.tx.Meta(askingKey(n.Engineer), &a); err != nil {
		return false, err
	}
	waits := a.Waits
	if waits && n.Held.Spent {
		if waits, err = b.askedHere(h); err != nil {
			return false, err
		}
	}
	h.Confirm, h.Untold, h.Spent = true, waits, n.Held.Spent
	if err := b.tx.SetHold(h); err != nil {
		return false, err
	}
	if !a.Waits {
		if err := b.tx.SetTimer(store.Timer{Name: confirmTimer + n.Engineer, Due: b.now.Add(confirmWait)}); err != nil {
			return false, err
		}
	}
	a.Waits = true
	if !a.Told {
		if a.Told, err = b.tooMany(n.Engineer); err != nil {
			return false, err
		}
	}
	return waits, b.tx.SetMeta(askingKey(n.Engineer), a)
}

// askedHere reports whether an engineer was asked already about another mail that
// is held in the same conversation for a reply address that counts no longer.
func (b *batch) askedHere(held store.Hold) (asked bool, err error) {
	err = b.tx.EachHold(func(h store.Hold) bool {
		asked = h.ID != held.ID && h.Conversation == held.Conversation && h.Asked == held.Asked && h.Spent && !h.Untold
		return !asked
	})
	return asked, err
}

// tooMany tells the admins that more mails than she can mean to have written
// wait for an engineer, if they do.
func (b *batch) tooMany(engineer string) (bool, error) {
	n, err := b.unconfirmed(engineer)
	if err != nil || n <= maxUnconfirmed {
		return false, err
	}
	name := b.nameOf(engineer)
	words := fmt.Sprintf("Many mails say they are from %s\n%d of them wait for %s to confirm them: nothing in them shows who wrote them. Nothing of them has gone out, and %s is asked at most once an hour.\n"+
		"Either a mail program of theirs loses the reply address, or somebody uses the address %s. `postroom held` lists these mails, `postroom held discard ID` throws one away.", name, n, name, name, engineer)
	return true, b.notify(threads.Conversation{}, threads.Notify{
		OutID: fmt.Sprintf("unconfirmed.%s.%d", engineer, b.now.Unix()), Kind: threads.NoticeAlarm, Reason: words,
	}, nil)
}

// unconfirmed counts the mails that wait for an engineer, to just above the bound.
func (b *batch) unconfirmed(engineer string) (n int, err error) {
	err = b.tx.EachHold(func(h store.Hold) bool {
		if h.Confirm && h.Asked == engineer {
			n++
		}
		return n <= maxUnconfirmed
	})
	return n, err
}

// confirm asks an engineer about all that came in her name since she was last
// asked, and begins another hour; when nothing did, the next one is asked about
// at once.
func (b *batch) confirm(engineer string) error {
	var a asking
	if _, err := b.tx.Meta(askingKey(engineer), &a); err != nil {
		return err
	}
	n, err := b.unconfirmed(engineer)
	if err != nil {
		return err
	}
	list, err := b.untold(engineer)
	if err != nil {
		return err
	}
	a.Told, a.Waits = a.Told && n > maxUnconfirmed, len(list) > 0
	if err := b.tx.SetMeta(askingKey(engineer), a); err != nil || !a.Waits {
		return err
	}
	if err := b.askAll(engineer, list); err != nil {
		return err
	}
	return b.tx.SetTimer(store.Timer{Name: confirmTimer + engineer, Due: b.now.Add(confirmWait)})
}

// untold are the held mails an engineer has still to be asked about, the
// oldest first.
func (b *batch) untold(engineer string) (list []store.Hold, err error) {
	err = b.tx.EachHold(func(h store.Hold) bool {
		if h.Untold && h.Asked == engineer {
			list = append(list, h)
		}
		return true
	})
	slices.SortStableFunc(list, func(x, y store.Hold) int { return cmp.Compare(x.At, y.At) })
	return list, err
}

func (b *batch) askAll(engineer string, list []store.Hold) error {
	n := threads.Notify{
		OutID: fmt.Sprintf("confirm.%s.%d", engineer, b.now.Unix()), Kind: threads.NoticeConfirm, Engineer: engineer,
		Reason: count(len(list), "mail", "mails"),
	}
	for _, h := range list {
		n.Holds = append(n.Holds, h.ID)
		h.Untold = false
		if err := b.tx.SetHold(h); err != nil {
			return err
		}
	}
	return b.notify(threads.Conversation{}, n, nil)
}

// items shows held mails to choose from: of each the sender, the first lines
// and what can be done.
func (b *batch) items(n threads.Notify) ([]message.Item, error) {
	var items []message.Item
	for _, id := range n.Holds[:min(len(n.Holds), maxItems)] {
		h, ok, err := b.tx.Hold(id)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		t := threads.Token{Kind: threads.TokenHeld, Engineer: n.Engineer, Conversation: h.Conversation, Hold: h.ID}
		token, err := b.token(t, n.Engineer, h.ID)
		if err != nil {
			return nil, err
		}
		i := message.Item{Text: h.Lines, About: fmt.Sprintf("From %s, %s, %q: %s", h.From, b.rot.Say(n.Engineer, time.Unix(h.At, 0).UTC()), oneLine(h.Subject), sentence(h.Reason))}
		actions := []action{sendIt, dropIt}
		if h.Confirm {
			actions = []action{wroteIt, notMine}
		}
		if i.Links = b.mailtos(b.g.address(token), h.Subject, actions); len(i.Links) == 0 {
			i.About += fmt.Sprintf(" Reply with /send %s or /discard %s.", h.ID, h.ID)
		}
		items = append(items, i)
	}
	if more := len(n.Holds) - maxItems; more > 0 {
		items = append(items, message.Item{About: fmt.Sprintf("And %d more, which your admins can list.", more)})
	}
	return items, nil
}

// maxLines and maxLine bound the words by which a held mail is recognised.
const (
	maxLines = 4
	maxLine  = 100 // letters
)

// firstLines is how a mail begins: enough to recognise it.
func firstLines(m *threads.Mail) string {
	var lines []string
	for l := range strings.Lines(m.NewText) {
		if l = strings.TrimSpace(l); l == "" {
			continue
		}
		if len(lines) == maxLines {
			lines = append(lines, "…")
			break
		}
		lines = append(lines, clipped(l, maxLine))
	}
	return strings.Join(lines, "\n")
}

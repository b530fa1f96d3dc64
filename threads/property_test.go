package threads

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// act is one thing that happens in the office.
type act struct {
	what string
	n    int // chooses among conversations or engineers
	d    time.Duration
	rot  *Rotation
}

// TestAnythingHappens: whatever arrives, is edited, taken, laid aside, and
// however often the service is restarted: nobody off duty is picked, turns are
// fair, no conversation is without owner, offer or recorded wait, and the same
// run has the same events.
func TestAnythingHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		first := drawRotation(rt)
		n := rapid.IntRange(1, 100).Draw(rt, "n") // left to itself a slice is short
		acts := rapid.SliceOfN(rapid.Custom(drawAct), n, n).Draw(rt, "acts")
		o, twin := newAgency(rt, first), newAgency(rt, first)
		for _, a := range acts {
			o.do(a)
			o.sound()
			if a.what != "restart" { // the twin is never restarted, and does the same
				twin.do(a)
			}
		}
		if !slices.Equal(o.log, twin.log) {
			rt.Fatalf("the same run has other events:\n%v\n%v", o.log, twin.log)
		}
	})
}

func drawAct(rt *rapid.T) act {
	a := act{
		what: rapid.SampledFrom([]string{
			"new", "new", "new", "new", "again", "again", "answer", "answer", "take", "assign", "close", "snooze", "away", "back",
			"merge", "merge", "split", "cc", "tag", "subject", "spam", "reopen", "note", "answer it by name", "tap twice",
			"machine", "machine", "dead", "edit", "pass", "pass", "pass", "restart",
		}).Draw(rt, "what"),
		n: rapid.IntRange(0, 1000).Draw(rt, "n"),
		d: time.Duration(rapid.IntRange(1, 2*24*60).Draw(rt, "minutes")) * time.Minute,
	}
	if a.what == "edit" {
		a.rot = drawRotation(rt)
	}
	return a
}

func drawRotation(rt *rapid.T) *Rotation {
	r := &Rotation{Admins: []string{"ops@acme.example"}, Location: time.UTC}
	hours := []Hours{{}, NewHours("Mon-Fri 09:00-17:00", weekdays(9*60, 17*60)), NewHours("Mon-Fri 22:00-06:00", weekdays(22*60, 30*60))}
	names := []string{"alice", "bob", "carol", "dave", "erin"}
	mask := rapid.IntRange(1, 31).Draw(rt, "engineers")
	for i, name := range names {
		if mask&(1<<i) == 0 {
			continue
		}
		e := Engineer{Key: name + "@acme.example", Name: name, Email: name + "@acme.example"}
		e.Weight = rapid.IntRange(1, 3).Draw(rt, "weight")
		e.Hours = rapid.SampledFrom(hours).Draw(rt, "hours")
		if at := rapid.IntRange(-3, 10).Draw(rt, "away"); at >= 0 {
			from := monday.Add(time.Duration(at) * 24 * time.Hour)
			e.Away = []Span{{from, from.Add(48 * time.Hour)}}
		}
		r.Engineers = append(r.Engineers, e)
	}
	r.Policy = Policy{
		Mode:             rapid.SampledFrom([]Mode{ModeAssign, ModeOffer}).Draw(rt, "mode"),
		NobodyOnDuty:     rapid.SampledFrom([]NobodyOnDuty{NobodyWait, NobodyAnyone, NobodyAdmins}).Draw(rt, "nobody"),
		KeepOwner:        rapid.SampledFrom([]KeepOwner{KeepWhilePresent, KeepNever}).Draw(rt, "keep"),
		FirstReplyWithin: 4 * time.Hour, NextReplyWithin: 6 * time.Hour,
	}
	return r
}

func weekdays(from, until int) (spans []WeekSpan) {
	for day := range 5 {
		spans = append(spans, WeekSpan{day*24*60 + from, day*24*60 + until})
	}
	return spans
}

// do does it, if it can be done.
func (o *agency) do(a act) {
	var id ID
	if len(o.convs) > 0 {
		id = o.home(ID(a.n%len(o.convs) + 1))
	}
	who := o.rot.Engineers[a.n%len(o.rot.Engineers)].Key
	switch a.what {
	case "new":
		o.writes(0)
	case "edit":
		o.rot = a.rot
		for key := range o.absent {
			if _, there := o.rot.Engineer(key); !there {
				delete(o.absent, key)
			}
		}
		o.lookAll()
	case "pass":
		o.pass(a.d)
	case "restart":
		o.restart()
	case "machine", "dead":
		absence := Absence{Cause: CauseReply, Since: o.now, Until: o.now.Add(AwayFor)}
		if a.what == "dead" {
			absence = Absence{Cause: CauseDead, Since: o.now}
		}
		if !o.rot.Last(who, o.now, o.absent.Leave()) {
			o.leave(who, absence)
		}
	default:
		if id != 0 {
			o.about(a, id, who)
		}
	}
}

// about does what is about one conversation.
func (o *agency) about(a act, id ID, who string) {
	owner := o.convs[id].Owner
	if owner == "" {
		owner = who
	}
	switch a.what {
	case "again":
		o.writes(id)
	case "answer":
		o.says(owner, id, true)
	case "take":
		o.says(who, id, false, Command{Word: "take"})
	case "assign":
		o.says(owner, id, false, Command{Word: "assign", Arg: who})
	case "close":
		o.says(owner, id, false, Command{Word: "close"})
	case "snooze":
		if o.convs[id].State == StateOpen {
			o.says(owner, id, false, Command{Word: "snooze", Arg: fmt.Sprintf("%dm", int(a.d/time.Minute))})
		}
	case "merge", "split", "cc", "tag", "subject", "spam", "reopen", "note", "answer it by name", "tap twice":
		o.orders(a, id, owner)
	case "away":
		o.says(who, id, false, Command{Word: "away", Arg: fmt.Sprintf("%dm", int(a.d/time.Minute))})
	case "back":
		o.says(who, id, false, Command{Word: "back"})
	}
}

// orders is a mail with one of the commands that name something. What cannot
// be done must be held, and change nothing else.
func (o *agency) orders(a act, id ID, owner string) {
	c := Command{Word: a.what}
	text := false
	switch a.what {
	case "merge":
		c.Arg = fmt.Sprint(a.n%(len(o.convs)+2) + 1)
	case "cc":
		c.Arg = fmt.Sprintf("ann%d@client.example", a.n%30)
	case "tag":
		c.Arg = fmt.Sprintf("t%d -t%d", a.n%7, a.n%5)
	case "subject":
		c.Arg = fmt.Sprintf("Subject %d", a.n)
	case "note":
		text = true
	case "answer it by name":
		c, text = Command{Word: "answer", Arg: "reset"}, true
	case "tap twice":
		o.says(owner, id, false, Command{Word: "close"})
		c.Word = "close"
	}
	before := o.convs[id]
	res := o.says(owner, id, text, c)
	for _, e := range res.Events {
		if _, held := e.Body.(HeldBack); held && len(res.Events) > 1 {
			o.t.Errorf("conversation %d: /%s %s was held, and more was done: %+v", id, c.Word, c.Arg, res.Events)
		}
	}
	if now := o.convs[id]; len(now.Mails) < len(before.Mails) && a.what != "split" {
		o.t.Errorf("conversation %d lost mails by /%s", id, c.Word)
	}
}

package gateway

import (
	"fmt"
	"strings"
	"testing"

	"postroom/internal/rotation"
	"postroom/internal/store"
	"postroom/threads"
)

func TestRequests(t *testing.T) {
	r, _ := waiting(t, nil)
	for _, tt := range []struct {
		verb string
		args []string
		err  string
	}{
		{VerbAssign, []string{"conversation", "x", "who", "bob"}, `"x" is no conversation number`},
		{VerbAssign, []string{"conversation", "99", "who", "bob"}, "no conversation 99"},
		{VerbAssign, []string{"conversation", "1", "who", "zoe"}, `"zoe"`},
		{VerbAssign, []string{"conversation", "1"}, "needs the name"},
		{VerbRelease, []string{"hold", "9-9"}, `"9-9"`},
		{VerbDiscard, []string{"hold", ""}, `""`},
		{"dance", nil, `"dance"`},
	} {
		if err := r.ask(tt.verb, tt.args...); err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "record") {
			t.Errorf("%s %v: %v", tt.verb, tt.args, err)
		}
	}
	if len(r.queue())+len(r.asides()) != 0 {
		t.Errorf("refused requests left something:%s", r.dump())
	}
	if err := r.ask(VerbAssign, "conversation", "1", "who", "bob"); err != nil {
		t.Fatal(err)
	}
	if cp := r.one(store.OutCopy, bob); r.conversation(1).Owner != bob || !strings.Contains(cp.raw, "It burns.") {
		t.Errorf("copy: %s", cp.raw)
	}
	if err := r.ask(VerbClose, "conversation", "1"); err != nil || r.conversation(1).State != threads.StateClosed {
		t.Errorf("closing: %v", err)
	}
}

// TestRequestThatBreaksHalfWay: nothing of it stays, and whoever asked hears
// of it.
func TestRequestThatBreaksHalfWay(t *testing.T) {
	r, _ := waiting(t, nil)
	before := r.conversation(1)
	events := len(r.events(1))
	rot := *r.g.rot
	rot.Engineers = append(rot.Engineers[:1:1], threads.Engineer{Key: bob, Name: "Bob", Email: "no address at all", Weight: 1})
	r.g.rot = &rot
	neighbour := r.put("INBOX", r.wrote(jane, "Slow network", "It crawls."))
	if err := r.ask(VerbAssign, "conversation", "1", "who", bob); err == nil {
		t.Fatal("a copy to no address was queued")
	}
	if c := r.conversation(1); c.Owner != before.Owner || len(r.events(1)) != events {
		t.Errorf("half of it stayed: %+v", c)
	}
	if o := r.outcome(neighbour); o.Kind != store.OutcomeEvent && o.Kind != store.OutcomeAside {
		t.Errorf("the mail in the same batch: %+v", o)
	}
	if len(r.g.load) == 0 || r.g.load[bob] < 0 {
		t.Errorf("load: %v", r.g.load)
	}
}

func TestRotationEdits(t *testing.T) {
	r, _ := waiting(t, nil)
	bad := store.InboxRecord{At: r.now, Rotation: &store.InRotation{Version: "b1", Error: "rotation.toml:3:1: no such key \"nmae\""}}
	r.say(bad)
	n := r.one(store.OutNotice, ops)
	if !strings.Contains(n.raw, "rotation.toml:3:1") || n.header("Auto-Submitted") == "" {
		t.Errorf("notice: %s", n.raw)
	}
	r.gone()
	r.say(bad) // the service was started anew over the same bad file
	if q := r.queue(); len(q) != 0 {
		t.Errorf("told twice of one bad version:%s", r.dump())
	}
	if r.g.rot.Version == "b1" || len(r.g.rot.Engineers) != 2 {
		t.Error("a bad version is in effect")
	}
	r.rotate(strings.Replace(twoEngineers, "Bob Stone", "Robert Stone", 1), "Bob Stone is called Robert Stone now")
	if n := r.one(store.OutNotice, ops); !strings.Contains(n.raw, "Robert") {
		t.Errorf("notice: %s", n.raw)
	}
	if e, _ := r.g.rot.Engineer(bob); e.Name != "Robert Stone" {
		t.Errorf("engineer: %+v", e)
	}
}

// TestRotationFreesWhatWaits, oldest first, and takes over from who left.
func TestRotationFreesWhatWaits(t *testing.T) {
	away := strings.ReplaceAll(twoEngineers, "[[engineer]]", "[[engineer]]\naway = [\"2026-11-01..2026-12-01\"]")
	r := newRig(t, nil)
	r.rotate(away)
	for i := range 3 {
		r.comes(r.wrote(fmt.Sprintf("c%d@client.example", i), fmt.Sprintf("Question %d", i), "Please help."))
	}
	if len(r.queue()) != 0 {
		t.Fatalf("nobody is there, but:%s", r.dump())
	}
	r.rotate(twoEngineers)
	if n := len(slicesOf(r.queue(), store.OutCopy)); n != 3 {
		t.Fatalf("%d copies:%s", n, r.dump())
	}
	if a := len(r.to(store.OutCopy, alice)); a != 2 {
		t.Errorf("%d of three went to alice", a)
	}
	r.gone()
	r.rotate(strings.Replace(twoEngineers, alice, "carol@acme.example", 1))
	for id := threads.ID(1); id <= 3; id++ {
		if c := r.conversation(id); c.Owner == alice {
			t.Errorf("conversation %d is still with somebody who left", id)
		}
	}
	if n := len(slicesOf(r.queue(), store.OutCopy)); n != 2 {
		t.Errorf("%d copies to the new owners:%s", n, r.dump())
	}
}

// TestWaitingTimer: what waits for the morning is given out in the morning,
// also when the first deadline passes in vain.
func TestWaitingTimer(t *testing.T) {
	r := newRig(t, nil)
	r.rotate(strings.ReplaceAll(twoEngineers, "[[engineer]]", "[[engineer]]\nhours = \"Mon-Fri 10:00-18:00\""))
	r.comes(r.wrote(jane, "Printer on fire", "It burns."))
	due, ok := r.g.nextTimer()
	if !ok || due.Sub(r.now) != time1 {
		t.Fatalf("next deadline: %v, %v", due, ok)
	}
	r.update(func(tx *store.Tx) error { return tx.SetTimer(store.Timer{Name: "wait/1", Due: r.now, Conversation: 1}) })
	r.think()
	if due, ok = r.g.nextTimer(); !ok || due.Sub(r.now) != time1 {
		t.Fatalf("after one in vain: %v, %v", due, ok)
	}
	r.now = due
	r.think()
	r.one(store.OutCopy, alice)
	if _, ok := r.g.nextTimer(); ok {
		t.Error("a deadline is left")
	}
}

// TestBudget: whatever feeds a loop of notices, it ends.
func TestBudget(t *testing.T) {
	r, cp := waiting(t, nil)
	told := 0
	count := func() {
		told += len(r.to(store.OutNotice, alice))
		r.gone()
	}
	for range noticesPerHour + 20 {
		r.comes(r.reply(cp, alice, "/clsoe\n\nUse water."))
		count()
	}
	if told != noticesPerHour {
		t.Errorf("%d notices in an hour, want %d", told, noticesPerHour)
	}
	if n := len(r.holds()); n != noticesPerHour+20 {
		t.Errorf("%d held: what is not told must still be kept", n)
	}
	r.now = r.now.Add(time1)
	r.comes(r.reply(cp, alice, "/clsoe\n\nUse water."))
	if count(); told != noticesPerHour+1 {
		t.Errorf("%d notices after an hour", told)
	}
}

// TestPointersSurvive: a batch that fails takes no turn, and a restart goes on
// where it stood.
func TestPointersSurvive(t *testing.T) {
	r := newRig(t, nil)
	addr, _ := r.brokenToken()
	got := map[string]int{}
	for i := range 6 {
		r.put("INBOX", r.wrote(fmt.Sprintf("c%d@client.example", i), fmt.Sprintf("Question %d", i), "Please help."))
		r.put("INBOX", r.wrote(alice, "Re: x", "It breaks.", "To: "+addr))
		if i == 3 {
			r.think()
			rot, _, err := rotation.Parse("rotation.toml", []byte(twoEngineers))
			if err != nil {
				t.Fatal(err)
			}
			if r.g, err = New(r.g.log, r.cfg, r.st, rot, r.clock, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.think()
	for _, s := range slicesOf(r.queue(), store.OutCopy) {
		got[s.To]++
	}
	if got[alice] != 3 || got[bob] != 3 || r.g.load[alice] != 3 || r.g.load[bob] != 3 {
		t.Errorf("copies %v, load %v", got, r.g.load)
	}
}

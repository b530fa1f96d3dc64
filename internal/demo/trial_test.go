package demo

import (
	"context"
	"io"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"
)

// try is one thing a newcomer does, and what everybody finds in their mailbox
// then: a name, a colon, and words of it. Nothing else may come to anybody.
type try struct {
	who   string
	to    string // words of the newest mail that is answered; "!" asks for a notice
	says  string
	finds []string
}

// tries are every command and the mistakes that are made with them. Three try
// them: who asks for more than thirty things within an hour is told that the
// answers end.
func tries() []try {
	const hers, his = "It halts.", "Paper is stuck."
	tag := func(says string, finds ...string) try { return try{"alice", hers, says, finds} }
	third := func(says string, finds ...string) try { return try{"carol", "It flickers.", says, finds} }
	return []try{
		tag("/help", "alice: /snooze 2d"),
		tag("/status", "alice: Conversation 1, open, is yours."),
		tag("/why", "alice: Alice Ng"),
		tag("/takee", "alice: did you mean /take?"),
		tag("/done", "alice: did you mean /close?"),
		tag("/take", "alice: It is yours already."),
		third("/assign bobb", `carol: nobody in the rotation is called "bobb"`),
		third("/assign", "carol: /assign needs"),
		third("/snooze soon", `carol: "soon" is no time I can read`),
		third("/snooze 2d", "carol: laid aside until"),
		third("/tag billing", "carol: It is tagged billing."),
		third("/tag", "carol: /tag needs"),
		third("/subject", "carol: /subject needs"),
		third("/cc joe", `carol: "joe" is no address`),
		third("/cc bob@acme.example", "carol: a colleague"),
		third("/merge 99", "carol: there is no conversation 99"),
		third("/merge x", "carol: is no number of a conversation"),
		third("/split", "carol: /split"),
		third("/note", "carol: /note has no text below it"),
		third("/answer hello", "carol: no answers are saved yet"),
		third("/save", "carol: /save needs a name"),
		third("/send", "carol: Nothing of yours is held back"),
		third("/reopen", "carol: It was open already."),
		tag("", "alice: kept back"),
		tag("/clos\n\nUse water.", "alice: did you mean /close?"),
		{"alice", "!did you mean /close?", "/discard", []string{"alice: thrown away"}},
		tag("Use water.\n\n/close", "alice: stands below your text"),
		tag("/note\nTheir old machine has a disk that is too small for the backup.", "alice: Your note is kept"),
		tag("It is a disk that is too small for the backup.", "alice: kept back"),
		tag("Ask bob@acme.example.", "alice: kept back"),
		tag("/save water\nHello Jane, use water.", "alice: /answer water", "jane: Hello Jane, use water."),
		tag("/answer watr", `alice: did you mean "water"?`),
		tag("/answer water", "jane: use water."),
		tag("/subject Disk\nIt is the disk.", "jane: It is the disk."),
		tag("/close", "alice: It is closed, and opens again when Jane Doe writes."),
		tag("It is closed, and still.", "jane: It is closed, and still."),
		{"bob", his, "/assign alice", []string{"alice: " + his, "bob: Alice Ng has it now."}},
		{"alice", his, "Open the lid.", []string{"mia: Open the lid."}},
		{"bob", his, "Pull it out.", []string{"bob: Alice Ng has answered meanwhile"}},
		{"bob", "!answered meanwhile", "/send", []string{"bob: on its way", "mia: Pull it out."}},
		{"bob", "!answered meanwhile", "/send", []string{"bob: not held any more"}},
		{"alice", his, "And now?", []string{"alice: Bob Okafor has answered meanwhile"}},
		{"alice", "!Bob Okafor has answered meanwhile", "/note", []string{"alice: kept as a note", "bob: And now?"}},
		{"bob", "!And now?", "A note, too.", []string{"alice: A note, too."}},
		{"bob", his, "/merge 1", []string{"alice: Merged", "bob: part of conversation 1"}},
		{"alice", hers, "/spam", []string{"alice: put away as spam"}},
		{"alice", hers, "/reopen", []string{"alice: It is open again"}},
		{"bob", "!part of conversation 1", "/away", []string{"bob: You are off duty until you write /back."}},
		{"bob", "!off duty", "/back", []string{"bob: You are back"}},
	}
}

// TestTrial tries it out as somebody who never saw it, by mail, in the world
// of the demo: nobody is left without an answer, and no customer reads what is
// not for them.
func TestTrial(t *testing.T) {
	d := open(t)
	writes := func(p *person, subject, text string, finds ...string) {
		t.Helper()
		d.tried(t, p, draft{to: mail.Address{Address: supportAddress}, subject: subject, text: text}, finds)
	}
	writes(d.cast.jane, "Backup", "It halts.", "alice: it is your turn. This is conversation 1.")
	writes(d.cast.mia, "Printer", "Paper is stuck.", "bob: it is your turn. This is conversation 2.")
	writes(d.cast.joe, "Lamp", "It flickers.", "carol: it is your turn. This is conversation 3.")
	for _, y := range tries() {
		p := d.named(y.who)
		l := p.newestWith(y.to)
		if l == nil {
			t.Fatalf("%s has no mail that says %q", y.who, y.to)
		}
		d.tried(t, p, reply(l, y.says), y.finds)
	}
}

// open is a demo whose service runs, and whose story is not told.
func open(t *testing.T) *demo {
	t.Helper()
	d := &demo{opts: Options{Dir: shortDir(t), Patience: 30 * time.Second}, say: &narrator{out: io.Discard}, cast: newCast(), ready: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	if err := d.open(ctx); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.svc.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := d.close(); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-d.ready:
	case <-time.After(d.opts.Patience):
		t.Fatal("the service is not ready")
	}
	return d
}

func (d *demo) named(first string) *person {
	i := slices.IndexFunc(d.cast.people, func(p *person) bool { return localPart(p.address) == first })
	return d.cast.people[i]
}

// newestWith is the newest mail a person has that says something, a notice
// where that begins with "!".
func (p *person) newestWith(words string) *letter {
	words, notice := strings.CutPrefix(words, "!")
	for _, l := range slices.Backward(p.got) {
		if (l.address("From").Name == "Postroom") == notice && strings.Contains(squeezed(l.text), words) {
			return l
		}
	}
	return nil
}

// tried sends a mail, waits until all that follows from it has, and compares
// what came to everybody with what should.
func (d *demo) tried(t *testing.T, p *person, m draft, finds []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d.opts.Patience)
	defer cancel()
	said, _, _ := strings.Cut(m.text, "\n\nOn ")
	id, err := d.send(ctx, p, m)
	if err == nil {
		_, err = d.heard(ctx, "received", "msgid", id)
	}
	if err == nil {
		err = d.idle(ctx)
	}
	if err != nil {
		t.Fatalf("%s says %q: %v", p.name, said, err)
	}
	for _, p := range d.cast.people {
		list, err := d.unread(p)
		if err != nil {
			t.Fatalf("%s says %q: %v", p.name, said, err)
		}
		for _, l := range list {
			p.newest, p.got = l.uid, append(p.got, l)
			i := slices.IndexFunc(finds, func(f string) bool {
				who, words, _ := strings.Cut(f, ": ")
				return who == localPart(p.address) && strings.Contains(squeezed(l.subject()+" "+l.text), words)
			})
			if i < 0 {
				t.Errorf("%q: %s did not expect %q:\n%s", said, p.name, l.subject(), l.text)
				continue
			}
			finds = slices.Delete(slices.Clone(finds), i, i+1)
			d.reads(t, p, l)
		}
	}
	if len(finds) > 0 {
		t.Errorf("%q: nobody got %q", said, finds)
	}
}

// reads looks at a mail as its reader does.
func (d *demo) reads(t *testing.T, p *person, l *letter) {
	t.Helper()
	if l.address("From").Name == "Postroom" {
		if !strings.HasPrefix(l.text, "Hello "+p.first()+",\n") || !strings.Contains(l.html, "Hello "+p.first()) {
			t.Errorf("%q does not greet %s, in plain and in HTML:\n%s", l.subject(), p.name, l.text)
		}
		for _, odd := range []string{"%!", "<nil>", "..", " ,", " .", "error"} {
			own, _, _ := strings.Cut(l.text, "\n    ")
			if strings.Contains(own, odd) {
				t.Errorf("%q reads oddly, %q stands in it:\n%s", l.subject(), odd, own)
			}
		}
	}
	if strings.HasPrefix(p.role, "customer") {
		for _, secret := range []string{":.:", "support+"} {
			if strings.Contains(l.shown(), secret) {
				t.Errorf("%s reads %q in\n%s", p.name, secret, l.shown())
			}
		}
		for _, e := range []*person{d.cast.alice, d.cast.bob, d.cast.carol} {
			if strings.Contains(l.shown(), e.address) || strings.Contains(l.shown(), e.host) {
				t.Errorf("%s reads of %s in\n%s", p.name, e.address, l.shown())
			}
		}
	}
}

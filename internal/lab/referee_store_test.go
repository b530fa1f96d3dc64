package lab

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"postroom/internal/admin"
	"postroom/internal/mailtest"
	"postroom/internal/store"
	"postroom/threads"
)

// view reads the store, or ends the test.
func (l *lab) view(f func(tx *store.Tx) error) {
	l.t.Helper()
	if err := l.svc.Store().View(f); err != nil {
		l.t.Fatal(err)
	}
}

// each hands every conversation with its events to f.
func (l *lab) each(f func(tx *store.Tx, c threads.Conversation, events []threads.Event) error) {
	l.t.Helper()
	l.view(func(tx *store.Tx) error {
		return tx.EachConversation(func(c threads.Conversation) error {
			events, err := tx.Events(c.ID)
			if err != nil {
				return err
			}
			return f(tx, c, events)
		})
	})
}

func (l *lab) refereeStore() {
	l.conversationsAreTrue()
	l.exported()
	l.owned()
	l.heldAreTold()
	l.fair()
	l.present()
	l.quiet()
	l.filed()
	l.audited()
}

// moved counts how often each true conversation changed its owner, or got a
// note: what can make an answer stale and a copy come again.
func (l *lab) moved() map[*talk]int {
	if l.moves != nil {
		return l.moves
	}
	l.moves = map[*talk]int{}
	l.each(func(tx *store.Tx, c threads.Conversation, events []threads.Event) error {
		t, n := l.trueTalk(tx, c, events), 0
		for _, e := range events {
			switch b := e.Body.(type) {
			case threads.Assigned:
				if b.From != "" {
					n++
				}
			case threads.Noted, threads.Waiting:
				n++
			}
		}
		l.moves[t] += n
		return nil
	})
	return l.moves
}

// trueTalk is the conversation that a Postroom conversation is of.
func (l *lab) trueTalk(tx *store.Tx, c threads.Conversation, events []threads.Event) *talk {
	for _, e := range events {
		if w := l.receivedMail(tx, c, e); w != nil {
			return w.talk
		}
	}
	return nil
}

func (l *lab) receivedMail(tx *store.Tx, c threads.Conversation, e threads.Event) *wrote {
	if r, ok := e.Body.(threads.Received); !ok || r.Silent {
		return nil
	}
	text, err := tx.Text(c.ID, e.N)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.wrote[firstStamp(text, "Ref: ")]
}

// heldForged is the Message-IDs of the mails that were held as forged: their
// authors are told nothing.
func (l *lab) heldForged() map[string]bool {
	if l.forged != nil {
		return l.forged
	}
	l.forged = map[string]bool{}
	l.each(func(_ *store.Tx, _ threads.Conversation, events []threads.Event) error {
		for _, e := range events {
			if h, ok := e.Body.(threads.HeldBack); ok && h.Kind == threads.WhyForged {
				l.forged[strings.Trim(h.MessageID, "<>")] = true
			}
		}
		return nil
	})
	return l.forged
}

// aliased is, by the Message-ID of a copy, the ids of mails of its conversation
// that were known to travel under another when it was made.
func (l *lab) aliased() map[string]map[string]bool {
	if l.knew != nil {
		return l.knew
	}
	l.knew = map[string]map[string]bool{}
	l.each(func(_ *store.Tx, _ threads.Conversation, events []threads.Event) error {
		known := map[string]bool{}
		for _, e := range events {
			switch b := e.Body.(type) {
			case threads.CameBack:
				known[strings.Trim(b.MessageID, "<>")] = b.Alias != ""
			case threads.Copied:
				l.knew[strings.Trim(b.MessageID, "<>")] = maps.Clone(known)
			}
		}
		return nil
	})
	return l.knew
}

// conversationsAreTrue: the mails of one true conversation are in one
// Postroom conversation, each once, and no two share one.
func (l *lab) conversationsAreTrue() {
	where := map[*talk]threads.ID{}
	times := map[string]int{}
	l.each(func(tx *store.Tx, c threads.Conversation, events []threads.Event) error {
		var of *talk
		for _, e := range events {
			w := l.receivedMail(tx, c, e)
			if w == nil {
				continue
			}
			times[w.stamp]++
			if of != nil && of != w.talk {
				l.broken(pThread, "conversation %d holds mails of two: %d and %d", c.ID, of.n, w.talk.n)
			}
			of = w.talk
			if id, ok := where[of]; ok && id != c.ID {
				l.broken(pThread, "conversation %d of %s is split: %s is in %d, the others in %d", of.n, of.customer, w.stamp, c.ID, id)
			}
			where[of] = c.ID
		}
		if of == nil {
			l.broken(pForged, "conversation %d, %q of %s, is of no mail anybody wrote", c.ID, c.Subject, c.Customer.Addr)
		}
		return nil
	})
	for _, w := range l.wrote {
		if w.kind == kindMail && w.copies > 0 && times[w.stamp] != 1 {
			l.broken(pLost, "%s of %s is recorded %d times", w.stamp, w.from, times[w.stamp])
		}
	}
	l.counts["conversations"] = len(where)
	if len(where) != len(l.talks) {
		l.broken(pThread, "%d conversations were begun, %d are there", len(l.talks), len(where))
	}
}

// exported: export says the same.
func (l *lab) exported() {
	where := map[*talk]threads.ID{}
	err := admin.Export(l.svc.Store(), func(msg admin.Message) error {
		w := l.byID[strings.Trim(msg.MessageID, "<>")]
		if w == nil && msg.AuthorsID != "" {
			w = l.byID[strings.Trim(msg.AuthorsID, "<>")]
		}
		if w == nil || w.talk == nil || w.kind == kindForged || msg.Conversation == nil {
			return nil
		}
		if id, ok := where[w.talk]; ok && id != *msg.Conversation {
			l.broken(pThread, "export: %s is in conversation %d, others of it in %d", w.stamp, *msg.Conversation, id)
		}
		where[w.talk] = *msg.Conversation
		l.counts["exported: "+string(msg.Direction)]++
		return nil
	})
	if err != nil {
		l.t.Error(err)
	}
}

// ownedNow is owned in the middle of the month.
func (l *lab) ownedNow() {
	if l.up {
		l.owned()
	}
}

// owned: every open conversation has an owner, or waits and says so.
func (l *lab) owned() {
	states := map[string]int{}
	l.each(func(_ *store.Tx, c threads.Conversation, _ []threads.Event) error {
		states["conversations that are "+string(c.State)]++
		if c.State != threads.StateOpen {
			return nil
		}
		if c.Owner == "" && !c.Waits {
			l.broken(pOwner, "conversation %d has no owner, and does not wait", c.ID)
		}
		if _, there := l.good.Engineer(c.Owner); c.Owner != "" && !there && l.settled {
			l.broken(pOwner, "conversation %d is with %s, who left", c.ID, c.Owner)
		}
		if len(c.Pending) > 0 && !c.Waits {
			l.broken(pOwner, "conversation %d has mails that nobody was sent: %v", c.ID, c.Pending)
		}
		return nil
	})
	maps.Copy(l.counts, states)
}

// heldAreTold: whoever was asked about a held mail got a notice of it.
func (l *lab) heldAreTold() {
	told := map[string]int{}
	for who, box := range l.boxes {
		seen := map[string]bool{}
		for _, f := range box {
			subject, id := f.Get("Subject"), l.id(f)
			asks := strings.HasPrefix(subject, "Not sent yet") || strings.HasPrefix(subject, "Perhaps not sent") ||
				strings.HasPrefix(subject, "Not done") || strings.HasPrefix(subject, "Did you write this?")
			warns := who == "ops@acme.example" && (strings.HasPrefix(subject, "Somebody may have") || strings.HasPrefix(subject, "Answered by a colleague?"))
			switch {
			case seen[id]:
			case asks || warns:
				told[who]++
			case strings.HasPrefix(subject, "Did you write these?"):
				told[who] += strings.Count(f.Text, "\nFrom ")
			}
			seen[id] = true
		}
	}
	asked := map[string]int{}
	kinds := map[string]int{}
	l.each(func(_ *store.Tx, _ threads.Conversation, events []threads.Event) error {
		for _, e := range events {
			if r, ok := e.Body.(threads.Refused); ok {
				asked[r.Engineer]++ // a /take, which comes back as "Not done"
			}
			h, ok := e.Body.(threads.HeldBack)
			if !ok {
				continue
			}
			kinds["held: "+string(h.Kind)]++
			if h.Asked != "" {
				asked[h.Asked]++
			}
			if h.Kind == threads.WhyForged || h.Kind == threads.WhyBorrowed {
				asked["ops@acme.example"]++
			}
		}
		return nil
	})
	maps.Copy(l.counts, kinds)
	for who, n := range asked {
		if told[who] != n {
			l.broken(pDoubt, "%s was to be asked about %d held mails, and got %d notices", who, n, told[who])
		}
	}
	ids, senders := l.heldIDs()
	for _, w := range l.wrote {
		if w.mustHold && w.kind != kindAnswer && !ids[w.messageID] && !senders[w.from] && !l.spent(w) {
			l.broken(pDoubt, "%s, a %s of %s or in her name, is not among the held", w.stamp, w.kind, w.from)
		}
	}
}

// heldIDs is the Message-IDs of all mails that were held, and the senders of
// those that belong to no conversation.
func (l *lab) heldIDs() (ids, senders map[string]bool) {
	ids, senders = map[string]bool{}, map[string]bool{}
	l.each(func(_ *store.Tx, _ threads.Conversation, events []threads.Event) error {
		for _, e := range events {
			if h, ok := e.Body.(threads.HeldBack); ok {
				ids[strings.Trim(h.MessageID, "<>")] = true
			}
		}
		return nil
	})
	for _, h := range l.held() {
		if h.Conversation == 0 {
			senders[h.From] = true
		}
	}
	return ids, senders
}

var (
	rotationLine = regexp.MustCompile(`^time=\S+ level=INFO msg=rotation version=(\S+)`)
	offDutyLine  = regexp.MustCompile(`^time=\S+ level=INFO msg=off_duty engineer=(\S+) cause=\S+ until=(\S+) `)
	onDutyLine   = regexp.MustCompile(`^time=\S+ level=INFO msg=(?:on_duty|left) engineer=(\S+)`) // who leaves the file is absent no more
	assignedLine = regexp.MustCompile(`^time=\S+ level=INFO msg=(?:assigned|copied) conv=(\d+) event=(\d+) `)
)

// shift is what was in effect at an assignment or a copy.
type shift struct {
	rot   *threads.Rotation
	leave threads.Leave
}

// shifts reads from the log which rotation was in effect at each assignment
// and copy, and who was out of office, by "conversation.event". The order of the lines
// tells: an edit and a mail are often taken in at the same instant.
func (l *lab) shifts() map[string]shift {
	at := map[string]shift{}
	var rot *threads.Rotation
	leave := threads.Leave{}
	lines := bufio.NewScanner(bytes.NewReader(l.log.Bytes()))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if hit := assignedLine.FindStringSubmatch(lines.Text()); hit != nil {
			at[hit[1]+"."+hit[2]] = shift{rot, maps.Clone(leave)}
			continue
		}
		if hit := offDutyLine.FindStringSubmatch(lines.Text()); hit != nil {
			until, err := time.Parse(time.RFC3339Nano, hit[2])
			if err != nil {
				l.broken(pFair, "%s is off duty until %v", hit[1], err)
			}
			l.counts["engineers taken off duty"]++
			leave[hit[1]] = until
			continue
		}
		if hit := onDutyLine.FindStringSubmatch(lines.Text()); hit != nil {
			delete(leave, hit[1])
			continue
		}
		hit := rotationLine.FindStringSubmatch(lines.Text())
		if hit == nil {
			continue
		}
		if rot = l.texts[hit[1]]; rot == nil {
			l.broken(pFair, "rotation %s took effect, and nobody wrote it", hit[1])
		}
	}
	return at
}

// fair: of the turns each set of candidates was given, everyone had her share
// within one cycle.
func (l *lab) fair() {
	shifts := l.shifts()
	type turn struct {
		threads.Event
		shift
	}
	var turns []turn
	l.each(func(_ *store.Tx, c threads.Conversation, events []threads.Event) error {
		for _, e := range events {
			if a, ok := e.Body.(threads.Assigned); ok {
				l.counts["assigned: "+string(a.How)]++
				if a.How == threads.HowTurn {
					turns = append(turns, turn{e, shifts[fmt.Sprintf("%d.%d", c.ID, e.N)]})
				}
			}
		}
		return nil
	})
	slices.SortStableFunc(turns, func(a, b turn) int { return a.At.Compare(b.At) })
	type set struct {
		weights map[string]int
		had     map[string]int
		n       int
	}
	sets := map[string]*set{}
	for _, e := range turns {
		rot, s := e.rot, &set{weights: map[string]int{}, had: map[string]int{}}
		if rot == nil {
			l.broken(pFair, "a turn at %v is not on the log", e.At)
			continue
		}
		name := ""
		for j := range rot.Engineers {
			eng := &rot.Engineers[j]
			if rot.Presence(eng.Key, e.At, e.leave).OnDuty {
				s.weights[eng.Key] = eng.Share()
				name += " " + eng.Key + "*" + string(rune('0'+eng.Share()))
			}
		}
		if sets[name] == nil {
			sets[name] = s
		}
		s = sets[name]
		who := e.Body.(threads.Assigned).Engineer
		if s.weights[who] == 0 {
			l.broken(pFair, "at %v it was %s's turn, but on duty were%s", e.At, who, name)
		}
		s.had[who]++
		s.n++
	}
	for name, s := range sets {
		l.counts["turns of"+name] = s.n
		sum := 0
		for _, w := range s.weights {
			sum += w
		}
		cycles := s.n / sum
		for who, w := range s.weights {
			if n := s.had[who]; n < cycles*w || n > (cycles+1)*w {
				l.broken(pFair, "unfair: of %d turns of%s, %s had %d", s.n, name, who, n)
			}
		}
	}
}

// filed: in the shared mailbox each mail of ours lies in Sent, and none
// in the inbox, where what an engineer was given is marked as seen.
func (l *lab) filed() {
	sent := map[string]int{}
	for _, f := range l.folder("support@acme.example", "Sent") {
		sent[l.original(f.Get("Message-ID"))]++
	}
	left := l.withoutCopy()
	l.counts["mails of which the relay refused our own copy"] = len(left)
	out := map[string]int{}
	for _, t := range l.world.Transactions() {
		out[mailtest.MustParse(l.t, t.Raw).Get("Message-ID")]++
	}
	for id, n := range out {
		// What went to its recipients in several transactions came back as often.
		if have := sent[id]; have > n || have == 0 && !left[id] {
			l.broken(pArchive, "%s, sent %d times, lies in Sent %d times", id, n, have)
		}
	}
	list, err := l.world.Messages("support@acme.example", "INBOX")
	if err != nil {
		l.t.Fatal(err)
	}
	var unseen []string
	for _, msg := range list {
		p := mailtest.MustParse(l.t, msg.Raw)
		if p.Addresses("From")[0] == "support@acme.example" {
			l.broken(pArchive, "%s of ours lies in the inbox", p.Get("Message-ID"))
		}
		w := l.wrote[firstStamp(p.Text, "Ref: ")]
		if w != nil && w.kind == kindMail && w.copies == 1 && p.Addresses("From")[0] == w.from && !slices.Contains(msg.Flags, "\\Seen") {
			unseen = append(unseen, w.stamp)
		}
	}
	// What was still to be marked under an old UIDVALIDITY is forgotten.
	l.counts["given to an engineer, and not marked as seen"] = len(unseen)
	if len(unseen) > 4*l.counts["changes of UIDVALIDITY"] {
		l.broken(pArchive, "with an engineer, and not marked as seen: %v", unseen)
	}
}

var jobLine = regexp.MustCompile(` msg=(queued|attempt) job=(\S+) (?:.*msgid=(\S+)|.*state="(own copy refused)")`)

// withoutCopy is the Message-IDs of mails that went out although the relay
// would not take our own copy.
func (l *lab) withoutCopy() map[string]bool {
	if l.uncopied != nil {
		return l.uncopied
	}
	jobs, refused := map[string]string{}, map[string]bool{}
	for line := range bytes.Lines(l.log.Bytes()) {
		switch hit := jobLine.FindSubmatch(line); {
		case hit == nil:
		case string(hit[1]) == "queued":
			jobs[string(hit[2])] = string(hit[3])
		case len(hit[4]) > 0:
			refused[string(hit[2])] = true
		}
	}
	l.uncopied = map[string]bool{}
	for job := range refused {
		l.uncopied[jobs[job]] = true
	}
	return l.uncopied
}

// quiet: nothing is left on its way, but for answers whose authors have been
// asked whether to send them again and have not said so.
func (l *lab) quiet() {
	l.view(func(tx *store.Tx) error {
		holds, err := tx.Holds()
		if err != nil {
			return err
		}
		if err := tx.EachOut(func(o store.OutMail) error {
			asked := slices.ContainsFunc(holds, func(h store.Hold) bool { return h.OutID == o.ID })
			if o.State == store.OutStopped && asked {
				return nil
			}
			l.broken(pLost, "the outbox still holds %s, %s, %s to %v", o.ID, o.Kind, o.State, o.Recipients)
			return nil
		}); err != nil {
			return err
		}
		inbox, err := tx.Inbox(1000)
		if err != nil {
			return err
		}
		parked, err := tx.Parked()
		if err != nil {
			return err
		}
		asides, err := tx.Asides()
		if err != nil {
			return err
		}
		for _, a := range asides {
			l.broken(pLost, "set aside: %+v", a)
		}
		chores, err := tx.Chores(1000)
		if len(inbox)+len(parked)+len(chores) > 0 {
			l.broken(pLost, "left: %d in the inbox, %d parked, %d chores: %+v", len(inbox), len(parked), len(chores), chores)
		}
		return err
	})
	st, err := l.svc.Status()
	if err != nil || st.State != "ok" {
		l.broken(pOwner, "status: %+v, %v", st, err)
	}
}

// audited: the ledger accounts for every mail of the mailbox.
func (l *lab) audited() {
	a, err := l.svc.Audit(l.t.Context())
	if err != nil {
		l.t.Error(err)
		return
	}
	l.counts["UIDs audited"] = a.UIDs
	if !a.Fine() || a.Accounted != a.UIDs || a.Pending > 0 {
		l.broken(pLost, "audit: %+v", a)
	}
}

package service

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
func (m *month) view(f func(tx *store.Tx) error) {
	m.t.Helper()
	if err := m.svc.Store().View(f); err != nil {
		m.t.Fatal(err)
	}
}

// each hands every conversation with its events to f.
func (m *month) each(f func(tx *store.Tx, c threads.Conversation, events []threads.Event) error) {
	m.t.Helper()
	m.view(func(tx *store.Tx) error {
		return tx.EachConversation(func(c threads.Conversation) error {
			events, err := tx.Events(c.ID)
			if err != nil {
				return err
			}
			return f(tx, c, events)
		})
	})
}

func (m *month) refereeStore() {
	m.conversationsAreTrue()
	m.exported()
	m.owned()
	m.heldAreTold()
	m.fair()
	m.quiet()
	m.filed()
	m.audited()
}

// moved counts how often each true conversation changed its owner, or got a
// note: what can make an answer stale and a copy come again.
func (m *month) moved() map[*talk]int {
	if m.moves != nil {
		return m.moves
	}
	m.moves = map[*talk]int{}
	m.each(func(tx *store.Tx, c threads.Conversation, events []threads.Event) error {
		t, n := m.trueTalk(tx, c, events), 0
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
		m.moves[t] += n
		return nil
	})
	return m.moves
}

// trueTalk is the conversation that a Postroom conversation is of.
func (m *month) trueTalk(tx *store.Tx, c threads.Conversation, events []threads.Event) *talk {
	for _, e := range events {
		if w := m.receivedMail(tx, c, e); w != nil {
			return w.talk
		}
	}
	return nil
}

func (m *month) receivedMail(tx *store.Tx, c threads.Conversation, e threads.Event) *wrote {
	if r, ok := e.Body.(threads.Received); !ok || r.Silent {
		return nil
	}
	text, err := tx.Text(c.ID, e.N)
	if err != nil {
		m.t.Fatal(err)
	}
	return m.wrote[firstStamp(text, "Ref: ")]
}

// heldForged is the Message-IDs of the mails that were held as forged: their
// authors are told nothing.
func (m *month) heldForged() map[string]bool {
	if m.forged != nil {
		return m.forged
	}
	m.forged = map[string]bool{}
	m.each(func(_ *store.Tx, _ threads.Conversation, events []threads.Event) error {
		for _, e := range events {
			if h, ok := e.Body.(threads.HeldBack); ok && h.Kind == threads.WhyForged {
				m.forged[strings.Trim(h.MessageID, "<>")] = true
			}
		}
		return nil
	})
	return m.forged
}

// conversationsAreTrue: the mails of one true conversation are in one
// Postroom conversation, each once, and no two share one.
func (m *month) conversationsAreTrue() {
	where := map[*talk]threads.ID{}
	times := map[string]int{}
	m.each(func(tx *store.Tx, c threads.Conversation, events []threads.Event) error {
		var of *talk
		for _, e := range events {
			w := m.receivedMail(tx, c, e)
			if w == nil {
				continue
			}
			times[w.stamp]++
			if of != nil && of != w.talk {
				m.t.Errorf("conversation %d holds mails of two: %d and %d", c.ID, of.n, w.talk.n)
			}
			of = w.talk
			if id, ok := where[of]; ok && id != c.ID {
				m.t.Errorf("conversation %d of %s is split: %s is in %d, the others in %d", of.n, of.customer, w.stamp, c.ID, id)
			}
			where[of] = c.ID
		}
		if of == nil {
			m.t.Errorf("conversation %d, %q of %s, is of no mail anybody wrote", c.ID, c.Subject, c.Customer.Addr)
		}
		return nil
	})
	for _, w := range m.wrote {
		if w.kind == kindMail && times[w.stamp] != 1 {
			m.t.Errorf("%s of %s is recorded %d times", w.stamp, w.from, times[w.stamp])
		}
	}
	m.counts["conversations"] = len(where)
	if len(where) != len(m.talks) {
		m.t.Errorf("%d conversations were begun, %d are there", len(m.talks), len(where))
	}
}

// exported: export says the same.
func (m *month) exported() {
	where := map[*talk]threads.ID{}
	err := admin.Export(m.svc.Store(), func(msg admin.Message) error {
		w := m.byID[strings.Trim(msg.MessageID, "<>")]
		if w == nil && msg.AuthorsID != "" {
			w = m.byID[strings.Trim(msg.AuthorsID, "<>")]
		}
		if w == nil || w.talk == nil || w.kind == kindForged || msg.Conversation == nil {
			return nil
		}
		if id, ok := where[w.talk]; ok && id != *msg.Conversation {
			m.t.Errorf("export: %s is in conversation %d, others of it in %d", w.stamp, *msg.Conversation, id)
		}
		where[w.talk] = *msg.Conversation
		m.counts["exported: "+string(msg.Direction)]++
		return nil
	})
	if err != nil {
		m.t.Error(err)
	}
}

// ownedNow is owned in the middle of the month.
func (m *month) ownedNow() {
	if m.up {
		m.owned()
	}
}

// owned: every open conversation has an owner, or waits and says so.
func (m *month) owned() {
	states := map[string]int{}
	m.each(func(_ *store.Tx, c threads.Conversation, _ []threads.Event) error {
		states["conversations that are "+string(c.State)]++
		if c.State != threads.StateOpen {
			return nil
		}
		if c.Owner == "" && !c.Waits {
			m.t.Errorf("conversation %d has no owner, and does not wait", c.ID)
		}
		if len(c.Pending) > 0 && !c.Waits {
			m.t.Errorf("conversation %d has mails that nobody was sent: %v", c.ID, c.Pending)
		}
		return nil
	})
	maps.Copy(m.counts, states)
}

// heldAreTold: whoever was asked about a held mail got a notice of it.
func (m *month) heldAreTold() {
	told := map[string]int{}
	for who, box := range m.boxes {
		seen := map[string]bool{}
		for _, f := range box {
			subject, id := f.Get("Subject"), f.Get("Message-ID")
			asks := strings.HasPrefix(subject, "Not sent yet") || strings.HasPrefix(subject, "Perhaps not sent")
			warns := who == "ops@acme.example" && strings.HasPrefix(subject, "Somebody may have")
			if (asks || warns) && !seen[id] {
				told[who]++
			}
			seen[id] = true
		}
	}
	asked := map[string]int{}
	kinds := map[string]int{}
	m.each(func(_ *store.Tx, _ threads.Conversation, events []threads.Event) error {
		for _, e := range events {
			h, ok := e.Body.(threads.HeldBack)
			if !ok {
				continue
			}
			kinds["held: "+string(h.Kind)]++
			if h.Asked != "" {
				asked[h.Asked]++
			}
			if h.Kind == threads.WhyForged {
				asked["ops@acme.example"]++
			}
		}
		return nil
	})
	maps.Copy(m.counts, kinds)
	for who, n := range asked {
		if told[who] != n {
			m.t.Errorf("%s was to be asked about %d held mails, and got %d notices", who, n, told[who])
		}
	}
	ids, senders := m.heldIDs()
	for _, w := range m.wrote {
		if w.mustHold && w.kind == kindForged && !ids[w.messageID] && !senders[w.from] {
			m.t.Errorf("%s, in the name of %s, is not among the held", w.stamp, w.from)
		}
	}
}

// heldIDs is the Message-IDs of all mails that were held, and the senders of
// those that belong to no conversation.
func (m *month) heldIDs() (ids, senders map[string]bool) {
	ids, senders = map[string]bool{}, map[string]bool{}
	m.each(func(_ *store.Tx, _ threads.Conversation, events []threads.Event) error {
		for _, e := range events {
			if h, ok := e.Body.(threads.HeldBack); ok {
				ids[strings.Trim(h.MessageID, "<>")] = true
			}
		}
		return nil
	})
	for _, h := range m.held() {
		if h.Conversation == 0 {
			senders[h.From] = true
		}
	}
	return ids, senders
}

var (
	rotationLine = regexp.MustCompile(`^time=\S+ level=INFO msg=rotation version=(\S+)`)
	offDutyLine  = regexp.MustCompile(`^time=\S+ level=INFO msg=off_duty engineer=(\S+) cause=\S+ until=(\S+) `)
	onDutyLine   = regexp.MustCompile(`^time=\S+ level=INFO msg=on_duty engineer=(\S+) `)
	assignedLine = regexp.MustCompile(`^time=\S+ level=INFO msg=assigned conv=(\d+) event=(\d+) `)
)

// shift is what was in effect at an assignment.
type shift struct {
	rot   *threads.Rotation
	leave threads.Leave
}

// shifts reads from the log which rotation was in effect at each assignment,
// and who was out of office, by "conversation.event". The order of the lines
// tells: an edit and a mail are often taken in at the same instant.
func (m *month) shifts() map[string]shift {
	at := map[string]shift{}
	var rot *threads.Rotation
	leave := threads.Leave{}
	lines := bufio.NewScanner(bytes.NewReader(m.log.Bytes()))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if hit := assignedLine.FindStringSubmatch(lines.Text()); hit != nil {
			at[hit[1]+"."+hit[2]] = shift{rot, maps.Clone(leave)}
			continue
		}
		if hit := offDutyLine.FindStringSubmatch(lines.Text()); hit != nil {
			until, err := time.Parse(time.RFC3339Nano, hit[2])
			if err != nil {
				m.t.Errorf("%s is off duty until %v", hit[1], err)
			}
			m.counts["engineers taken off duty"]++
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
		if rot = m.texts[hit[1]]; rot == nil {
			m.t.Errorf("rotation %s took effect, and nobody wrote it", hit[1])
		}
	}
	return at
}

// fair: of the turns each set of candidates was given, everyone had her share
// within one cycle.
func (m *month) fair() {
	shifts := m.shifts()
	type turn struct {
		threads.Event
		shift
	}
	var turns []turn
	m.each(func(_ *store.Tx, c threads.Conversation, events []threads.Event) error {
		for _, e := range events {
			if a, ok := e.Body.(threads.Assigned); ok {
				m.counts["assigned: "+string(a.How)]++
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
			m.t.Errorf("a turn at %v is not on the log", e.At)
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
			m.t.Errorf("at %v it was %s's turn, but on duty were%s", e.At, who, name)
		}
		s.had[who]++
		s.n++
	}
	for name, s := range sets {
		m.counts["turns of"+name] = s.n
		sum := 0
		for _, w := range s.weights {
			sum += w
		}
		cycles := s.n / sum
		for who, w := range s.weights {
			if n := s.had[who]; n < cycles*w || n > (cycles+1)*w {
				m.t.Errorf("unfair: of %d turns of%s, %s had %d", s.n, name, who, n)
			}
		}
	}
}

// filed: in the shared mailbox each mail of ours lies in Sent, and none
// in the inbox, where what an engineer was given is marked as seen.
func (m *month) filed() {
	sent := map[string]int{}
	for _, f := range m.folder("support@acme.example", "Sent") {
		sent[f.Get("Message-ID")]++
	}
	left := m.withoutCopy()
	m.counts["mails of which the relay refused our own copy"] = len(left)
	out := map[string]int{}
	for _, t := range m.world.Transactions() {
		out[mailtest.MustParse(m.t, t.Raw).Get("Message-ID")]++
	}
	for id, n := range out {
		// What went to its recipients in several transactions came back as often.
		if have := sent[id]; have > n || have == 0 && !left[id] {
			m.t.Errorf("%s, sent %d times, lies in Sent %d times", id, n, have)
		}
	}
	list, err := m.world.Messages("support@acme.example", "INBOX")
	if err != nil {
		m.t.Fatal(err)
	}
	var unseen []string
	for _, msg := range list {
		p := mailtest.MustParse(m.t, msg.Raw)
		if p.Addresses("From")[0] == "support@acme.example" {
			m.t.Errorf("%s of ours lies in the inbox", p.Get("Message-ID"))
		}
		w := m.wrote[firstStamp(p.Text, "Ref: ")]
		if w != nil && w.kind == kindMail && w.copies == 1 && p.Addresses("From")[0] == w.from && !slices.Contains(msg.Flags, "\\Seen") {
			unseen = append(unseen, w.stamp)
		}
	}
	// What was still to be marked under an old UIDVALIDITY is forgotten.
	m.counts["given to an engineer, and not marked as seen"] = len(unseen)
	if len(unseen) > 4*m.counts["changes of UIDVALIDITY"] {
		m.t.Errorf("with an engineer, and not marked as seen: %v", unseen)
	}
}

var jobLine = regexp.MustCompile(` msg=(queued|attempt) job=(\S+) (?:.*msgid=(\S+)|.*state="(own copy refused)")`)

// withoutCopy is the Message-IDs of mails that went out although the relay
// would not take our own copy.
func (m *month) withoutCopy() map[string]bool {
	jobs, refused := map[string]string{}, map[string]bool{}
	for line := range bytes.Lines(m.log.Bytes()) {
		switch hit := jobLine.FindSubmatch(line); {
		case hit == nil:
		case string(hit[1]) == "queued":
			jobs[string(hit[2])] = string(hit[3])
		case len(hit[4]) > 0:
			refused[string(hit[2])] = true
		}
	}
	ids := map[string]bool{}
	for job := range refused {
		ids[jobs[job]] = true
	}
	return ids
}

// quiet: nothing is left on its way, but for answers whose authors have been
// asked whether to send them again and have not said so.
func (m *month) quiet() {
	m.view(func(tx *store.Tx) error {
		holds, err := tx.Holds()
		if err != nil {
			return err
		}
		if err := tx.EachOut(func(o store.OutMail) error {
			asked := slices.ContainsFunc(holds, func(h store.Hold) bool { return h.OutID == o.ID })
			if o.State == store.OutStopped && asked {
				return nil
			}
			m.t.Errorf("the outbox still holds %s, %s, %s to %v", o.ID, o.Kind, o.State, o.Recipients)
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
			m.t.Errorf("set aside: %+v", a)
		}
		chores, err := tx.Chores(1000)
		if len(inbox)+len(parked)+len(chores) > 0 {
			m.t.Errorf("left: %d in the inbox, %d parked, %d chores: %+v", len(inbox), len(parked), len(chores), chores)
		}
		return err
	})
	st, err := m.svc.Status()
	if err != nil || st.State != "ok" {
		m.t.Errorf("status: %+v, %v", st, err)
	}
}

// audited: the ledger accounts for every mail of the mailbox.
func (m *month) audited() {
	a, err := m.svc.Audit(m.t.Context())
	if err != nil {
		m.t.Error(err)
		return
	}
	m.counts["UIDs audited"] = a.UIDs
	if !a.Fine() || a.Accounted != a.UIDs || a.Pending > 0 {
		m.t.Errorf("audit: %+v", a)
	}
}

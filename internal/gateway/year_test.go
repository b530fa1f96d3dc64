package gateway

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/message"
	"postroom/internal/rotation"
	"postroom/internal/store"
	"postroom/threads"
)

var (
	yearSeed = flag.Uint64("year.seed", 0, "seed of the simulated year; 0 is a random one, which is printed")
	yearDays = flag.Int("year.days", 365, "simulated days")
	yearMail = flag.Int("year.mail", 1, "new conversations a working day")
)

// TestYear runs the gateway over its real store through a year: 40 engineers
// in three zones whose clocks change on different days, holidays from a
// calendar file, the rotation edited every week, engineers who fall ill, take,
// lay aside, forget and leave. After every day what must hold is looked at.
func TestYear(t *testing.T) {
	seed := *yearSeed
	if seed == 0 {
		seed = mathrand.Uint64()
	}
	days := *yearDays
	if testing.Short() {
		days = min(days, 40)
	}
	t.Logf("again with: go test ./internal/gateway -run TestYear -year.seed=%d -year.days=%d -year.mail=%d", seed, days, *yearMail)
	synctest.Test(t, func(t *testing.T) {
		y := newYear(t, seed)
		y.run(days)
		for _, k := range []string{"opened", "assigned: turn", "assigned: handed", "assigned: kept", "assigned: taken", "waiting", "reminded", "overdue", "snoozed",
			"woken", "off_duty", "answers", "edits", "leavers", "restarts"} {
			t.Logf("%6d %s", y.counts[k], k)
			if days >= 365 && *yearMail >= 3 && y.counts[k] == 0 {
				t.Errorf("it never happened: %s", k)
			}
		}
	})
}

// year is a gateway that runs, and everybody around it.
type year struct {
	*rig
	rng    *mathrand.Rand
	cancel context.CancelFunc
	done   chan error
	staff  []person
	next   int // number of the next newcomer
	todo   []plan
	log    []line
	counts map[string]int
	sets   map[string]*turns
	picks  int
}

// The hours people have.
const (
	dayShift   = "Mon-Fri 09:00-17:00"
	nightShift = "Mon-Fri 22:00-06:00"
	longShift  = "Mon-Thu 08:00-18:00, Sat 10:00-14:00"
)

// person is one engineer of the file.
type person struct {
	name, zone, hours, away string
	weight                  int
}

func (p person) email() string { return strings.ToLower(p.name) + "@acme.example" }

// turns is what a set of candidates had.
type turns struct {
	weights, had map[string]int
	n, used      int
}

func newYear(t *testing.T, seed uint64) *year {
	y := &year{
		rig: unopened(t), rng: mathrand.New(mathrand.NewPCG(seed, seed)), counts: map[string]int{}, sets: map[string]*turns{},
	}
	y.now = time.Now()
	y.open(memoryDir(t), slog.New(witness{slog.DiscardHandler, &y.log}), time.Now)
	for range 40 {
		y.hire()
	}
	y.start()
	y.edit()
	return y
}

func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "postroom-year-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func (y *year) hire() {
	zones := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"}
	y.next++
	y.staff = append(y.staff, person{
		name: fmt.Sprintf("Eng%d", y.next), zone: zones[y.next%3], weight: 1 + y.rng.IntN(3),
		hours: []string{dayShift, nightShift, longShift}[y.next%7%3],
	})
}

// holidays is a calendar of recurring events and of one that moves.
const holidays = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Acme//EN\r\n" +
	"BEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:19990101T000000Z\r\nDTSTART;VALUE=DATE:19990101\r\nDTEND;VALUE=DATE:19990102\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:New Year\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:2\r\nDTSTAMP:19990101T000000Z\r\nDTSTART;VALUE=DATE:19981224\r\nDTEND;VALUE=DATE:19981227\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:Christmas\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:3\r\nDTSTAMP:19990101T000000Z\r\nDTSTART;VALUE=DATE:19990104\r\nDTEND;VALUE=DATE:19990105\r\nRRULE:FREQ=MONTHLY;BYDAY=1MO\r\nSUMMARY:Team day\r\nEND:VEVENT\r\n" +
	"END:VCALENDAR\r\n"

// edit writes the rotation file anew and puts it into effect.
func (y *year) edit() {
	y.t.Helper()
	var b strings.Builder
	b.WriteString("timezone = \"UTC\"\nadmins = [\"ops@acme.example\"]\n")
	for _, p := range y.staff {
		fmt.Fprintf(&b, "[[engineer]]\nname = %q\nemail = %q\nweight = %d\nhours = %q\ntimezone = %q\ncalendar = \"holidays.ics\"\n", p.name, p.email(), p.weight, p.hours, p.zone)
		if p.away != "" {
			fmt.Fprintf(&b, "away = [%q]\n", p.away)
		}
	}
	b.WriteString("[policy]\nfirst_reply_within = \"4h\"\nnext_reply_within = \"8h\"\n")
	text := []byte(b.String())
	rot, _, err := rotation.Source{
		Name: "rotation.toml", Text: text, Now: y.now,
		Calendar: func(string) ([]byte, error) { return []byte(holidays), nil },
	}.Parse()
	if err != nil {
		y.t.Fatal(err)
	}
	v := store.RotationVersion{Version: rot.Version, Text: text, Calendar: map[string][]threads.Span{}}
	for _, e := range rot.Engineers {
		v.Calendar[e.Key] = e.Calendar
	}
	y.counts["edits"]++
	y.update(func(tx *store.Tx) error {
		if err := tx.AddRotation(v); err != nil {
			return err
		}
		return tx.AddInbox(store.InboxRecord{At: y.now, Rotation: &store.InRotation{Version: rot.Version}})
	})
	y.settled()
}

func (y *year) start() {
	ctx, cancel := context.WithCancel(context.Background())
	y.cancel, y.done = cancel, make(chan error, 1)
	go func() { y.done <- y.g.Run(ctx) }()
	y.settled()
}

func (y *year) stop() {
	y.t.Helper()
	y.cancel()
	if err := <-y.done; err != nil {
		y.t.Errorf("the gateway ended with %v", err)
	}
}

// again is a new gateway over the same store.
func (y *year) again() {
	y.t.Helper()
	y.stop()
	g, err := New(slog.New(witness{slog.DiscardHandler, &y.log}), y.cfg, y.st, y.g.rot, time.Now, y)
	if err != nil {
		y.t.Fatal(err)
	}
	y.g = g
	y.counts["restarts"]++
	y.start()
}

// witness is the log of the gateway: what happened, in its order.
type witness struct {
	slog.Handler
	lines *[]line
}

type line struct {
	at       time.Time
	what     string
	conv     uint64
	engineer string
	how      string
}

func (w witness) Enabled(context.Context, slog.Level) bool { return true }
func (w witness) WithAttrs([]slog.Attr) slog.Handler       { return w }

func (w witness) Handle(_ context.Context, r slog.Record) error {
	l := line{at: r.Time, what: r.Message}
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "conv":
			l.conv, _ = strconv.ParseUint(fmt.Sprint(a.Value.Any()), 10, 64)
		case "engineer":
			l.engineer = a.Value.String()
		case "how":
			l.how = fmt.Sprint(a.Value.Any())
		}
		return true
	})
	*w.lines = append(*w.lines, l)
	return nil
}

// settled lets the gateway finish what it has, takes the mail it queued, and
// judges what it did.
func (y *year) settled() {
	y.t.Helper()
	for {
		synctest.Wait()
		y.now = time.Now()
		y.judge()
		var queued []string
		y.view(func(tx *store.Tx) error {
			return tx.EachOut(func(m store.OutMail) error {
				if m.State == store.OutQueued {
					queued = append(queued, m.ID)
				}
				return nil
			})
		})
		if len(queued) == 0 {
			return
		}
		for _, id := range queued {
			y.sendOut(id)
		}
	}
}

// sendOut delivers a queued mail, and has its recipient react.
func (y *year) sendOut(id string) {
	y.t.Helper()
	var m store.OutMail
	y.view(func(tx *store.Tx) (err error) { m, _, err = tx.Out(id); return err })
	raw := y.render(m)
	s := sent{m, message.Read(strings.NewReader(raw)), raw}
	y.attempt(id, func(m *store.OutMail) []store.Recipient {
		m.State = store.OutDone
		for i := range m.Recipients {
			m.Recipients[i].State = store.OutSent
		}
		return m.Recipients
	})
	switch m.Kind {
	case store.OutCopy:
		y.got(s)
	case store.OutAnswer:
		y.counts["answers"]++
		if y.chance(40) {
			y.after(y.around(20*time.Hour), func() {
				y.put("INBOX", y.wrote(m.Recipients[0].Address, "Re: "+s.Mail.Subject, "It still burns.", "In-Reply-To: "+m.MessageID))
			})
		}
	}
}

// got is an engineer with a customer's mail before her.
func (y *year) got(s sent) {
	says := func(d time.Duration, text string, fields ...string) {
		y.after(d, func() {
			if y.employed(s.To) {
				y.put("INBOX", y.reply(s, s.To, text, fields...))
			}
		})
	}
	switch x := y.rng.IntN(100); {
	case x < 66:
		says(y.around(time.Hour), "Use water.")
	case x < 72:
		says(y.around(time.Hour), "Use water.")
		says(8*time.Hour, "/close")
	case x < 76:
		says(y.around(time.Hour), "/snooze 3d")
	case x < 79:
		says(y.around(time.Hour), "/assign "+y.staff[y.rng.IntN(len(y.staff))].email())
	case x < 82:
		says(time.Second, "I am at the sea.", "Auto-Submitted: auto-replied", "To: "+s.EnvelopeFrom)
	case x < 84:
		says(y.around(time.Hour), "/away 2d")
	}
}

func (y *year) employed(key string) bool {
	return slices.ContainsFunc(y.staff, func(p person) bool { return p.email() == key })
}

func (y *year) chance(percent int) bool { return y.rng.IntN(100) < percent }

func (y *year) around(mean time.Duration) time.Duration {
	return time.Duration(y.rng.ExpFloat64()*float64(mean)) + time.Second
}

// after puts something on the agenda.
func (y *year) after(d time.Duration, f func()) {
	at := time.Now().Add(d)
	i, _ := slices.BinarySearchFunc(y.todo, at, func(e plan, at time.Time) int {
		if e.at.After(at) {
			return 1
		}
		return -1
	})
	y.todo = slices.Insert(y.todo, i, plan{at, f})
}

type plan struct {
	at time.Time
	f  func()
}

func (y *year) run(days int) {
	y.t.Helper()
	for day := range days {
		if y.chance(70) {
			for range *yearMail {
				y.after(time.Duration(y.rng.Int64N(int64(24*time.Hour))), func() {
					y.put("INBOX", y.wrote(fmt.Sprintf("c%d@client.example", y.ids), fmt.Sprintf("Printer %d on fire", y.ids), "It burns."))
				})
			}
		}
		if day%7 == 3 {
			y.after(10*time.Hour, y.week)
		}
		if day%11 == 5 {
			y.after(y.around(10*time.Hour), y.again)
		}
		end := time.Now().Add(24 * time.Hour)
		for len(y.todo) > 0 && y.todo[0].at.Before(end) {
			next := y.todo[0]
			y.todo = y.todo[1:]
			y.sleep(next.at)
			next.f()
			y.settled()
		}
		y.sleep(end)
		y.settled()
		y.sound()
	}
	y.stop()
}

// sleep goes to an instant from deadline to deadline, so that what comes due
// meanwhile is looked at while the world is as it was.
func (y *year) sleep(until time.Time) {
	for d := time.Until(until); d > 0; d = time.Until(until) {
		y.view(func(tx *store.Tx) error {
			if at, ok := tx.NextTimer(); ok {
				d = min(d, max(time.Until(at), 0)+time.Second)
			}
			return nil
		})
		time.Sleep(d)
		y.settled()
	}
}

// week is the weekly edit: somebody leaves, somebody comes, weights and
// holidays change.
func (y *year) week() {
	if len(y.staff) > 35 && y.chance(40) {
		i := y.rng.IntN(len(y.staff))
		y.staff = slices.Delete(y.staff, i, i+1)
		y.counts["leavers"]++
	}
	if len(y.staff) < 40 {
		y.hire()
	}
	for i := range y.staff {
		p := &y.staff[i]
		p.away = ""
		if y.chance(10) {
			p.away = y.now.AddDate(0, 0, 1).Format(time.DateOnly) + ".." + y.now.AddDate(0, 0, 1+y.rng.IntN(14)).Format(time.DateOnly)
		}
	}
	y.staff[y.rng.IntN(len(y.staff))].weight = 1 + y.rng.IntN(3)
	y.edit()
}

// judge looks at what the log says has happened since the last time.
func (y *year) judge() {
	y.t.Helper()
	lines := y.log
	y.log = nil
	for _, l := range lines {
		y.counts[l.what]++
		if l.what != "assigned" {
			continue
		}
		y.counts["assigned: "+l.how]++
		switch threads.How(l.how) {
		case threads.HowTurn, threads.HowHanded, threads.HowKept:
			y.atWork(l)
		}
		if l.how == string(threads.HowTurn) {
			y.turn(l)
		}
	}
}

// atWork: who is picked is at work, by her own wall clock, by the holidays and
// by what she said; reckoned here without the product's help.
func (y *year) atWork(l line) {
	y.t.Helper()
	i := slices.IndexFunc(y.staff, func(p person) bool { return p.email() == l.engineer })
	if i < 0 {
		y.t.Errorf("%v: conversation %d was given to %s, who is not in the file", l.at, l.conv, l.engineer)
		return
	}
	p := y.staff[i]
	zone, err := time.LoadLocation(p.zone)
	if err != nil {
		y.t.Fatal(err)
	}
	at := l.at.In(zone)
	if why := p.notAtWork(at); why != "" {
		y.t.Errorf("conversation %d was given to %s at %v: %s", l.conv, p.name, at, why)
	}
	if a, off := y.absences()[l.engineer]; off && !a.Over(l.at) {
		y.t.Errorf("conversation %d was given to %s at %v, who is away: %+v", l.conv, p.name, at, a)
	}
}

func (p person) notAtWork(at time.Time) string {
	day, minute := at.Weekday(), at.Hour()*60+at.Minute()
	weekday := day >= time.Monday && day <= time.Friday
	in := false
	switch p.hours {
	case dayShift:
		in = weekday && minute >= 9*60 && minute < 17*60
	case nightShift:
		in = weekday && minute >= 22*60 || minute < 6*60 && day >= time.Tuesday && day <= time.Saturday
	case longShift:
		in = day >= time.Monday && day <= time.Thursday && minute >= 8*60 && minute < 18*60 || day == time.Saturday && minute >= 10*60 && minute < 14*60
	}
	date := at.Format("01-02")
	switch {
	case !in:
		return "outside " + p.hours
	case date == "01-01", date >= "12-24" && date <= "12-26", day == time.Monday && at.Day() <= 7:
		return "a holiday"
	case p.away != "":
		from, until, _ := strings.Cut(p.away, "..")
		if d := at.Format(time.DateOnly); d >= from && d <= until {
			return "away " + p.away
		}
	}
	return ""
}

// turn counts the turns of each set of candidates, as long as the pointers
// remember it.
func (y *year) turn(l line) {
	weights, name := map[string]int{}, ""
	leave := y.absences().Leave()
	for _, p := range y.staff {
		if y.g.rot.Presence(p.email(), l.at, leave).OnDuty {
			weights[p.email()] = p.weight
			name += fmt.Sprintf(" %s*%d", p.name, p.weight)
		}
	}
	s := y.sets[name]
	if s == nil {
		if len(y.sets) >= threads.MaxSets {
			oldest := ""
			for n, o := range y.sets {
				if oldest == "" || o.used < y.sets[oldest].used {
					oldest = n
				}
			}
			delete(y.sets, oldest)
		}
		s = &turns{weights: weights, had: map[string]int{}}
		y.sets[name] = s
	}
	y.picks++
	s.used = y.picks
	s.n++
	s.had[l.engineer]++
	sum := 0
	for _, w := range s.weights {
		sum += w
	}
	for who, w := range s.weights {
		if n, cycles := s.had[who], s.n/sum; n < cycles*w || n > (cycles+1)*w {
			y.t.Errorf("%v: unfair: of %d turns of%s, %s had %d", l.at, s.n, name, who, n)
		}
	}
}

// sound: every open conversation has an owner who is in the file, or waits and
// will be looked at; and no customer waits without a deadline.
func (y *year) sound() {
	y.t.Helper()
	y.view(func(tx *store.Tx) error {
		return tx.EachOpen(func(o store.OpenConversation) error {
			c, _, err := tx.Conversation(o.ID)
			if err != nil {
				return err
			}
			_, clock := tx.TimerDue(fmt.Sprintf("reply/%d", c.ID))
			_, wait := tx.TimerDue("wait")
			switch {
			case c.Owner == "" && !c.Waits:
				y.t.Errorf("%v: conversation %d is nobody's", y.now, c.ID)
			case c.Waits && !wait:
				y.t.Errorf("%v: conversation %d waits, and nothing will look at it", y.now, c.ID)
			case c.Owner != "" && !y.employed(c.Owner) && c.Snoozed.IsZero():
				y.t.Errorf("%v: conversation %d is with %s, who left", y.now, c.ID, c.Owner)
			case c.Unanswered && c.Snoozed.IsZero() && c.Overdue < 2 && !clock:
				y.t.Errorf("%v: conversation %d is unanswered since %v, and no deadline is set", y.now, c.ID, c.Asked)
			case c.Unanswered && c.Snoozed.IsZero() && c.Overdue == 0 && y.now.Sub(c.Asked) > 14*24*time.Hour:
				y.t.Errorf("%v: conversation %d is unanswered since %v", y.now, c.ID, c.Asked)
			}
			return nil
		})
	})
}

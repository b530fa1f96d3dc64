package threads

import (
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Rotation says who answers. It is one good version of the rotation file and
// never changes once it is made: an edit makes a new one. The zero Rotation
// has no engineers. All its methods may be called at the same time.
type Rotation struct {
	Version   string         // short hash of the file's bytes
	Location  *time.Location // zone of engineers who name none; nil is UTC
	Admins    []string       // addresses that are told when something is wrong
	Engineers []Engineer     // in the order of the file
	Topics    []Topic        // in the order of the file: the first that matches counts
	Policy    Policy
}

// Engineer is one person of the rotation.
type Engineer struct {
	// Key is Email in lower case. Events, tokens and pointers name her by it,
	// so a new name changes nothing and a new address is a new person.
	Key      string
	Name     string
	Email    string         // where her copies go, as written in the file
	Aliases  []string       // other addresses she writes from
	Weight   int            // her share of a cycle, 1 to 100; below 1 counts as 1
	Hours    Hours          // when she works; the zero Hours is always
	Location *time.Location // zone of Hours; nil is the rotation's
	Away     []Span         // absence written into the file
	Topics   []string       // names of the topics she owns
	MaxOpen  int            // open conversations at most; 0 is no limit
}

// Topic is a subject matter with owners: whoever built it answers for it. A
// mail matches when any one entry of any one list does, whatever its case.
type Topic struct {
	Name    string
	Subject []string // words or phrases; each matches where a word begins with it
	Body    []string // likewise, in the text
	To      []string // addresses, or domains with their subdomains
	From    []string // likewise
}

// Policy is what the file decides for everyone.
type Policy struct {
	NobodyOnDuty NobodyOnDuty // "" is NobodyWait
	KeepOwner    KeepOwner    // "" is KeepWhilePresent
}

// NobodyOnDuty says what becomes of a conversation that comes while nobody is
// on duty.
type NobodyOnDuty string

// What can be done while nobody is on duty.
const (
	NobodyWait   NobodyOnDuty = "wait"   // it waits until someone comes on
	NobodyAnyone NobodyOnDuty = "anyone" // everyone in the file takes turns
	NobodyAdmins NobodyOnDuty = "admins" // it waits, and the admins are told
)

// KeepOwner says when the owner of a conversation keeps it as the customer
// writes again.
type KeepOwner string

// When an owner keeps a conversation.
const (
	KeepWhilePresent KeepOwner = "while-present"
	KeepAlways       KeepOwner = "always"
	KeepNever        KeepOwner = "never"
)

// Span is the time from From until just before Until.
type Span struct{ From, Until time.Time }

// Contains reports whether t lies in the span.
func (s Span) Contains(t time.Time) bool { return !t.Before(s.From) && t.Before(s.Until) }

// Leave is absence that is not in the file: out-of-office replies, dead
// addresses, /away. It maps an engineer's key to the end of it; the zero time
// is an end nobody knows yet.
type Leave map[string]time.Time

func (l Leave) covers(key string, t time.Time) (until time.Time, ok bool) {
	until, ok = l[key]
	return until, ok && (until.IsZero() || t.Before(until))
}

// Hours is a weekly plan in wall-clock time, so 09:00 stays 09:00 when the
// clocks change: an hour that is skipped is not worked, one that comes twice
// is worked twice. The zero Hours is always. Make one with NewHours.
type Hours struct {
	Spec  string // as it was written; "" for always
	Weeks []WeekSpan
}

// WeekSpan is a stretch of the week in minutes since Monday 00:00, from From
// until just before Until, with 0 <= From < Until <= MinutesPerWeek.
type WeekSpan struct{ From, Until int }

// MinutesPerWeek is the length of a week without a change of clocks.
const MinutesPerWeek = 7 * 24 * 60

// NewHours makes a plan of stretches in any order, overlapping or not; one
// that ends behind the week goes on at its beginning.
func NewHours(spec string, spans []WeekSpan) Hours {
	var cut []WeekSpan
	for _, s := range spans {
		if s.Until > MinutesPerWeek {
			cut = append(cut, WeekSpan{s.From, MinutesPerWeek}, WeekSpan{0, s.Until - MinutesPerWeek})
			continue
		}
		cut = append(cut, s)
	}
	sort.Slice(cut, func(i, j int) bool { return cut[i].From < cut[j].From })
	var weeks []WeekSpan
	for _, s := range cut {
		if n := len(weeks); n > 0 && s.From <= weeks[n-1].Until {
			weeks[n-1].Until = max(weeks[n-1].Until, s.Until)
			continue
		}
		weeks = append(weeks, s)
	}
	if len(weeks) == 1 && weeks[0] == (WeekSpan{0, MinutesPerWeek}) {
		weeks = nil // always: no edge where nothing changes
	}
	return Hours{Spec: spec, Weeks: weeks}
}

// String is the plan as it was written.
func (h Hours) String() string {
	if len(h.Weeks) == 0 || h.Spec == "" {
		return "always"
	}
	return h.Spec
}

// covers reports whether the plan holds sec seconds into the week.
func (h Hours) covers(sec int) bool {
	if len(h.Weeks) == 0 {
		return true
	}
	for _, s := range h.Weeks {
		if sec >= s.From*60 && sec < s.Until*60 {
			return true
		}
	}
	return false
}

// nextEdge is how many seconds after sec the plan's next edge lies, more than
// 0 and at most a week.
func (h Hours) nextEdge(sec int) int {
	const week = MinutesPerWeek * 60
	next := week
	for _, s := range h.Weeks {
		for _, edge := range [2]int{s.From * 60, s.Until * 60} {
			if d := (edge - sec + week) % week; d > 0 && d < next {
				next = d
			}
		}
	}
	return next
}

// weekSecond is the wall-clock second of the week, from Monday 00:00.
func weekSecond(t time.Time) int {
	day := (int(t.Weekday()) + 6) % 7
	h, m, s := t.Clock()
	return ((day*24+h)*60+m)*60 + s
}

// Engineer finds an engineer by her key.
func (r *Rotation) Engineer(key string) (*Engineer, bool) {
	for i := range r.Engineers {
		if r.Engineers[i].Key == key {
			return &r.Engineers[i], true
		}
	}
	return nil, false
}

// ByAddress finds the engineer who writes from addr, her email or an alias,
// whatever its case.
func (r *Rotation) ByAddress(addr string) (*Engineer, bool) {
	key := AddressKey(addr)
	if key == "" {
		return nil, false
	}
	for i := range r.Engineers {
		e := &r.Engineers[i]
		if e.Key == key || slices.ContainsFunc(e.Aliases, func(a string) bool { return AddressKey(a) == key }) {
			return e, true
		}
	}
	return nil, false
}

// Addresses are all addresses an engineer writes from, her email first, as
// written in the file; none when the key is not in the rotation.
func (r *Rotation) Addresses(key string) []string {
	e, ok := r.Engineer(key)
	if !ok {
		return nil
	}
	return append([]string{e.Email}, e.Aliases...)
}

// IsAdmin reports whether addr is one of the admins, whatever its case.
func (r *Rotation) IsAdmin(addr string) bool {
	key := AddressKey(addr)
	return slices.ContainsFunc(r.Admins, func(a string) bool { return AddressKey(a) == key })
}

// Zone is the time zone an engineer's hours and days are meant in.
func (r *Rotation) Zone(e *Engineer) *time.Location {
	switch {
	case e.Location != nil:
		return e.Location
	case r.Location != nil:
		return r.Location
	}
	return time.UTC
}

// Presence is whether an engineer gets mail at one instant, and why.
type Presence struct {
	OnDuty bool
	Why    string    // "on duty", "away until 4 Jan 2027", "outside working hours"
	Until  time.Time // when this changes; zero when it is not known to
}

// The reasons of a presence, shared with what Pick says of those it passed
// over.
const (
	whyOn      = "on duty"
	whyAway    = "away"
	whyLeave   = "out of office"
	whyHours   = "outside working hours"
	whyUnknown = "not in the rotation"
)

// Presence says whether an engineer is on duty at now, why, and until when.
func (r *Rotation) Presence(key string, now time.Time, off Leave) Presence {
	e, ok := r.Engineer(key)
	if !ok {
		return Presence{Why: whyUnknown}
	}
	zone := r.Zone(e)
	why := presence(e, now, weekSecond(now.In(zone)), off)
	p := Presence{OnDuty: why == whyOn, Why: why}
	p.Until, _ = r.nextChange(e, now, off)
	if !p.Until.IsZero() && (why == whyAway || why == whyLeave) {
		p.Why += " until " + SayTime(p.Until.In(zone))
	}
	return p
}

// presence is the bare reason at now, sec being the second of the week on
// her wall clock.
func presence(e *Engineer, now time.Time, sec int, off Leave) string {
	if len(off) > 0 {
		if _, ok := off.covers(e.Key, now); ok {
			return whyLeave
		}
	}
	for _, s := range e.Away {
		if s.Contains(now) {
			return whyAway
		}
	}
	if !e.Hours.covers(sec) {
		return whyHours
	}
	return whyOn
}

// NextChange is the next instant after now at which anyone comes on or goes
// off duty, as far as the file and off tell.
func (r *Rotation) NextChange(now time.Time, off Leave) (time.Time, bool) {
	var first time.Time
	for i := range r.Engineers {
		t, ok := r.nextChange(&r.Engineers[i], now, off)
		if ok && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first, !first.IsZero()
}

// nextChange goes from edge to edge until one turns presence round. Edges are
// the ends of hours, of absence and of the zone's present offset; between two
// of them nothing changes. Hours turn within a week or two of any instant at
// which she is not absent, so the steps are bounded by the lists themselves.
func (r *Rotation) nextChange(e *Engineer, now time.Time, off Leave) (time.Time, bool) {
	zone := r.Zone(e)
	t := now.Round(0).In(zone)
	was := presence(e, t, weekSecond(t), off) == whyOn
	for range 32 + 4*len(e.Hours.Weeks) + 2*len(e.Away) {
		next, ok := nextEdge(e, t, off)
		if !ok {
			return time.Time{}, false
		}
		t = next
		if is := presence(e, t, weekSecond(t), off) == whyOn; is != was {
			return t, true
		}
	}
	return time.Time{}, false
}

// nextEdge is the next instant after t at which presence might change. While
// she is absent her hours do not matter, so only the end of it is looked at.
func nextEdge(e *Engineer, t time.Time, off Leave) (time.Time, bool) {
	if until, ok := off.covers(e.Key, t); ok {
		return until.In(t.Location()), !until.IsZero()
	}
	var edge time.Time
	take := func(c time.Time) {
		if c.After(t) && (edge.IsZero() || c.Before(edge)) {
			edge = c
		}
	}
	for _, s := range e.Away {
		if s.Contains(t) {
			return s.Until.In(t.Location()), true
		}
		take(s.From)
	}
	if len(e.Hours.Weeks) > 0 {
		take(t.Truncate(time.Second).Add(time.Duration(e.Hours.nextEdge(weekSecond(t))) * time.Second))
		_, end := t.ZoneBounds()
		take(end)
	}
	return edge.In(t.Location()), !edge.IsZero()
}

// SayTime writes an instant as people say it, in its own zone: the day alone
// at midnight, else day and time.
func SayTime(t time.Time) string {
	if h, m, _ := t.Clock(); h == 0 && m == 0 {
		return t.Format("2 Jan 2006")
	}
	return t.Format("2 Jan 2006 15:04")
}

// Owns reports whether the engineer owns the topic.
func (e *Engineer) Owns(topic string) bool {
	return slices.ContainsFunc(e.Topics, func(t string) bool { return strings.EqualFold(t, topic) })
}

// Share is the weight that counts: at least 1.
func (e *Engineer) Share() int { return max(e.Weight, 1) }

// Matches reports whether any entry of the topic fits a mail with this
// subject, text, recipients and sender.
func (t *Topic) Matches(subject, body string, to []string, from string) bool {
	return containsWord(subject, t.Subject) || containsWord(body, t.Body) ||
		slices.ContainsFunc(to, func(a string) bool { return addressIn(a, t.To) }) ||
		addressIn(from, t.From)
}

// containsWord reports whether one of the words begins where a word of the
// text begins: "tls" is found in "TLSv1.3 fails", not in "settlsomething".
func containsWord(text string, words []string) bool {
	if text == "" || len(words) == 0 {
		return false
	}
	text = strings.ToLower(text)
	for _, word := range words {
		if word = strings.ToLower(word); word != "" && beginsWord(text, word) {
			return true
		}
	}
	return false
}

func beginsWord(text, word string) bool {
	first, _ := utf8.DecodeRuneInString(word)
	for at := 0; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		before, _ := utf8.DecodeLastRuneInString(text[:at+i])
		if at+i == 0 || !joins(before) || !joins(first) {
			return true
		}
		_, n := utf8.DecodeRuneInString(text[at+i:])
		at += i + n
	}
}

// joins reports whether r is part of the word beside it. Scripts written
// without spaces have no word to be in the middle of.
func joins(r rune) bool {
	if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer) {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// addressIn reports whether addr is one of the addresses, or in one of the
// domains ("acme.example", "@acme.example") or below it.
func addressIn(addr string, entries []string) bool {
	if len(entries) == 0 {
		return false
	}
	key := AddressKey(addr)
	_, domain, ok := strings.Cut(key, "@")
	if !ok {
		return false
	}
	for _, e := range entries {
		e = AddressKey(e)
		local, d, at := strings.Cut(e, "@")
		switch {
		case at && local != "":
			ok = e == key
		case at:
			ok = domain == d || strings.HasSuffix(domain, "."+d)
		default:
			ok = domain == e || strings.HasSuffix(domain, "."+e)
		}
		if ok {
			return true
		}
	}
	return false
}

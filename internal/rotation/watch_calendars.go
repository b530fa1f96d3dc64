package rotation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/threads"
)

// The pace of looking at calendars: every so many looks at the file. They are
// more and larger, and nobody waits beside one.
const looksPerCalendar = 10

// readAhead is how long a reading of calendars serves: what repeats for ever
// is read anew, so that two years ahead never become none.
const readAhead = 30 * 24 * time.Hour

// calendars is what a Watcher knows of the calendar files. Of each the last
// good content serves while the file is bad: a broken export must not keep
// the admins from sending somebody on holiday.
type calendars struct {
	looks int
	stamp string            // what the last look saw of all of them
	kept  string            // the stamp at which they were last read
	at    time.Time         // when that was
	good  map[string][]byte // by name
	bad   map[string]badCalendar
	told  map[string]string // the bad version that was reported, by name

	now     time.Time
	beside  func(name string) ([]byte, error)
	reading map[string][]byte // good ones of the reading under way
	seen    map[string]string // its stamp of each
}

type badCalendar struct {
	err     error
	version string // of its content, or of the words of the error
}

// due reports whether it is time to look at them.
func (c *calendars) due(atOnce bool) bool {
	c.looks++
	return atOnce || c.looks%looksPerCalendar == 0 || c.stamp != c.kept // seen once: see it twice
}

// look takes a stamp of the calendars that r names.
func (c *calendars) look(r *threads.Rotation, beside func(string) ([]byte, error)) {
	seen := map[string]string{}
	for _, name := range calendarNames(r) {
		seen[name] = stampOf(beside(name))
	}
	c.stamp = joinStamps(seen)
}

func stampOf(data []byte, err error) string {
	if err != nil {
		return err.Error()
	}
	return Version(data)
}

func joinStamps(seen map[string]string) string {
	var b strings.Builder
	for _, name := range sortedKeys(seen) {
		b.WriteString("\n" + name + " " + seen[name])
	}
	return b.String()
}

func calendarNames(r *threads.Rotation) []string {
	var names []string
	for i := range r.Engineers {
		names = append(names, r.Engineers[i].Calendars...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// changed reports whether the calendars are to be read anew.
func (c *calendars) changed(now time.Time) bool {
	return c.stamp != c.kept || len(c.good) > 0 && now.Sub(c.at) >= readAhead
}

// begin begins a reading of them.
func (c *calendars) begin(now time.Time, beside func(string) ([]byte, error)) {
	c.now, c.beside = now, beside
	c.reading, c.bad, c.seen = map[string][]byte{}, map[string]badCalendar{}, map[string]string{}
	if c.told == nil {
		c.told = map[string]string{}
	}
}

// fetch reads one, or its last good content when it is bad now.
func (c *calendars) fetch(name string) ([]byte, error) {
	data, err := c.beside(name)
	c.seen[name] = stampOf(data, err)
	var wrong *icalError
	if err == nil {
		wrong = tryCalendar(data, c.now)
	}
	last, had := c.good[name]
	switch {
	case err == nil && wrong == nil:
		c.reading[name] = data
		return data, nil
	case !had:
		return data, err // refused with the file, in the words of that
	case err != nil:
		c.bad[name] = badCalendar{fmt.Errorf("calendar %q: %w; what it said before counts", clip(name, 100), err), Version([]byte(err.Error()))}
	default:
		p := Problem{File: clip(name, 100), Line: wrong.line, Text: wrong.text, Hint: wrong.hint}
		c.bad[name] = badCalendar{Errors{p}, Version(data)}
	}
	c.reading[name] = last
	return last, nil
}

// tryCalendar says what is wrong with a calendar.
func tryCalendar(data []byte, now time.Time) *icalError {
	c, wrong := readCalendar(data)
	if wrong == nil {
		_, wrong = c.absence(time.UTC, now.AddDate(calendarBefore, 0, 0), now.AddDate(calendarAhead, 0, 0))
	}
	return wrong
}

// keep ends a reading whose rotation is in force.
func (c *calendars) keep(now time.Time) {
	c.good, c.at = c.reading, now
	c.stamp = joinStamps(c.seen)
	c.kept = c.stamp
}

// taken ends a reading whose rotation was refused.
func (c *calendars) taken() { c.kept = c.stamp }

// trouble is what is wrong with calendars now; nil for nothing.
func (c *calendars) trouble() error {
	var all []error
	for _, name := range sortedKeys(c.bad) {
		all = append(all, c.bad[name].err)
	}
	return errors.Join(all...)
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

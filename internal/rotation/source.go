package rotation

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postroom/threads"
)

// Source is all that a rotation is made of.
type Source struct {
	Name string   // what messages call the file
	Text []byte   // its content
	Own  []string // addresses nobody in the file may have, see Parse

	// Calendar reads a calendar file, by its name as the rotation file has
	// it. Now is the instant around which calendars are read: a year before,
	// and two years ahead.
	Calendar func(name string) ([]byte, error)
	Now      time.Time

	// Known is absence that was read from the calendars before, by engineer's
	// key. When it is not nil no calendar is read.
	Known map[string][]threads.Span
}

// The time around Source.Now of which calendars are read.
const (
	calendarBefore = -1 // years
	calendarAhead  = 2
)

// maxCalendars bounds the calendar files one rotation names.
const maxCalendars = 1000

// Parse makes the rotation. The error, when there is one, is an Errors with
// every mistake, and there is no rotation.
func (s Source) Parse() (*threads.Rotation, []Warning, error) {
	d := &document{name: s.Name, src: s.Text}
	if d.refuseBytes() {
		return nil, nil, d.errors()
	}
	root := d.readTree()
	if root == nil { // the syntax is broken; what follows would be guessing
		return nil, nil, d.errors()
	}
	raw := d.readFile(root)
	r := d.checkFile(raw, newOwn(s.Own))
	shelf := &shelf{Source: s, read: map[string]*calendar{}, sums: map[string][]byte{}}
	d.readCalendars(raw, r, shelf)
	if err := d.errors(); err != nil {
		return nil, nil, err
	}
	r.Version = shelf.version()
	d.warn(raw, r, s.Now)
	d.sort(d.warnings)
	return r, d.warnings, nil
}

// shelf is the calendars of a rotation, each read once.
type shelf struct {
	Source
	read map[string]*calendar
	sums map[string][]byte // SHA-256 of each one's content
}

// version names the content of the file and of its calendars.
func (s *shelf) version() string {
	if len(s.sums) == 0 {
		return Version(s.Text)
	}
	var all []byte
	names := make([]string, 0, len(s.sums))
	for name := range s.sums {
		names = append(names, name)
	}
	slices.Sort(names)
	sum := sha256.Sum256(s.Text)
	all = append(all, sum[:]...)
	for _, name := range names {
		all = append(append(append(all, name...), 0), s.sums[name]...)
	}
	sum = sha256.Sum256(all)
	return hex.EncodeToString(sum[:6])
}

// readCalendars fills in each engineer's absence from her calendars.
func (d *document) readCalendars(f *file, r *threads.Rotation, s *shelf) {
	if s.Known != nil {
		for i := range r.Engineers {
			r.Engineers[i].Calendar = s.Known[r.Engineers[i].Key]
		}
		return
	}
	type placedIn struct {
		name string
		zone *time.Location
	}
	from, until := s.Now.AddDate(calendarBefore, 0, 0), s.Now.AddDate(calendarAhead, 0, 0)
	made := map[placedIn][]threads.Span{}
	bad := map[string]bool{}
	for i, seat := range f.engineers {
		var spans []threads.Span
		for _, name := range seat.calendars {
			key := placedIn{name.s, seat.Location}
			got, done := made[key]
			if !done && !bad[name.s] {
				var ok bool
				if got, ok = d.readAbsence(seat, name, s, from, until); !ok {
					bad[name.s] = true // said once is enough
				}
				made[key] = got
			}
			spans = append(spans, got...)
		}
		r.Engineers[i].Calendar = joinSpans(spans)
	}
}

func (d *document) readAbsence(seat *seat, name text, s *shelf, from, until time.Time) ([]threads.Span, bool) {
	c := s.read[name.s]
	if c == nil {
		if len(s.read) >= maxCalendars {
			d.report(name.offset, seat.where, "put several into one file", "calendar: the file names more than %d calendars", maxCalendars)
			return nil, false
		}
		data, ok := d.fetchCalendar(seat, name, s)
		if !ok {
			return nil, false
		}
		var err *icalError
		if c, err = readCalendar(data); err != nil {
			d.reportCalendar(seat, name, err)
			return nil, false
		}
		sum := sha256.Sum256(data)
		s.read[name.s], s.sums[name.s] = c, sum[:]
	}
	spans, err := c.absence(seat.Location, from, until)
	if err != nil {
		d.reportCalendar(seat, name, err)
		return nil, false
	}
	return spans, true
}

func (d *document) fetchCalendar(seat *seat, name text, s *shelf) ([]byte, bool) {
	if s.Calendar == nil {
		d.report(name.offset, seat.where, "", "calendar: no calendar can be read here")
		return nil, false
	}
	data, err := s.Calendar(name.s)
	if err == nil {
		return data, true
	}
	hint := ""
	if errors.Is(err, fs.ErrNotExist) {
		hint = "its path counts from the folder of the rotation file"
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // the name is said already
	}
	d.report(name.offset, seat.where, hint, "calendar: cannot read %q: %s", clip(name.s, 100), strings.Map(printable, err.Error()))
	return nil, false
}

// reportCalendar reports a mistake within a calendar file, at the place in
// that; it is sorted by the place that names the calendar.
func (d *document) reportCalendar(seat *seat, name text, err *icalError) {
	p := Problem{File: clip(name.s, 100), Line: err.line, Where: seat.where, Text: err.text, Hint: err.hint}
	d.problems = append(d.problems, placed{p, name.offset})
}

// Load reads and parses the file at path, with the calendars it names. own
// are addresses nobody in the file may have, see Parse.
func Load(path string, now time.Time, own ...string) (*threads.Rotation, []Warning, error) {
	data, err := ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("the rotation file %w; write it with at least one [[engineer]], or name another with rotation = \"…\" at the top of the configuration", err)
	}
	if err != nil {
		return nil, nil, err
	}
	return Source{Name: filepath.Base(path), Text: data, Own: own, Now: now, Calendar: Beside(path, ReadFile)}.Parse()
}

// Beside reads the calendars that the rotation file at path names: relative
// names count from its folder, the one the link points to where it is one.
func Beside(path string, read func(path string) ([]byte, error)) func(name string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if filepath.IsAbs(name) {
			return read(name)
		}
		data, err := read(filepath.Join(filepath.Dir(path), name))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
		real, linked := filepath.EvalSymlinks(path)
		if linked != nil || filepath.Dir(real) == filepath.Dir(path) {
			return nil, err
		}
		return read(filepath.Join(filepath.Dir(real), name))
	}
}

// ReadFile reads a rotation file or a calendar, refusing one above
// MaxCalendar before it is in memory and anything but a regular file.
func ReadFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, unreadable(path, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s cannot be read: it is not a file", path)
	case info.Size() > MaxCalendar:
		return nil, fmt.Errorf("%s cannot be read: it has %d octets; %d are the most", path, info.Size(), MaxCalendar)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	return data, nil
}

// unreadable names the file once.
func unreadable(path string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return fmt.Errorf("%s cannot be read: %w", path, err)
}

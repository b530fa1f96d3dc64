package rotation

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"time"

	"postroom/threads"
)

// Watcher looks at the rotation file and the calendars it names again and
// again, so it notices an edit in place, a replaced file, a renamed one and a
// swapped symlink alike, on every file system. Run it in one goroutine;
// Reload and Rollback may be called from any.
type Watcher struct {
	log    *slog.Logger
	path   string
	every  time.Duration
	read   func(path string) ([]byte, error)
	now    func() time.Time
	own    []string
	reload chan struct{}
	ask    chan rollback

	good    *threads.Rotation // in force
	text    []byte            // the content it was made of
	pin     *Pin              // set when that is not the file's
	pending string            // what the last look saw, waiting to be seen twice
	told    string            // the bad content that was reported and still stands; "" when there is none

	calendars calendars
}

// Pin says that an earlier version is in force in place of the file, for as
// long as the file stays as it is.
type Pin struct {
	Text []byte `json:"text"` // what is in force
	Over string `json:"over"` // Version of the file's content; "" when it could not be read
	By   string `json:"by"`   // who rolled back
}

// rollback asks Run to put an earlier content in force.
type rollback struct {
	text []byte
	by   string
	done chan error
}

// New makes a watcher of the file at path. An edit is in force at most every
// after it was complete, as long as reading is quick. read reads the file and
// calendars (ReadFile, for the disk), now tells the time, own is as for Parse.
func New(log *slog.Logger, path string, every time.Duration, read func(path string) ([]byte, error), now func() time.Time, own ...string) *Watcher {
	return &Watcher{log: log, path: path, every: every, read: read, now: now, own: own, reload: make(chan struct{}, 1), ask: make(chan rollback)}
}

// Load reads the file for the first time; what it returns is in force. It
// must succeed before Run. When pin is not nil and the file is still the one
// that was rolled back from, the pinned text is in force.
func (w *Watcher) Load(pin *Pin) (*threads.Rotation, []Warning, error) {
	data, err := w.read(w.path)
	if pin != nil && pin.Over == seenVersion(data, err) {
		data, err = pin.Text, nil
	} else {
		pin = nil
	}
	if err != nil {
		return nil, nil, err
	}
	r, warnings, err := w.source(data).Parse()
	if err != nil {
		return nil, nil, err
	}
	w.good, w.text, w.pin = r, data, pin
	w.calendars.keep(w.now())
	return r, warnings, nil
}

// seenVersion is the version of a content, "" when it could not be read.
func seenVersion(data []byte, err error) string {
	if err != nil {
		return ""
	}
	return Version(data)
}

// source is a content with the calendars as they are, or were when they were
// last good.
func (w *Watcher) source(text []byte) Source {
	w.calendars.begin(w.now(), Beside(w.path, w.read))
	return Source{Name: filepath.Base(w.path), Text: text, Own: w.own, Now: w.now(), Calendar: w.calendars.fetch}
}

// Adopt puts a version in force that is not the file's: the last good one,
// when the file is bad at the start. Call it before Run, in place of Load. Run
// reports the bad file, or, where it is good again by then, that.
func (w *Watcher) Adopt(r *threads.Rotation, text []byte) {
	w.good, w.text, w.told = r, text, "at the start"
}

// Text is the content of the version in force. It may be called before Run,
// and by the functions Run calls; so may Pinned and Trouble.
func (w *Watcher) Text() []byte { return w.text }

// Pinned is the pin, when the version in force is not the file's.
func (w *Watcher) Pinned() *Pin { return w.pin }

// Trouble is what is wrong with a calendar of which an earlier content is in
// force; nil for nothing.
func (w *Watcher) Trouble() error { return w.calendars.trouble() }

// Reload makes Run look at once, take what it sees without waiting to see it
// twice, and report a bad file again. It does not wait for any of that.
func (w *Watcher) Reload() {
	select {
	case w.reload <- struct{}{}:
	default: // one is under way already
	}
}

// Rollback puts an earlier content of the file in force until the file next
// changes. It returns when that is done, with the error for which it was not.
func (w *Watcher) Rollback(ctx context.Context, text []byte, by string) error {
	r := rollback{text: text, by: by, done: make(chan error, 1)}
	select {
	case w.ask <- r:
		return <-r.done
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run watches until ctx ends. It calls, one at a time and on its own
// goroutine:
//
//   - onGood with each new version and what it changes in effect, a plain
//     line each; and, without any lines, with the version in force when the
//     file is back at that after a bad edit, or calendars were read further;
//   - onBad once for each bad version with its Errors, or the error of
//     reading the file with version "". The last good version stays. A bad
//     calendar is told the same way: its last good content stays.
//
// A content counts only when two looks in a row see it: one look may catch an
// editor halfway through writing, and half a file may well be a valid one
// with half the people.
func (w *Watcher) Run(ctx context.Context, onGood func(*threads.Rotation, []string), onBad func(err error, version string)) {
	tick := time.NewTicker(max(w.every/2, time.Millisecond))
	defer tick.Stop()
	for {
		atOnce := false
		select {
		case <-ctx.Done():
			return
		case r := <-w.ask:
			r.done <- w.rollBack(r, onGood)
			continue
		case <-w.reload:
			atOnce = true
		case <-tick.C:
		}
		w.look(atOnce, onGood, onBad)
	}
}

// look reads the file once, and at times the calendars.
func (w *Watcher) look(atOnce bool, onGood func(*threads.Rotation, []string), onBad func(error, string)) {
	data, err := w.read(w.path)
	version := seenVersion(data, err)
	pinned := w.pin != nil && w.pin.Over == version
	if pinned { // the file is as it was when somebody rolled back
		data, err = w.text, nil
		version = Version(data)
	}
	seen := version
	if err != nil {
		seen = "unreadable: " + err.Error()
	}
	if w.calendars.due(atOnce) {
		w.calendars.look(w.good, Beside(w.path, w.read))
	}
	seen += w.calendars.stamp
	steady := atOnce || seen == w.pending
	w.pending = seen
	switch {
	case !steady, seen == w.told && !atOnce:
	case err == nil && version == Version(w.text) && !w.calendars.changed(w.now()):
		if w.told != "" {
			w.told = ""
			w.log.Debug("rotation file is good again", "file", w.path, "version", w.good.Version)
			onGood(w.good, nil)
		}
	case err != nil:
		w.refuse(err, seen, "", onBad)
	default:
		w.take(data, seen, version, onGood, onBad)
	}
}

func (w *Watcher) refuse(err error, seen, version string, onBad func(error, string)) {
	w.told = seen
	w.log.Debug("rotation file refused, the last good version stays", "file", w.path, "version", version, "error", err)
	onBad(err, version)
}

// take puts a new content in force, or refuses it.
func (w *Watcher) take(data []byte, seen, version string, onGood func(*threads.Rotation, []string), onBad func(error, string)) {
	r, warnings, err := w.source(data).Parse()
	if err != nil {
		w.calendars.taken()
		w.refuse(err, seen, version, onBad)
		return
	}
	changes := Describe(w.good, r, w.now())
	same := Version(data) == Version(w.text)
	if !same {
		w.pin = nil
	}
	if same && len(changes) == 0 {
		r.Version = w.good.Version // a calendar was saved anew, or is read further ahead
	}
	w.good, w.text, w.told = r, data, ""
	w.calendars.keep(w.now())
	w.log.Debug("rotation file in force", "file", w.path, "version", version, "changes", changes)
	for _, warning := range warnings {
		w.log.Warn("rotation file", "warning", warning.Error())
	}
	onGood(r, changes)
	w.tellCalendars(onBad)
}

// tellCalendars reports each bad content of a calendar once.
func (w *Watcher) tellCalendars(onBad func(error, string)) {
	for _, name := range sortedKeys(w.calendars.bad) {
		bad := w.calendars.bad[name]
		if w.calendars.told[name] == bad.version {
			continue
		}
		w.calendars.told[name] = bad.version
		onBad(bad.err, bad.version)
	}
	maps.DeleteFunc(w.calendars.told, func(name string, _ string) bool {
		_, still := w.calendars.bad[name]
		return !still
	})
}

// rollBack puts an earlier content in force.
func (w *Watcher) rollBack(r rollback, onGood func(*threads.Rotation, []string)) error {
	rot, _, err := w.source(r.text).Parse()
	if err != nil {
		return err
	}
	if Version(r.text) == Version(w.text) {
		return errors.New("this version is in force already")
	}
	data, err := w.read(w.path)
	over := seenVersion(data, err)
	changes := Describe(w.good, rot, w.now())
	w.good, w.text, w.pin, w.told = rot, r.text, &Pin{Text: r.text, Over: over, By: r.by}, ""
	if over == Version(r.text) { // the file itself says so
		w.pin = nil
	}
	w.pending = ""
	w.calendars.keep(w.now())
	onGood(rot, changes)
	return nil
}

package rotation

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"postroom/threads"
)

// Watcher looks at the rotation file again and again, so it notices an edit
// in place, a replaced file, a renamed one and a swapped symlink alike, on
// every file system. Run it in one goroutine; Reload may be called from any.
type Watcher struct {
	log    *slog.Logger
	path   string
	every  time.Duration
	read   func(path string) ([]byte, error)
	now    func() time.Time
	own    []string
	reload chan struct{}

	good    *threads.Rotation // in force
	text    []byte            // the content it was made of
	pending string            // what the last look saw, waiting to be seen twice
	told    string            // the bad content that was reported and still stands; "" when there is none
}

// New makes a watcher of the file at path. An edit is in force at most every
// after it was complete, as long as reading is quick. read reads the file
// (ReadFile, for the disk), now tells the time, own is as for Parse.
func New(log *slog.Logger, path string, every time.Duration, read func(path string) ([]byte, error), now func() time.Time, own ...string) *Watcher {
	return &Watcher{log: log, path: path, every: every, read: read, now: now, own: own, reload: make(chan struct{}, 1)}
}

// Load reads the file for the first time; what it returns is in force. It
// must succeed before Run.
func (w *Watcher) Load() (*threads.Rotation, []Warning, error) {
	data, err := w.read(w.path)
	if err != nil {
		return nil, nil, err
	}
	r, warnings, err := Parse(filepath.Base(w.path), data, w.own...)
	if err != nil {
		return nil, nil, err
	}
	w.good, w.text = r, data
	return r, warnings, nil
}

// Adopt puts a version in force that is not the file's: the last good one,
// when the file is bad at the start. Call it before Run, in place of Load.
func (w *Watcher) Adopt(r *threads.Rotation, text []byte) { w.good, w.text = r, text }

// Text is the content of the version in force. It may be called before Run,
// and by the functions Run calls.
func (w *Watcher) Text() []byte { return w.text }

// Reload makes Run look at once, take what it sees without waiting to see it
// twice, and report a bad file again. It does not wait for any of that.
func (w *Watcher) Reload() {
	select {
	case w.reload <- struct{}{}:
	default: // one is under way already
	}
}

// Run watches until ctx ends. It calls, one at a time and on its own
// goroutine:
//
//   - onGood with each new version and what it changes in effect, a plain
//     line each; and, without any lines, with the version in force when the
//     file is back at that after a bad edit;
//   - onBad once for each bad version with its Errors, or the error of
//     reading the file with version "". The last good version stays.
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
		case <-w.reload:
			atOnce = true
		case <-tick.C:
		}
		w.look(atOnce, onGood, onBad)
	}
}

// look reads the file once.
func (w *Watcher) look(atOnce bool, onGood func(*threads.Rotation, []string), onBad func(error, string)) {
	data, err := w.read(w.path)
	version, seen := "", ""
	if err != nil {
		seen = "unreadable: " + err.Error()
	} else {
		version = Version(data)
		seen = version
	}
	steady := atOnce || seen == w.pending
	w.pending = seen
	switch {
	case !steady, seen == w.told && !atOnce:
	case err == nil && w.good != nil && version == w.good.Version:
		if w.told != "" {
			w.told = ""
			w.log.Info("rotation file is good again", "file", w.path, "version", version)
			onGood(w.good, nil)
		}
	case err != nil:
		w.refuse(err, seen, "", onBad)
	default:
		w.take(data, version, onGood, onBad)
	}
}

func (w *Watcher) refuse(err error, seen, version string, onBad func(error, string)) {
	w.told = seen
	w.log.Error("rotation file refused, the last good version stays", "file", w.path, "version", version, "error", err)
	onBad(err, version)
}

// take puts a new content in force, or refuses it.
func (w *Watcher) take(data []byte, version string, onGood func(*threads.Rotation, []string), onBad func(error, string)) {
	r, warnings, err := Parse(filepath.Base(w.path), data, w.own...)
	if err != nil {
		w.refuse(err, version, version, onBad)
		return
	}
	changes := Describe(w.good, r, w.now())
	w.good, w.text, w.told = r, data, ""
	w.log.Info("rotation file in force", "file", w.path, "version", version, "changes", changes)
	for _, warning := range warnings {
		w.log.Warn("rotation file", "warning", warning.Error())
	}
	onGood(r, changes)
}

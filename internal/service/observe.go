package service

import (
	"context"
	"runtime"
	"sync"
	"time"

	"postroom/internal/admin"
	"postroom/internal/oauth"
)

// watch collects what the stages tell. Its methods never block for long: they
// are called from the stages' goroutines.
type watch struct {
	mu     sync.Mutex
	folder string // the followed one

	imapUp     bool
	imapErr    string
	ready      bool
	caughtUp   map[string]time.Time
	done, full int // history
	pace       pace
	now        func() time.Time
	counted    admin.Counters

	smtpErr     string
	pausedUntil time.Time
	envelope    string // the relay's words when it refused our bounce addresses

	tokenErr    string
	configErr   string // why the configuration as it is now is not in effect
	rotationErr string
	probeErr    string
	tokenless   time.Time // a probe then found that our addresses with tokens lead nowhere
	readyOnce   func()
	// mailbox is told when a connection of the followed folder failed, and with
	// nil when all of the folder was read; nil for nobody.
	mailbox func(error)
}

// Connected implements imapsync.Observer.
func (w *watch) Connected(folder string, up bool) {
	if folder != w.folder {
		return
	}
	w.mu.Lock()
	w.imapUp = up
	if up {
		w.imapErr = ""
	}
	w.mu.Unlock()
}

// Error implements imapsync.Observer.
func (w *watch) Error(folder string, err error) {
	if err == nil || folder != w.folder {
		return
	}
	w.mu.Lock()
	w.imapErr = err.Error()
	up := w.imapUp
	w.mu.Unlock()
	if !up && w.mailbox != nil { // else it is a warning about what is connected
		w.mailbox(err)
	}
}

// CaughtUp implements imapsync.Observer.
func (w *watch) CaughtUp(folder string, began time.Time) {
	w.mu.Lock()
	if w.caughtUp == nil {
		w.caughtUp = map[string]time.Time{}
	}
	w.caughtUp[folder] = began
	first := folder == w.folder && !w.ready
	if first {
		w.ready = true
	}
	w.mu.Unlock()
	if first && w.readyOnce != nil {
		w.readyOnce()
	}
	if folder == w.folder && w.mailbox != nil {
		w.mailbox(nil)
	}
}

// HistoryProgress implements imapsync.Observer.
func (w *watch) HistoryProgress(folder string, done, total int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if folder == w.folder {
		w.done, w.full = done, total
		w.pace.step(w.now(), done)
	}
}

// history is how far the import has come. The caller holds the lock.
func (w *watch) history() admin.Progress { return w.pace.progress(w.done, w.full) }

// counters are what was done so far, for metrics.
func (w *watch) counters() admin.Counters {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.counted
	c.Goroutines = runtime.NumGoroutine()
	return c
}

// Processed, CameBack and SetAside implement gateway.Observer.
func (w *watch) Processed(records int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counted.Processed += int64(records)
}

// CameBack counts our own copies, for metrics and the sum of a drain.
func (w *watch) CameBack() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counted.CameBack++
}

func (w *watch) ownCopies() int { return int(w.counters().CameBack) }

// SetAside is shown by the store's count.
func (w *watch) SetAside(uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counted.SetAside++
}

// RelayError implements smtpout.Observer.
func (w *watch) RelayError(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.smtpErr = ""
	if err != nil {
		w.smtpErr = err.Error()
		w.counted.RelayFailures++
	}
}

// Paused implements smtpout.Observer.
func (w *watch) Paused(until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pausedUntil = until
	if until.IsZero() {
		w.smtpErr = ""
	}
}

// EnvelopeFallback implements smtpout.Observer.
func (w *watch) EnvelopeFallback(words string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.envelope = words
}

// tokens keeps how the access tokens stand.
func (w *watch) tokens(st oauth.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokenErr = ""
	if st.Err != nil {
		w.tokenErr = st.Err.Error()
	}
}

// tokenTrouble reports whether there is no access token to log in with.
func (w *watch) tokenTrouble() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tokenErr != ""
}

// probing notes what was wrong before the start.
func (w *watch) probing(problem string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.probeErr = problem
}

// probed notes what was wrong with the last probe.
func (w *watch) probed(problem string, took float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.probeErr = problem
	w.counted.Probes++
	if problem != "" {
		w.counted.Lost++
	} else {
		w.counted.ProbeSeconds = took
	}
}

// noTokens notes the probe that found that addresses with a token lead
// nowhere; the zero time that they are fine.
func (w *watch) noTokens(found time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokenless = found
}

func (w *watch) rotationBad(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rotationErr = ""
	if err != nil {
		w.rotationErr = err.Error()
	}
}

func (w *watch) configBad(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.configErr = ""
	if err != nil {
		w.configErr = err.Error()
	}
}

// problems says in words what is wrong beside the connections themselves.
func (w *watch) problems() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []string{}
	if w.imapUp && !w.ready {
		list = append(list, "the mailbox has not been read to its end yet")
	}
	if w.smtpErr != "" && w.pausedUntil.IsZero() {
		list = append(list, "the relay: "+w.smtpErr)
	}
	if w.tokenErr != "" {
		list = append(list, "the OAuth2 login: "+w.tokenErr)
	}
	if w.probeErr != "" {
		list = append(list, "the probe: "+w.probeErr)
	}
	if !w.tokenless.IsZero() {
		list = append(list, "support.reply_address is not used: the probe of "+w.tokenless.Format(time.RFC3339)+
			" found that mail to it does not reach the mailbox; mend or remove it, then run `postroom check --online`")
	}
	if w.configErr != "" {
		list = append(list, "the configuration was changed and cannot be used; what it was before counts, until a restart, which would fail: "+w.configErr)
	}
	if w.rotationErr != "" {
		list = append(list, "the rotation file: "+w.rotationErr)
	}
	return list
}

// shielded runs f unless ctx has ended.
func shielded(ctx context.Context, f func(context.Context) error) error {
	if err := f(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

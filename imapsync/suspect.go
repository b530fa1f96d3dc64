package imapsync

import (
	"context"
	"time"
)

// A mail can be such that the server, or the library that reads its answers,
// fails at it every time. It must not stop those behind it, and a server that
// is in trouble for a while must not turn good mail into stubs. So a failure
// makes a UID a suspect, which is fetched alone from then on; at the third
// one it is postponed (later.go). A failure counts against a mail only while
// other mail comes whole: then it is the mail, and not the server. After a
// few of these its header will do, and after more it is handed on with
// nothing but its UID. Where no other mail comes, it takes many failures over
// a time in which a server is repaired.
const (
	headerAfter  = 3                // failures that count until the header will do,
	headerTries  = 8                // or failures of any kind
	headerTime   = 20 * time.Minute // and the time since the first of them
	nothingAfter = 6                // failures that count until nothing will do,
	nothingTries = 12               // or failures of any kind
	nothingTime  = 40 * time.Minute // and the time since the first of them
	// Old mail stops only the history. Its header cannot be had after
	oldTries = 6 // failures
	oldTime  = 10 * time.Minute
)

// suspect is a UID at which fetching failed.
type suspect struct {
	times   int
	counted int // of these, after other mail had come whole
	since   time.Time
	why     string // the last failure, or a limit
	meta    meta   // uid 0: not known
	// undescribed: what the server says of it beside its octets cannot be read.
	undescribed bool
	// tooBig: the server sent more than a mail may have.
	tooBig bool
}

// strike counts a failure at a UID and makes the next bite smaller. What
// happens because we end is no failure.
func (f *follower) strike(ctx context.Context, uid uint32, m meta, err error) {
	if ctx.Err() != nil {
		return
	}
	s := f.suspects[uid]
	if s.times == 0 {
		s.since = f.y.now()
	}
	s.times++
	if f.lastWhole.After(s.since) {
		s.counted++
	}
	s.why = err.Error()
	if m.uid != 0 {
		s.meta = m
	}
	f.suspects[uid] = s
	f.y.log.Warn("fetching failed", "uid", f.uid(uid).String(), "times", s.times, "counted", s.counted, "err", err)
}

// headerWillDo says that it is given up to have the whole mail. A mail above
// a limit is not tried at all.
func (f *follower) headerWillDo(uid uint32) bool {
	s := f.suspects[uid]
	return s.tooBig || s.counted >= headerAfter || s.times >= headerTries && f.y.now().Sub(s.since) >= headerTime
}

// hopeless says that not even the header is to be had.
func (f *follower) hopeless(uid uint32) bool {
	s := f.suspects[uid]
	return s.counted >= nothingAfter || s.times >= nothingTries && f.y.now().Sub(s.since) >= nothingTime
}

// hopelessOld says that of an old mail.
func (f *follower) hopelessOld(uid uint32) bool {
	s := f.suspects[uid]
	if f.isAlso {
		return s.times >= alsoTries
	}
	return s.times >= oldTries && f.y.now().Sub(s.since) >= oldTime
}

func (f *follower) clear(uids ...uint32) {
	for _, uid := range uids {
		delete(f.suspects, uid)
	}
}

package imapsync

import (
	"context"
	"time"
)

// A mail can be such that the server, or the library that reads its answers,
// fails at it every time. It must not stop those behind it, and a server that
// is in trouble for a while must not turn good mail into stubs. So a failure
// makes a UID a suspect, which is fetched alone from then on; after a few
// failures, over a time in which a bad line recovers, its header will do; and
// only after many, over a time in which a server is repaired, it is handed on
// with nothing but its UID.
const (
	headerAfter  = 3                // failures until the header will do,
	headerTime   = 4 * time.Minute  // and the time since the first of them
	nothingAfter = 6                // failures until nothing will do,
	nothingTime  = 10 * time.Minute // and the time since the first of them
)

// suspect is a UID at which fetching failed.
type suspect struct {
	times int
	since time.Time
	why   string // the last failure, or a limit
	meta  meta   // uid 0: not known
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
	s.why = err.Error()
	if m.uid != 0 {
		s.meta = m
	}
	f.suspects[uid] = s
	f.y.log.Warn("fetching failed", "uid", f.uid(uid).String(), "times", s.times, "err", err)
}

// headerWillDo says that it is given up to have the whole mail: the others
// have waited for it long enough. A mail above a limit is not tried at all.
func (f *follower) headerWillDo(uid uint32) bool {
	s := f.suspects[uid]
	return s.tooBig || s.times >= headerAfter && f.y.now().Sub(s.since) >= headerTime
}

// hopeless says that not even the header is to be had.
func (f *follower) hopeless(uid uint32) bool {
	s := f.suspects[uid]
	return s.times >= nothingAfter && f.y.now().Sub(s.since) >= nothingTime
}

func (f *follower) clear(uids ...uint32) {
	for _, uid := range uids {
		delete(f.suspects, uid)
	}
}

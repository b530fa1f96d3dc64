package smtpout

import "postroom/internal/store"

// job is one claimed mail: the record as it was claimed.
type job struct {
	mail  store.OutMail
	probe bool // the relay is tried with it
	// direct says that no outbox holds the mail: nothing is recorded of it.
	direct bool
	// anew says that what the relay once said of reverse-paths does not count.
	anew bool
}

// end is how an attempt ended.
type end int

const (
	// endTried: each recipient has its verdict; what has none is tried again.
	endTried end = iota
	// endUnknown: the accepted recipients may or may not have the mail.
	endUnknown
	// endBack: the relay was not asked about this mail; the attempt does not
	// count.
	endBack
)

// verdict is what an attempt came to for one recipient: sent, failed, queued
// (to be tried again), or "" when the relay was not asked.
type verdict struct {
	state store.OutState
	reply reply
}

// trouble is what an attempt says about the relay.
type trouble int

const (
	// troubleNone: the relay answered as it should.
	troubleNone trouble = iota
	// troubleSuspect: it may be the mail, or the relay. A second mail in a row
	// decides.
	troubleSuspect
	// troubleRelay: the relay as a whole does not work.
	troubleRelay
	// troubleOpen: it does not open a session.
	troubleOpen
)

// result is what became of a job.
type result struct {
	job      *job
	worker   *worker
	end      end
	verdicts []verdict // as the recipients of the mail
	accepted []int     // recipients in the transaction
	hurdle   store.DeliveryHurdle
	last     reply // the last words about the mail
	more     bool  // the rest is to be sent at once: the transaction was full
	// ownRefused is what the relay said of our own copy, when it refused it.
	ownRefused string

	trouble trouble
	err     error // what the trouble is
	cut     bool  // the session broke

	from     string // the reverse-path used last
	fellBack bool   // sent with the fallback as the reverse-path
	refusal  reply  // why: what was said of the first reverse-path
}

func newResult(w *worker, j *job) *result {
	return &result{job: j, worker: w, verdicts: make([]verdict, len(j.mail.Recipients))}
}

// each sets the verdict of the recipients the relay has not refused for good.
func (r *result) each(which []int, state store.OutState, why reply) {
	for _, i := range which {
		if r.verdicts[i].state != store.OutFailed {
			r.verdicts[i] = verdict{state, why}
		}
	}
	r.last = why
}

// sent reports whether a recipient got the mail.
func (r *result) sent() bool {
	for _, v := range r.verdicts {
		if v.state == store.OutSent {
			return true
		}
	}
	return false
}

// Package gateway runs the thinking. One goroutine takes the records of the
// inbox in order, asks package threads what follows, and commits all of it at
// once: ledger entry, events, rotation pointers, outgoing mail, timers, and
// the record itself done.
//
// It guarantees that each record is acted on once, whatever dies in between;
// that a record which breaks it is set aside after three tries and reported,
// and those behind it go on; and that nothing is queued to a customer but
// what a step accepted and the leak guard let pass.
//
// It never talks to a network, and never decides: decisions are package
// threads'.
//
// The way through it: gateway.go is the loop, batch.go one transaction of it;
// library.go has mail read ahead of it, by reading.go, in the rooms of room.go; mail.go, delivery.go, outcomes.go, history.go,
// renumbered.go, rotation.go, timer.go and admin.go each handle one kind of
// record; recorded.go is mail given to nobody, further.go that of further folders, daily.go
// the list of it, adminmail.go what admins ask for by mail; absence.go is who is off duty, orders.go what an engineer asks for
// about herself, settle.go what she says of held mail, confirm.go which mail in her name she is asked about,
// budget.go where automatic mail ends and flood.go how much doubtful mail is held; originals.go brings mails
// as they came to who asked; lost.go is the way back from a backup, lostmail.go the mail of the time it
// does not know and lostplace.go what of it is ours; effects.go does what a
// step asked for, and turns
// it into mail (compose.go the copies, pending.go those composed beside the step, answer.go, notice.go); outgoing.go
// queues that, habits.go is what the mail servers were seen to do, and words.go and heldwords.go hold the sentences people read.
package gateway

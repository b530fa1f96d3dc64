// Package probe sends a mail from the support address to itself, through the
// whole path, and says what the mail server made of it.
//
// It guarantees that a probe is made known to the store before it leaves, so
// that it is given to nobody and answered by nobody when it comes back, in
// whatever shape, and however late; and that what it removes from the mailbox
// is probes of its own alone, and those only where the server can remove one
// message by itself.
//
// It never repairs: it reports, and who called it stores and uses what was
// found.
//
// The way through it: probe.go sends and waits, mailbox.go is the connection it
// waits at, look.go reads what came back, report.go says it in words.
package probe

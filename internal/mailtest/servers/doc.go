// Package servers is a small mail world in one process: an IMAP server and an
// SMTP submission server over the same accounts, so that a mail handed to the
// one can be read from the other. The demo lives on it, and so do the tests.
//
// It owns the mailboxes (in memory), the two servers and every goroutine they
// need. It guarantees that a mail the SMTP server has accepted is in the
// mailbox of each recipient before the reply goes out, that an idling client
// is told of every change, and that Close returns only when everything it
// started has ended. It never opens a socket by itself: listeners are handed
// in, from package net or from a Network, which is a network in memory and
// works inside a testing/synctest bubble. It never keeps anything on disk and
// never talks to another server, so it must not be exposed as a mail server.
//
// The way through it: New makes a World (world.go); AddAccount fills it;
// StartIMAP, StartIMAPS (imap.go), StartSMTP and StartSMTPS (smtp.go) serve
// listeners; Deliver, Append and Messages reach the mailboxes directly
// (mailbox.go); FailIMAP and FailSMTP make the servers misbehave (trap.go,
// imapfault.go, smtpfault.go). Scripted is a bare SMTP server that says only
// what its script says.
package servers

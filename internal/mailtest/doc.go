// Package mailtest is what tests share: builders of mail, a reader of mail to
// check what came out, a certificate authority, and real servers (Dovecot,
// Cyrus, Courier, Postfix), started for one test.
//
// The reader uses the standard library and knows nothing of package message,
// so that the two check each other. The real servers run as children of the
// test on free loopback ports, with configuration, state and mail in a
// directory of their own that goes with the test; nothing of the system's
// installation is touched. Where they are not installed the test is skipped
// with a line that says what is missing, or fails if
// POSTROOM_REQUIRE_SERVERS=1.
//
// The embedded servers that fail on command are in mailtest/servers. Only
// tests import this package.
//
// The way through it: Mail (mail.go) builds, Parse (parse.go) reads, NewCA
// (ca.go) signs, StartDovecot (dovecot.go), StartCyrus (cyrus.go),
// StartCourier (courier.go) and StartPostfix (postfix.go) serve; Mailboxes
// (mailbox.go) looks into what they keep; child.go owns the processes.
package mailtest

// Package smtpout is the way out: it takes the mails of the outbox whose time
// has come to one SMTP relay, and records what became of each recipient.
//
// It owns when a mail is tried, how often, and everything that is said to the
// relay. It guarantees that
//
//   - an attempt is in the store before the relay hears of the mail, so that a
//     crash leaves a mail unknown and never silently sent or lost;
//   - each recipient has an outcome of its own: one that is refused stops none
//     of the others;
//   - a mail is sent a second time only when the relay has certainly not taken
//     it. Where that cannot be known (the connection ended behind the final
//     dot, or the process did) the mail becomes unknown and waits here until
//     the gateway has decided;
//   - trouble with the relay as a whole pauses the relay and costs no mail an
//     attempt; trouble with one mail or recipient stops nothing else.
//
// It never changes an octet of a mail, which a function handed in renders as a
// stream, and knows nothing of IMAP, MIME or conversations. A mail the relay
// cannot take as it is composed (8-bit, too large) is not bent to fit: a copy
// stops, with its hurdle told to the gateway, until the gateway has composed
// it anew; any other mail fails with the hurdle beside the outcome.
//
// The way through it: Run and Drain (sender.go) start the dispatcher
// (dispatch.go), one goroutine that alone writes to the outbox: it claims due
// mails (claim.go), hands them to workers, and commits their outcomes in
// batches (settle.go), each with a record for the gateway. A worker (worker.go)
// owns one session (session.go), begun by go-smtp's client (hello.go, sasl.go),
// and speaks one transaction per mail (transact.go) over the wire (wire.go,
// dots.go, conn.go), where each wait has its deadline, several commands go in
// one write where the relay takes them so (RFC 2920), and a mail with its final
// dot: hello.go says why this is not the client's. reply.go judges the relay's
// replies, relay.go decides when the relay is left alone, recover.go finds what
// a crash left behind.
package smtpout

// Package login proves to a mail server who we are: which SASL mechanism is
// used (RFC 4422), and its exchange. The mailbox and the relay log in the same
// way, so it stands here once.
//
// It guarantees that the strongest mechanism offered is taken and no other is
// tried after it; that no exchange ever gives a nil response, which the SMTP
// client takes for success; that a challenge that explains a refusal is
// answered, so that the refusal itself is read; and that SCRAM counts only
// with the server's own proof.
//
// It never opens a connection and keeps no secret: both are the caller's.
//
// The way through it: Credentials.Choose gives an Exchange, which is a
// sasl.Client for either library; afterwards Ended or Refused is asked.
package login

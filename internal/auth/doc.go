// Package auth is what DNS has to say about mail: it signs ours (DKIM,
// RFC 6376) and reads who vouches for that of others.
//
// It guarantees that a mail is signed as a stream, whatever its size, and that
// no octet of the mail itself is changed by that; that what is believed of
// others' mail is a signature aligned with the one From address there is, or
// the verdict of the one server the operator named; and that names asked of
// DNS are bounded in number, length and time.
//
// It never decides what a verdict means: threads does.
//
// The way through it: Signer (sign.go) is wrapped round the rendering of an
// outgoing mail. Checker (checker.go) answers the mails that the gateway has
// put aside until it is known who vouches for them: results.go reads the
// trusted server's word, verify.go the signatures.
package auth

// Package oauth keeps the access tokens with which the mailbox and the relay
// let us in (RFC 6749), in place of a password.
//
// It owns the token file and everything said to a provider's token endpoint.
// Source is the one place both servers get their tokens from: one refresh is
// under way at a time, in this process and, by a lock beside the file, among
// all that use the file. Login fills the file for the first time, by the code
// flow over loopback (RFC 8252, RFC 7636) or the device flow (RFC 8628).
//
// It guarantees that a refresh token the provider has changed is on the disk,
// synced, with mode 0600, before the access token that came with it is handed
// out; that a token is renewed ahead of its expiry while Run runs, so that a
// refusal is known while the old one still works; that a provider in trouble
// is not asked in a tight loop; and that no token, code or secret gets into an
// error or a log. What a provider says is bounded, and cleaned before it is
// shown.
//
// It never speaks to a mail server, and knows nothing of the rest of Postroom.
//
// The way through it: Config (config.go) says who is asked; Source
// (source.go) answers from memory, or flies to the endpoint (refresh.go) and
// keeps what came in the file (file.go); Run (keep.go) does so ahead of time;
// DeviceLogin and CodeLogin (device.go, code.go) are for people.
package oauth

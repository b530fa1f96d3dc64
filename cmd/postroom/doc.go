// Postroom is an email-native support gateway. It follows a support mailbox
// over IMAP, finds the conversation each mail belongs to, hands it to the next
// engineer of a rotation, and sends the engineer's answer to the customer over
// SMTP. Customers, engineers and admins use the mail client and the text
// editor they have; nobody logs in anywhere.
//
// # A tour of the code
//
// A mail goes in, is thought about, and something goes out. The three stages
// never import each other; a bbolt file with its journal lies between them.
//
//	mailbox ──▶ imapsync ──▶ [inbox] ──▶ gateway ──▶ [outbox] ──▶ smtpout ──▶ people
//	                                        │
//	                                  threads.Step
//
// Package imapsync follows the mailbox: every UID is fetched once and put into
// the inbox, its raw octets into the spool, in the transaction that moves the
// cursor. Package threads is the thinking: pure functions from a conversation
// and what happened to events and effects. Package gateway (internal) runs
// it: one goroutine, one transaction for a batch of records. Package smtpout
// takes what is due from the outbox, records each attempt before it is made,
// and reports each outcome through the inbox.
//
// Beside them, in internal: message reads and composes mail, rotation reads
// the rotation file, config the configuration; login proves to both mail
// servers who we are, oauth keeps the tokens it takes for that, auth signs our mail and
// asks who vouches for that of engineers; store keeps everything; service
// wires one running Postroom; admin is the control socket and what people are
// shown; rehearse is old mail, read and decided in memory; demo is a support
// team in a box; mailtest is what tests share;
// archtest keeps this picture true.
//
// To follow one mail through the code, begin at gateway's mail.go.
//
// This command holds flags and words for people, and nothing else: main.go
// runs it, root.go lists the subcommands, and each of these has its file.
//
// # Exit codes
//
//	0  fine
//	1  found something wrong: degraded, not running, audit gaps, a directory in use
//	2  wrong flags, or a configuration or rotation file refused
package main

// Package threads is Postroom's thinking: which conversation a mail belongs
// to, who has the turn, and what follows from what happened. It is pure: it
// reads no clock, disk or network and draws no random number, so that history
// can be replayed and a year simulated in seconds. It uses the standard
// library alone.
//
// A [Conversation] is the fold of its list of [Event]s; nothing else changes
// it. [Match] finds the conversation of a mail by asking an [Index],
// [Classify] settles what kind of mail it is, [Authenticate] what an
// engineer's mail may do, and [Step] answers with the events and [Effect]s
// that follow. The caller commits both in one transaction.
//
// Conversations are never renumbered, and merged or split only when an engineer
// says so: then events of the one are carried over to the other, and an index
// says of what names the one that it means the other. Where a mail arrives after
// mails that answer it and were told apart, it joins the older conversation,
// and so does what answers it; the younger one goes on by itself.
//
// The way through it: mail.go holds the facts of a mail; token.go the
// addresses and ids we give away; event.go and conversation.go the history and
// its state; match.go, classify.go and authority.go the judgement; step.go
// and the files named step_* what follows; recipients.go whom an answer goes to;
// rotation.go and pick.go who has the turn.
package threads

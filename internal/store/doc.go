// Package store keeps Postroom's state: one bbolt file and a spool folder in
// one state directory. The store is the bus between the three stages: the
// mailbox puts records into the inbox, the gateway turns them into events and
// outgoing mail, delivery takes these and puts its outcomes into the inbox.
//
// It guarantees that what one [Store.Update] changes is on disk whole or not
// at all when Update returns; that raw mail a committed record refers to is
// on disk before that record; and that a spool segment is unlinked only after
// the transaction that dropped the last reference to it.
//
// It never interprets: a recipe and an event are opaque values here, and no
// mail is parsed.
//
// The way through it: schema.go lists the buckets and keys; store.go opens,
// locks and runs transactions; spool.go is the raw mail; the other files hold
// one kind of record each; verify.go walks it all and says what is broken.
package store

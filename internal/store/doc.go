// Package store keeps Postroom's state: one bbolt file, its journal and a spool
// folder in one state directory. The store is the bus between the three stages: the
// mailbox puts records into the inbox, the gateway turns them into events and
// outgoing mail, delivery takes these and puts its outcomes into the inbox.
//
// It guarantees that what one [Store.Update] changes is on disk whole or not
// at all when Update returns; that raw mail a committed record refers to is
// on disk before that record; and that a spool segment is unlinked only after
// the transaction that dropped the last reference to it. What one transaction
// did becomes durable by one sync, of the journal, which those that wait together share; the file itself is written
// now and then, so a copy of it alone is not the state: [Store.Copy] makes one.
//
// What is not as it was written is told and refused, as far as it can be told
// from the end of a process or of the power: a journal that goes on behind a
// record that cannot be read, or from a newer file; a file with a page that is
// none, or with less pages than it had; a file or key that is gone. What is refused is
// left as it is. An error of a sync is told by the kernel once: what it was for
// is written again, never just synced again.
//
// It never interprets: a recipe and an event are opaque values here, and no
// mail is parsed.
//
// The way through it: schema.go lists the buckets and keys; store.go opens and
// locks, file.go makes and opens the file, look.go and pages.go look for damage
// first; live.go runs transactions that write, reading.go those that read, and journal.go, bucket.go and durable.go are how they
// become durable; spool.go is the raw mail, carriage.go what of it the journal carries;
// the other files hold one kind of record each; backup.go writes it to one file, restore.go reads
// that and putback.go puts it back, restored.go is what a state that was put back knows of it;
// verify.go walks it all and says
// what is broken.
package store

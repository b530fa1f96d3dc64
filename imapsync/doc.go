// Package imapsync follows a mailbox over IMAP: the folder customers write to
// and the Sent folder, and looks now and then at further ones, such as Junk.
// It owns the connections, the cursors of the two
// folders and the chores.
//
// It guarantees that every message which is in a followed folder when it is
// looked at is put into the store's inbox once, in the order of UIDs, its
// octets safe in the spool before; that the cursor passes a UID only in that
// transaction, or, where fetching it failed three times, in one that leaves a
// durable entry to fetch it later; that flags, which belong to people, decide nothing; and that a
// connection which breaks, stalls or talks nonsense costs time and never a
// mail. What cannot be fetched whole is handed on with the reason, so that a
// person hears of it. A message that is gone before it was fetched is
// recorded as gone. After a change of UIDVALIDITY header fields and sizes are
// read again, and bodies only where these do not decide.
//
// It never parses a mail, knows nothing of conversations, sets no flag on its
// own account and expunges nothing but copies of our own mail that it was
// told to file.
//
// The way through it: config.go says what can be set; syncer.go holds the two
// followers up, each on a connection of its own; follower.go is the life of
// one connection: select, look, history, chores, wait. look.go lists what is
// new and chunk.go brings it in, later.go what was passed; history.go reads
// old mail by header fields, again.go a folder that was numbered anew; suspect.go
// tells a bad mail from a server in trouble; also.go is the further folders; chores.go and seen.go change the mailbox; wait.go is IDLE and the poll;
// restored.go says what is to be read again behind a backup, past.go reads where closed conversations went;
// originals.go fetches single messages for who asked, beside the followers. Below these,
// session.go and fetch.go are the IMAP commands, dial.go, starttls.go and login.go make a
// connection, and quiet.go notices one that has gone silent.
package imapsync

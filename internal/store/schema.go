package store

// The buckets of the bbolt file. Integers in keys are big-endian, so that
// byte order is number order. Every value is one version octet and JSON, or the
// form compact.go has for it, except where a line says otherwise.
//
//	meta           name                            → value     schema version, which mailbox this is, which journal goes on from here, and what marks its records
//	cursor         folder                          → Cursor    how far a folder has been read
//	inbox          seq/8                           → InboxRecord   what waits for the gateway, in order
//	parked         seq/8                           → InboxRecord   mail that waits for the history import
//	asked          seq/8                           → InboxRecord   mail that waits to be told who vouches for it
//	lost           seq/8                           → InboxRecord   what waits for the mail of the lost time to be read
//	found          id/8                            → Found     mail of ours from the lost time
//	aside          seq/8                           → Aside     records the gateway could not process
//	later          folder 0 uidvalidity/4 uid/4    → Later     messages passed and still to be fetched
//	recorded       id/8                            → Recorded  mails given to nobody, for the admins to see
//	chores         seq/8                           → Chore     what is to be done in the mailbox
//	fetch          seq/8                           → Fetch     messages somebody asked for, to be brought in whole
//	wanted         id                              → Wanted    who asked for which of them
//	ledger         folder 0 uidvalidity/4 uid/4    → Outcome   what became of each UID, for good
//	conversations  conversation/8                  → Head      the folded state, derived from events; before version 9 JSON
//	open           conversation/8                  → OpenConversation  of those that are open, derived
//	events         conversation/8 n/4              → event     as threads encodes it; before version 6 JSON
//	message-ids    SHA-256(id)/16                   → knownVersion, []Known   which mails an id stands for; before version 7 by the id itself
//	traces         threads.Trace                   → octet, uvarints   conversations in which a trace was left, newest last
//	               topic/6                         → octet, texts   the traces of the first texts under it: see said.go
//	active         conversation/8                  → octet, unix/8     when its newest mail came or went
//	texts          conversation/8 n/4              → deflate   what a person reads of a mail (octet, deflated)
//	redirects      conversation/8 n/4              → octet, conversation/8 n/4   where an event is that moved; n 0 is all of it
//	uids           conversation/8 n/4              → UID       where the mail of an event lies in the mailbox
//	kept           conversation/8 n/4              → Ref       raw mail a conversation still needs
//	tokens         SHA-256(token)/16               → Token     what an address or id of ours stands for
//	holds          id                              → Hold      mail kept back
//	outbox         id                              → outVersion, OutMail   mail on its way; before version 4 JSON
//	recipes        id                              → octets    how the mail of this id is made
//	due            priority/1 unixnano/8 id        → empty     when the outbox acts on a mail
//	unresolved     id                              → empty     mails whose acceptance is unknown
//	returned       id                              → octet     mails whose copy came back while they were being sent
//	timers         unixnano/8 name                 → Timer
//	timer-names    name                            → unixnano/8   the one deadline a name has
//	rotation       "pointers-" name                → Pointers  whose turn it is
//	               "pinned"                        → RotationPin   the file was rolled back
//	               "absent-" engineer              → Absence   who is off duty for another reason than the file's
//	               "version" seq/8                 → RotationVersion   every accepted file
//	segments       segment/8                       → count/8   references to a spool segment
const schemaVersion = 9

const recordVersion = 1

var allBuckets = [...]string{
	bMeta, bCursor, bInbox, bParked, bAsked, bLost, bFound, bAside, bLater, bRecorded, bChores, bFetch, bWanted, bLedger, bConversations, bOpen, bEvents,
	bMessageIDs, bTraces, bActive, bTexts, bRedirects, bUIDs, bKept, bTokens, bHolds, bOutbox, bRecipes, bDue, bUnresolved, bReturned, bTimers, bTimerNames,
	bRotation, bSegments,
}

const (
	bMeta          = "meta"
	bCursor        = "cursor"
	bInbox         = "inbox"
	bParked        = "parked"
	bAsked         = "asked"
	bLost          = "lost"
	bFound         = "found"
	bAside         = "aside"
	bLater         = "later"
	bRecorded      = "recorded"
	bChores        = "chores"
	bFetch         = "fetch"
	bWanted        = "wanted"
	bLedger        = "ledger"
	bConversations = "conversations"
	bOpen          = "open"
	bEvents        = "events"
	bMessageIDs    = "message-ids"
	bTraces        = "traces"
	bActive        = "active"
	bTexts         = "texts"
	bRedirects     = "redirects"
	bUIDs          = "uids"
	bKept          = "kept"
	bTokens        = "tokens"
	bHolds         = "holds"
	bOutbox        = "outbox"
	bRecipes       = "recipes"
	bDue           = "due"
	bUnresolved    = "unresolved"
	bReturned      = "returned"
	bTimers        = "timers"
	bTimerNames    = "timer-names"
	bRotation      = "rotation"
	bSegments      = "segments"
)

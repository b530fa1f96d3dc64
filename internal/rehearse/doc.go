// Package rehearse reads old mail, and says what Postroom reads in it and
// would do with it.
//
// Old mail is single mails, mbox files, Maildirs and folders of mails, plain
// or compressed with gzip; [Mails] gives them out one after the other.
// [Explain] tells what is read in one file. A [Rehearsal] takes mail after
// mail and decides as the service would: it asks the same functions of package
// threads, with an index in memory, and the clock is the mails' own ([Clock]).
// A [Simulation] replays [Traffic], of old mail or of the store's history,
// against a rotation, once or many times over.
//
// It guarantees that reading is bounded: a few mails are held at a time, of
// each at most [MaxMail] octets, so an archive may be of any size; a rehearsal
// grows by what the ids of the mails stand for, a few kilobytes each. A file
// that cannot be read is an error in its place; what comes behind it is read
// all the same. The same mails give the same decisions.
//
// It never sends anything, changes nothing it reads, and needs neither
// configuration nor state.
//
// The way through it: mails.go opens paths, folder.go lists what lies in a
// directory, mbox.go and fromline.go take an mbox apart, explain.go tells what
// one file holds. parse.go reads mails on several goroutines and keeps their
// order, clock.go gives them their time, rehearsal.go decides, stepping.go
// does what follows from a decision, diff.go compares two sets of rules.
// traffic.go is what a simulation replays, simulate.go runs it, outcome.go sums
// it up and finds the limit.
package rehearse

// Package rehearse reads old mail, and says what Postroom reads in it and
// would do with it.
//
// Old mail is single mails, mbox files, Maildirs and folders of mails, plain
// or compressed with gzip; [Mails] gives them out one after the other.
// [Explain] tells what is read in one file.
//
// It guarantees that reading is bounded: one mail is held at a time, of which
// at most [MaxMail] octets are kept, so an archive may be of any size. A file
// that cannot be read is an error in its place; what comes behind it is read
// all the same.
//
// It never sends anything, changes nothing it reads, and needs neither
// configuration nor state.
//
// The way through it: mails.go opens paths, folder.go lists what lies in a
// directory, mbox.go and fromline.go take an mbox apart, explain.go tells what
// one file holds.
package rehearse

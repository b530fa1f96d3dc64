// Package demo is a support team in a box: a mail server, a support mailbox,
// three engineers, an admin and a few customers on this machine alone, with a
// real Postroom in the middle of them.
//
// It owns the world it sets up, its directory and the story. It guarantees
// that the service is the one `postroom run` starts, configured by a file as
// anybody would write it; that every line of the story was checked before it
// was printed, in the mailboxes themselves; and that when Run returns nothing
// of it is left, the directory included unless it was to be kept. It never
// opens a port to anything but this machine and never sends real mail.
//
// The way through it: demo.go sets up and takes down; people.go says who
// there is and files.go what the files say; client.go is the mail client of
// everybody, reading.go how they read; story.go tells what happens and
// checks.go what must be true of it; audit.go looks at everything once more at
// the end; stay.go invites whoever started it to join in.
package demo

// Package admin shows what Postroom holds and lets its admins act on it: the
// views over the store, the control socket by which the command reaches a
// running service, and the tables people read on a terminal.
//
// It guarantees that a view reads in short transactions and copies out, so
// that no reader, however slow, keeps the store's pages; that a bad or
// endless request costs its sender the connection and the service nothing;
// that every request that changes something carries the name of the user who
// made it; and that no octet of a mail reaches a terminal unescaped.
//
// It never changes the store itself: what is asked for goes through an
// [Asker] to the one goroutine that changes conversations. It opens no
// network connection, and the socket is open to its owner alone. Who reaches
// the web server, which is off unless asked for, reads figures: no address,
// and nothing of a mail.
//
// The way through it: views.go lists conversations, timeline.go and
// sentence.go tell one as a story, export.go streams every message, report.go counts who did what, trust.go lists
// whose word mail needs, backup.go hands out the whole state, queues.go
// shows what waits, status.go sums up and audit.go compares ledger and
// mailbox; protocol.go is the one line of a request and the lines of its
// answer, verbs.go what can be asked, socket.go and peer.go where and by whom,
// server.go and client.go the two ends; web.go and metrics.go are health and
// figures over HTTP; safe.go, print.go and
// print_timeline.go are for people.
package admin

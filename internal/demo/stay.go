package demo

import "net"

// invite says how to join in.
func (d *demo) invite() {
	say := d.say
	_, imapPort, _ := net.SplitHostPort(d.imapAddr) // both are addresses of listeners
	_, smtpPort, _ := net.SplitHostPort(d.smtpAddr)
	say.gap()
	say.line("The team stays at work. Join in with any mail client, as a customer or as an engineer:")
	say.line("  server 127.0.0.1, IMAP port %s, SMTP port %s, no encryption, normal password", imapPort, smtpPort)
	say.gap()
	for _, p := range d.cast.everyone {
		say.line("  user %-21s password %-8s %s, %s", p.address, p.password, p.name, p.role)
	}
	say.gap()
	say.line("A customer writes to %s. The next engineer finds it in the INBOX and just replies.", supportAddress)
	say.line("Without a mail client: a mail with curl, and what %s finds, whose turn it is:", d.cast.bob.first())
	say.line("  printf 'From: joe@shop.example\\nTo: %s\\nSubject: Hello\\n\\nIs anybody there?\\n' |", supportAddress)
	say.line("    curl -s --url smtp://%s --user joe@shop.example:joe --mail-from joe@shop.example --mail-rcpt %s -T -", d.smtpAddr, supportAddress)
	say.line("  curl -s --user bob@acme.example:bob 'imap://%s/INBOX;MAILINDEX=*'", d.imapAddr)
	say.gap()
	say.line("Who answers support stands in %s: edit it and see.", d.path(rotationFile))
	say.line("Configuration: %s   state: %s   log: %s", d.path(configFile), d.path(stateDir), d.path(logFile))
	say.line("From another terminal:")
	for _, words := range []string{"status", "list", "show 1", "audit", "export"} {
		say.line("  postroom %s -c %s", words, d.path(configFile))
	}
	say.gap()
	if d.opts.Keep {
		say.line("Ctrl-C ends it; the directory stays.")
	} else {
		say.line("Ctrl-C ends it and removes everything.")
	}
}

package threads

import "strings"

// Person is who wrote a mail. Where From is nobody's own address - ours, that
// of the list or group the mail came through, a no-reply or a web form's - the
// person is in Reply-To or in what the group kept of From.
func (n Names) Person(m *Mail) Address {
	from := m.Sender()
	if !n.shared(m, from.Addr) {
		return from
	}
	for _, list := range [][]Address{m.OriginalFrom, m.ReplyTo} {
		for _, a := range list {
			if !n.shared(m, a.Addr) {
				return named(a, from)
			}
		}
	}
	if from.Addr == "" && len(m.ReplyTo) > 0 {
		return m.ReplyTo[0]
	}
	return from
}

// named gives an address that came without a name that of a rewritten From:
// "Jane Doe via Support".
func named(a, from Address) Address {
	if a.Name == "" {
		if name, _, via := strings.Cut(from.Name, " via "); via {
			a.Name = strings.Trim(name, `'" `)
		}
	}
	return a
}

// shared reports whether an address stands for no single person: one of ours,
// the list's or group's of this mail, or a machine's.
func (n Names) shared(m *Mail, addr string) bool {
	key := AddressKey(addr)
	return key == "" || n.Ours(addr) || key == AddressKey(m.ListPost) || impersonal(key)
}

// impersonal reports whether the local part of a folded address is one that
// programs write under, so that many people's mail bears it.
func impersonal(key string) bool {
	local, _, _ := strings.Cut(key, "@")
	local, _, _ = strings.Cut(local, "+")
	switch strings.Map(lettersOnly, local) {
	case "noreply", "nreply", "donotreply", "dontreply", "pasderesponse", "nepasrepondre", "noresponder", "naoresponda",
		"nichtantworten", "keineantwort", "nessunarisposta", "noresponse", "neodpovidat", "noreplies", "nobody",
		"wordpress", "wwwdata", "apache", "httpd", "nginx", "www", "webform", "webforms", "form", "forms", "contactform",
		"contactforms", "webmailer", "formmail", "formmailer", "kontaktformular", "formular", "formulaire", "formulario",
		"root", "daemon", "mailerdaemon", "phpmailer", "cgi", "mailform", "notification", "notifications", "automailer":
		return true
	}
	return strings.HasPrefix(local, "noreply") || strings.HasPrefix(local, "no-reply") || strings.HasPrefix(local, "bounce")
}

func lettersOnly(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r
	}
	return -1
}

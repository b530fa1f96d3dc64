package threads

import (
	"slices"
	"strings"
)

// Person is who wrote a mail. Where From is nobody's own address - ours, that
// of the list or group the mail came through, a no-reply or a web form's - the
// person is in what the group kept of From or in Reply-To. Groups that put
// themselves into Reply-To too add the person to Cc, under the name that
// stands in From before "via".
func (n Names) Person(m *Mail) Address {
	from := m.Sender()
	if !n.shared(m, from.Addr) {
		return from
	}
	name, _, via := strings.Cut(from.Name, " via ")
	name = strings.Trim(name, `'" `)
	for _, list := range [][]Address{m.OriginalFrom, m.ReplyTo} {
		for _, a := range list {
			if n.shared(m, a.Addr) {
				continue
			}
			if a.Name == "" && via {
				a.Name = name
			}
			return a
		}
	}
	if via && name != "" {
		for _, a := range slices.Concat(m.Cc, m.To) {
			if strings.EqualFold(a.Name, name) && !n.shared(m, a.Addr) {
				return a
			}
		}
	}
	if from.Addr == "" && len(m.ReplyTo) > 0 {
		return m.ReplyTo[0]
	}
	return from
}

// viaKey tells apart the people whose mail a group sends under its own
// address, where nothing but the name before "via" says who wrote: the group's
// address alone would make one person of them all.
func viaKey(m *Mail) string {
	from := m.Sender()
	name, _, via := strings.Cut(from.Name, " via ")
	if !via || strings.TrimSpace(name) == "" {
		return ""
	}
	return strings.ToLower(strings.Trim(name, `'" `)) + " via " + from.Key()
}

// shared reports whether an address stands for no single person: one of ours,
// the list's or group's of this mail, or a machine's.
func (n Names) shared(m *Mail, addr string) bool {
	key := AddressKey(addr)
	if from := m.Sender(); key == from.Key() && strings.Contains(from.Name, " via ") {
		return true // a group wrote its own address beside the author's name
	}
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

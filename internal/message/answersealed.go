package message

import (
	"slices"
	"strings"

	"postroom/threads"
)

// plain cleans a plain text; "" when nothing is left of it.
func (t *answerTree) plain(text string) string {
	var inserts []string
	if !t.insertedPlain {
		inserts, t.insertedPlain = t.inserts, true
	}
	text = StripAnswer(text, inserts...)
	if slashes(text) {
		for l := range strings.Lines(text) {
			if !quotedLine(l) {
				t.s.leftover(l, "text")
			}
		}
	}
	text = t.cids.Replace(t.s.text(text, "text"))
	if strings.TrimFunc(text, unseen) == "" {
		return ""
	}
	return text
}

// packed is what Outlook packed into a winmail.dat. It is never passed on: it
// holds all of the mail once more, with her address and what she quotes. Its
// text counts where there is no other; files in it cannot be had.
func (t *answerTree) packed(p *Part) (*entity, error) {
	inside, ok := readTNEF(t.m.Open(p))
	if !ok || len(inside.files) > 0 {
		return nil, ErrPacked
	}
	if t.texts > 0 {
		return nil, nil
	}
	t.texts++
	if text := t.plain(inside.text); text != "" {
		return textEntity("plain", text), nil
	}
	return nil, nil
}

// Sealed reports a mail that carries its writer's signature or key, in S/MIME
// or PGP, which is not sent on: it names her address.
func (m *Message) Sealed() bool {
	if m.Mail.Sealed == threads.Signed {
		return true
	}
	return slices.ContainsFunc(m.Leaves(), func(p *Part) bool {
		switch p.Type {
		case "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-keys":
			return true
		}
		return false
	})
}

// openClearsigned takes the frame of a PGP signature off a text (RFC 9580
// §7): the signature names whose key made it.
func openClearsigned(text string) string {
	const begin, signature = "-----BEGIN PGP SIGNED MESSAGE-----\n", "\n-----BEGIN PGP SIGNATURE-----"
	before, rest, ok := strings.Cut(text, begin)
	if !ok {
		return text
	}
	_, body, ok := strings.Cut(rest, "\n\n") // behind the Hash fields
	body, behind, closed := strings.Cut(body, signature)
	if !ok || !closed {
		return text
	}
	if _, after, ok := strings.Cut(behind, "-----END PGP SIGNATURE-----"); ok {
		behind = strings.TrimPrefix(after, "\n")
	}
	body = strings.ReplaceAll("\n"+body, "\n- ", "\n")[1:]
	return before + body + "\n" + behind
}

package threads

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// DigestID is the id under which a mail without a Message-ID is known.
func DigestID(m *Mail) string { return "header:" + m.HeaderDigest }

// SentDigest is what a copy of our own mail is recognised by, whatever
// happened to its Message-ID on the way: sender, date, subject and body.
func SentDigest(m *Mail) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n%s\n%s", m.Sender().Key(), m.Date.Unix(), m.Subject, m.BodyDigest)
	return "sent:" + hex.EncodeToString(h.Sum(nil))
}

// ReferencesDigest is the second mark of our own mail under a foreign
// Message-ID.
func ReferencesDigest(m *Mail) string {
	sum := sha256.Sum256([]byte(strings.Join(m.References, "\n")))
	return hex.EncodeToString(sum[:16])
}

// Twin returns what is known of the same mail, seen before: same Message-ID,
// From, Date, Subject, References and body, whatever its trace headers say. A
// mail with the same id and other content is another mail. Of history only
// the header was read, so the header decides there, if it says anything.
func Twin(ix Index, m *Mail) (Known, bool) {
	id := m.MessageID
	if id == "" {
		id = DigestID(m)
	}
	says := m.MessageID != "" || !m.Date.IsZero() && m.Sender().Addr != ""
	for _, k := range ix.ID(id) {
		body := k.Body == m.BodyDigest || says && (k.Body == "" || m.BodyDigest == "")
		if k.Header == m.HeaderDigest && k.Header != "" && body {
			return k, true
		}
	}
	return Known{}, false
}

package smtpout

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-smtp"
)

// maxWords is how much of the relay's words is kept, in octets.
const maxWords = 512

// reply is a reply of the relay, or what stands for one: code 0 means that
// the connection failed, or that what came was no reply. It is an error too,
// where it is not the one that was wanted.
type reply struct {
	code     int
	enhanced string // RFC 3463, "" when there was none
	words    string // cleaned
	cause    error  // of code 0
}

// broke stands for the reply that did not come.
func broke(err error) reply { return reply{words: clean(err.Error()), cause: err} }

// replyIn returns the reply an error comes from, or what stands for one.
func replyIn(err error) reply {
	var r reply
	var se *smtp.SMTPError
	switch {
	case errors.As(err, &r):
		return r
	case !errors.As(err, &se):
		return broke(err)
	}
	r = reply{code: se.Code, words: clean(se.Message)}
	if e := se.EnhancedCode; e[0] > 0 {
		r.enhanced = fmt.Sprintf("%d.%d.%d", e[0], e[1], e[2])
	}
	return r
}

// Error is String: what a relay says of itself needs no more words.
func (r reply) Error() string { return r.String() }

// Unwrap returns why there is no reply.
func (r reply) Unwrap() error { return r.cause }

func (r reply) ok() bool        { return r.code/100 == 2 }
func (r reply) temporary() bool { return r.code/100 == 4 }
func (r reply) permanent() bool { return r.code/100 == 5 }

// broken says that the session cannot go on: it failed, or the other side
// speaks something else than what was asked.
func (r reply) broken() bool { return !r.temporary() && !r.permanent() }

// lost says that nothing was read that is a reply.
func (r reply) lost() bool { return r.code == 0 }

// taken is the reply to a MAIL or RCPT that is accepted; 251 and 252 say where
// else a mail will go (RFC 5321 §4.2.3).
func (r reply) taken() bool { return r.code >= 250 && r.code < 260 }

// closing is the reply to anything when the relay shuts down (RFC 5321 §3.8).
func (r reply) closing() bool { return r.code == 421 }

// tooMany says that the transaction holds as many recipients as the relay
// takes in one. Some still say so with 552, as RFC 821 had it (RFC 5321
// §4.5.3.1.10), or with words alone.
func (r reply) tooMany() bool {
	if r.code != 452 && r.code != 552 {
		return false
	}
	return strings.HasSuffix(r.enhanced, ".5.3") || strings.Contains(strings.ToLower(r.words), "too many recipients")
}

// tooLarge says that the mail is larger than the relay takes (RFC 1870 §6).
func (r reply) tooLarge() bool {
	return r.code == 552 && r.enhanced != "5.2.2" || r.enhanced == "5.3.4" && r.permanent()
}

// String is the reply in one line, for people.
func (r reply) String() string {
	parts := make([]string, 0, 3)
	if r.code != 0 {
		parts = append(parts, strconv.Itoa(r.code))
	}
	for _, s := range []string{r.enhanced, r.words} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}

// senderWords are what relays say when they mean the sender, lower case.
var senderWords = [...]string{
	"sendasdenied", "send as", "send on behalf", "sender address rejected", "sender rejected",
	"not owned by user", "sender not allowed", "invalid sender", "envelope sender",
}

// refusesSender reports whether the relay refused the reverse-path and not
// the mail or a recipient. atMail says that this was the reply to MAIL, which
// is about little else.
func (r reply) refusesSender(atMail bool) bool {
	if !r.permanent() {
		return false
	}
	if atMail {
		switch r.code {
		case 500, 502, 503, 504, 530, 534, 535, 538, 552, 555:
			return false // a command, a login, a size, a parameter
		}
		return !r.tooLarge()
	}
	switch r.enhanced {
	case "5.7.60", "5.2.252", "5.1.7", "5.1.8":
		return true
	}
	words := strings.ToLower(r.words)
	if strings.Contains(words, "5.7.60") || strings.Contains(words, "5.2.252") {
		return true // a relay that hands on what the next one said
	}
	for _, w := range senderWords {
		if strings.Contains(words, w) {
			return true
		}
	}
	return false
}

// needsLogin says that MAIL was refused for want of a login (RFC 4954 §6).
func (r reply) needsLogin() bool {
	return r.code == 530 || r.code == 534 || r.code == 535 || r.code == 538
}

// clean makes hostile words fit to be stored and shown: one line of printable
// characters, at most maxWords octets.
func clean(s string) string {
	if plain(s) {
		return s
	}
	if len(s) > 4*maxWords {
		s = s[:4*maxWords]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(c rune) rune {
		if c == '\n' || c == '\r' || c == '\t' {
			return ' '
		}
		if !unicode.IsPrint(c) {
			return '\uFFFD'
		}
		return c
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxWords {
		s = s[:maxWords]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return s
}

// plain reports whether clean would change nothing, as is so of most replies.
func plain(s string) bool {
	if len(s) > maxWords {
		return false
	}
	last := byte(' ')
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == ' ' && last == ' ' {
			return false
		}
		last = s[i]
	}
	return s == "" || last != ' '
}

package message

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

type fieldRule func(body string) error

var fieldRules = map[string]fieldRule{
	"date": strictDate, "from": strictAddresses, "to": strictAddresses, "cc": strictAddresses, "reply-to": strictAddresses,
	"subject": strictUnstructured, "thread-topic": strictUnstructured, "content-description": strictUnstructured,
	"message-id": strictOwnID, "in-reply-to": strictIDs, "references": strictIDs, "content-id": strictIDs,
	"thread-index": strictBase64, "mime-version": strictWord("1.0"), "auto-submitted": strictWord("auto-generated"),
	"precedence": strictWord("list"), "x-auto-response-suppress": strictWord("All"),
	"content-type": strictMIME(`^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+$`), "content-disposition": strictMIME(`^(inline|attachment)$`),
	"content-transfer-encoding": strictWord("7bit", "8bit", "quoted-printable", "base64"),
	"content-language":          strictUnstructured, "content-location": strictUnstructured,
}

func strictWord(words ...string) fieldRule {
	return func(body string) error {
		for _, w := range words {
			if body == " "+w {
				return nil
			}
		}
		return fmt.Errorf("not one of %q", words)
	}
}

func strictBase64(body string) error {
	_, err := base64.StdEncoding.Strict().DecodeString(strings.Join(strings.Fields(body), ""))
	return err
}

var dateForm = regexp.MustCompile(`^ (Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2} [A-Z][a-z]{2} \d{4}) \d{2}:\d{2}:\d{2} [+-]\d{4}$`)

// strictDate: RFC 5322 §3.3, and the day of the week is that day's.
func strictDate(body string) error {
	m := dateForm.FindStringSubmatch(body)
	if m == nil {
		return fmt.Errorf("not the form of a date")
	}
	t, err := time.Parse(" Mon, 02 Jan 2006 15:04:05 -0700", body)
	if err != nil {
		return err
	}
	if t.Format("Mon") != m[1] {
		return fmt.Errorf("that day was a %s", t.Format("Mon"))
	}
	return nil
}

var (
	ownIDForm = regexp.MustCompile("^<[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*>$")
	// Ids of others are repeated as they are, whatever their form: what
	// stands between the brackets is opaque. They have no blanks.
	idForm = regexp.MustCompile(`^<[!-;=?-~]+>$`)
)

func strictOwnID(body string) error {
	if !strings.HasPrefix(body, " ") || !ownIDForm.MatchString(body[1:]) {
		return fmt.Errorf("not one msg-id of RFC 5322 §3.6.4")
	}
	return nil
}

func strictIDs(body string) error {
	ids := strings.Fields(body)
	if len(ids) == 0 || len(ids) > 23 {
		return fmt.Errorf("%d ids", len(ids))
	}
	for _, id := range ids {
		if !idForm.MatchString(id) {
			return fmt.Errorf("%q is no id", id)
		}
	}
	return nil
}

var (
	wordForm   = regexp.MustCompile(`^=\?([A-Za-z0-9-]+)\?([BQ])\?([!->@-~]*)\?=$`)
	phraseForm = regexp.MustCompile(`^([A-Za-z0-9!*+/_-]|=[0-9A-F]{2})*$`)
)

// strictEncoded: an encoded word of RFC 2047 §2 that is whole by itself.
func strictEncoded(w string, phrase bool) error {
	m := wordForm.FindStringSubmatch(w)
	if m == nil || len(w) > 75 || m[1] != "UTF-8" {
		return fmt.Errorf("%q is no encoded word", w)
	}
	var text []byte
	var err error
	if m[2] == "B" {
		text, err = base64.StdEncoding.Strict().DecodeString(m[3])
	} else {
		if phrase && !phraseForm.MatchString(m[3]) { // §5 rule 3
			return fmt.Errorf("%q may not stand in a name", w)
		}
		text, err = undoEscapes(strings.ReplaceAll(m[3], "_", "=20"), '=')
	}
	if err == nil && (!utf8.Valid(text) || strings.ContainsAny(string(text), "\r\n\x00")) {
		err = fmt.Errorf("%q holds half a character, or a control", w)
	}
	return err
}

// undoEscapes undoes escapes of two upper-case hexadecimal digits.
func undoEscapes(s string, mark byte) (out []byte, err error) {
	for i := 0; i < len(s); i++ {
		if s[i] != mark {
			out = append(out, s[i])
			continue
		}
		var v byte
		if i+3 > len(s) || strings.Trim(s[i+1:i+3], "0123456789ABCDEF") != "" {
			return nil, fmt.Errorf("a broken escape in %q", s)
		}
		if _, err := fmt.Sscanf(s[i+1:i+3], "%02X", &v); err != nil {
			return nil, err
		}
		out = append(out, v)
		i += 2
	}
	return out, nil
}

func strictUnstructured(body string) error {
	for _, w := range strings.Fields(body) {
		if strings.Contains(w, "=?") {
			if err := strictEncoded(w, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// strictAddresses: a list of mailboxes and of groups with nobody in them,
// RFC 5322 §3.4, without comments and routes.
func strictAddresses(body string) error {
	s := &addressScan{rest: body}
	for {
		if err := s.mailbox(); err != nil {
			return err
		}
		s.blanks()
		switch {
		case s.rest == "":
			return nil
		case s.rest[0] != ',':
			return fmt.Errorf("%q behind an address", s.rest)
		}
		s.rest = s.rest[1:]
	}
}

type addressScan struct{ rest string }

var (
	atomForm   = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")
	dotForm    = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
	quotedForm = regexp.MustCompile(`^"([ !#-\[\]-~]|\\[ -~])*"`)
	domainForm = regexp.MustCompile(`^@([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[A-Za-z0-9:.-]+\])`)
	localForm  = regexp.MustCompile("^(" + dotForm.String()[1:] + "|" + quotedForm.String()[1:] + ")@")
)

func (s *addressScan) blanks() { s.rest = strings.TrimLeft(s.rest, " \t") }

func (s *addressScan) mailbox() error {
	s.blanks()
	if localForm.MatchString(s.rest) {
		return s.address()
	}
	for words := 0; ; words++ {
		s.blanks()
		word := quotedForm.FindString(s.rest)
		switch {
		case strings.HasPrefix(s.rest, ":;") && words > 0:
			s.rest = s.rest[2:]
			return nil
		case strings.HasPrefix(s.rest, "<") && words > 0:
			s.rest = s.rest[1:]
			if err := s.address(); err != nil {
				return err
			}
			if !strings.HasPrefix(s.rest, ">") {
				return fmt.Errorf("%q in place of an angle", s.rest)
			}
			s.rest = s.rest[1:]
			return nil
		case word != "":
			if strings.Contains(word, "=?") && strings.Contains(word, "?=") {
				return fmt.Errorf("an encoded word between quotes: %s", word)
			}
		default:
			if word = atomForm.FindString(s.rest); word == "" {
				return fmt.Errorf("%q in place of a name", s.rest)
			}
			if strings.HasPrefix(word, "=?") {
				if err := strictEncoded(word, true); err != nil {
					return err
				}
				if rest := s.rest[len(word):]; strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, "<") { // RFC 2047 §5 rule 3
					return fmt.Errorf("an encoded word glued to %q", rest)
				}
			}
		}
		s.rest = s.rest[len(word):]
	}
}

func (s *addressScan) address() error {
	local := quotedForm.FindString(s.rest)
	if local == "" {
		local = dotForm.FindString(s.rest)
	}
	domain := domainForm.FindString(s.rest[len(local):])
	if local == "" || domain == "" || len(local) > 64 || len(domain) > 256 {
		return fmt.Errorf("%q in place of an address", s.rest)
	}
	s.rest = s.rest[len(local)+len(domain):]
	return nil
}

var (
	paramForm    = regexp.MustCompile(`^([A-Za-z0-9_.-]+)((\*[0-9]+)?\*?)=([A-Za-z0-9!#$&+^_.{|}~'*%` + "`" + `-]+|"([ !#-\[\]-~]|\\[ -~])*")$`)
	extendedForm = regexp.MustCompile(`^[A-Za-z0-9._~%-]*$`)
)

// strictMIME: RFC 2045 §5.1, with the parameters of RFC 2231.
func strictMIME(kind string) fieldRule {
	form := regexp.MustCompile(kind)
	return func(body string) error {
		list := strings.Split(strings.TrimSpace(body), ";")
		if !form.MatchString(list[0]) {
			return fmt.Errorf("%q is no such value", list[0])
		}
		parts := map[string]int{}
		whole := map[string][]byte{}
		for i := 1; i < len(list); i++ {
			p := strings.TrimSpace(list[i])
			for strings.Count(strings.ReplaceAll(strings.ReplaceAll(p, `\\`, ""), `\"`, ""), `"`)%2 == 1 && i+1 < len(list) {
				i++
				p += ";" + list[i] // the semicolon stood between quotes
			}
			m := paramForm.FindStringSubmatch(p)
			if m == nil {
				return fmt.Errorf("%q is no parameter", p)
			}
			if err := strictParameter(m[1], m[2], m[4], parts, whole); err != nil {
				return err
			}
		}
		for key, text := range whole {
			if !utf8.Valid(text) {
				return fmt.Errorf("%s holds half a character", key)
			}
		}
		return nil
	}
}

func strictParameter(key, star, value string, parts map[string]int, whole map[string][]byte) error {
	section := 0
	if n := strings.Trim(star, "*"); n != "" {
		if _, err := fmt.Sscanf(n, "%d", &section); err != nil {
			return err
		}
	}
	if n, had := parts[key]; had && (strings.Trim(star, "*") == "" || section != n) || !had && section != 0 {
		return fmt.Errorf("%s twice, or with a section missing", key)
	}
	parts[key] = section + 1
	if !strings.HasSuffix(star, "*") {
		return nil
	}
	if section == 0 {
		charset, rest, ok := strings.Cut(value, "''")
		if !ok || charset != "UTF-8" {
			return fmt.Errorf("%s has no charset", key)
		}
		value = rest
	}
	if !extendedForm.MatchString(value) {
		return fmt.Errorf("%q in an extended parameter", value)
	}
	text, err := undoEscapes(value, '%')
	whole[key] = append(whole[key], text...)
	return err
}

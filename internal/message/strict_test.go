package message

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// strictHeader holds the header block of a mail to RFC 5322 without its
// obsolete forms, and to RFC 2045, 2047 and 2231, by rules written for the
// tests alone. A block ends with its last field.
func strictHeader(block string) error {
	fields, err := strictFields(block)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, f := range fields {
		name := strings.ToLower(f.name)
		if seen[name] { // RFC 5322 §3.6; RFC 2045 §3 for the others
			return fmt.Errorf("%s stands there twice", f.name)
		}
		seen[name] = true
		rule, known := fieldRules[name]
		if !known {
			return fmt.Errorf("%s is no field that may be written", f.name)
		}
		if err := rule(f.body); err != nil {
			return fmt.Errorf("%s: %w in %q", f.name, err, f.body)
		}
	}
	for _, must := range []string{"date", "from", "to", "message-id", "mime-version"} {
		if !seen[must] {
			return fmt.Errorf("there is no %s", must)
		}
	}
	return nil
}

// strictPart holds the header block of a part to the same rules.
func strictPart(block string) error {
	fields, err := strictFields(block)
	if err != nil {
		return err
	}
	for _, f := range fields {
		name := strings.ToLower(f.name)
		if !strings.HasPrefix(name, "content-") {
			return fmt.Errorf("%s has no place in a part", f.name)
		}
		if err := fieldRules[name](f.body); err != nil {
			return fmt.Errorf("%s: %w in %q", f.name, err, f.body)
		}
	}
	return nil
}

// strictField is a field with its body unfolded: CRLF taken out, nothing else.
type strictField struct{ name, body string }

var fieldStart = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*: `)

// strictFields splits a block into fields and holds its lines to RFC 5322
// §2.1.1 and §2.2.3: printable ASCII, at most 998 octets and, where a line can
// be folded, 78; none of white space alone.
func strictFields(block string) ([]strictField, error) {
	if block == "" {
		return nil, nil
	}
	if !strings.HasSuffix(block, "\r\n") {
		return nil, fmt.Errorf("the block does not end with a line end")
	}
	var list []strictField
	for i, line := range strings.Split(strings.TrimSuffix(block, "\r\n"), "\r\n") {
		if err := strictLine(line); err != nil {
			return nil, fmt.Errorf("line %d: %w: %q", i+1, err, line)
		}
		folded := line[0] == ' ' || line[0] == '\t'
		switch {
		case folded && len(list) == 0:
			return nil, fmt.Errorf("line %d continues nothing: %q", i+1, line)
		case folded:
			list[len(list)-1].body += line
		case !fieldStart.MatchString(line):
			return nil, fmt.Errorf("line %d is no field: %q", i+1, line)
		default:
			name, body, _ := strings.Cut(line, ":")
			list = append(list, strictField{name, body})
		}
	}
	return list, nil
}

func strictLine(line string) error {
	for i := range len(line) {
		if c := line[i]; c != '\t' && (c < ' ' || c > '~') {
			return fmt.Errorf("the octet %#x", c)
		}
	}
	body := line
	if m := fieldStart.FindString(line); m != "" {
		body = line[len(m):]
	}
	switch {
	case strings.TrimSpace(line) == "":
		return fmt.Errorf("nothing but white space")
	case len(line) > 998:
		return fmt.Errorf("%d octets", len(line))
	case len(line) > 78 && strings.ContainsAny(strings.TrimSpace(body), " \t"):
		return fmt.Errorf("%d octets, and it could be folded", len(line))
	}
	return nil
}

// TestStrictBites: the checker finds what is wrong.
func TestStrictBites(t *testing.T) {
	good := "Date: Tue, 24 Nov 2026 08:30:00 +0000\r\nFrom: =?UTF-8?Q?J=C3=A4ne?= \"a \\\" b\" <support@acme.example>\r\nTo: jane@x.example, \"x y\"@[192.0.2.1]\r\n" +
		"Message-ID: <m.1@acme.example>\r\nMIME-Version: 1.0\r\nSubject: a =?UTF-8?B?w6Q=?=\r\n =?UTF-8?Q?_b?= c\r\n"
	if err := strictHeader(good); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][2]string{
		"a weekday that is not that day's": {"Tue, 24", "Mon, 24"},
		"a two-digit year":                 {"2026 08", "26 08"},
		"no such month":                    {"Nov", "Nox"},
		"a named zone":                     {"+0000", "GMT"},
		"a field twice":                    {"MIME-Version: 1.0\r\n", "MIME-Version: 1.0\r\nMIME-Version: 1.0\r\n"},
		"no Message-ID":                    {"Message-ID: <m.1@acme.example>\r\n", ""},
		"an id with a blank":               {"<m.1@", "<m 1@"},
		"an id without a right side":       {"<m.1@acme.example>", "<m.1>"},
		"two ids":                          {"<m.1@acme.example>", "<m.1@acme.example> <m.2@acme.example>"},
		"another version":                  {"1.0", "1.1"},
		"a field of nobody's":              {"Subject:", "X-Subject:"},
		"a bare LF":                        {"Subject: a", "Subject: a\nb"},
		"a NUL":                            {"Subject: a", "Subject: a\x00"},
		"8-bit":                            {"Subject: a", "Subject: ä"},
		"no blank behind the colon":        {"Subject: a", "Subject:a"},
		"an empty line":                    {"Subject: a", "Subject:  \r\n \r\n a"},
		"a line too long":                  {"Subject: a", "Subject: a" + strings.Repeat("b", 999)},
		"a line to fold":                   {"Subject: a", "Subject: a " + strings.Repeat("b", 70)},
		"a broken encoded word":            {"=?UTF-8?B?w6Q=?=", "=?UTF-8?B?w6Q?="},
		"half a character":                 {"=?UTF-8?B?w6Q=?=", "=?UTF-8?B?ww==?="},
		"an encoded word too long":         {"=?UTF-8?B?w6Q=?=", "=?UTF-8?Q?" + strings.Repeat("a", 64) + "?="},
		"glued to a word":                  {"a =?UTF-8?B?w6Q=?=", "a=?UTF-8?B?w6Q=?="},
		"an address without an at":         {"To: jane@x.example", "To: jane"},
		"a group without a name":           {"To: jane@x.example", "To: :;"},
		"a group that is not closed":       {"To: jane@x.example", "To: all: jane@x.example"},
		"a group glued to an encoded word": {"To: jane@x.example", "To: =?UTF-8?Q?J=C3=A4ne?=:;"},
		"an empty member":                  {"To: jane@x.example,", "To: jane@x.example,,"},
		"a dot in a bare name":             {"To: jane@x.example", "To: J. Doe <jane@x.example>"},
		"a comma in a bare name":           {"To: jane@x.example", "To: Doe, J <jane@x.example>"},
		"two dots":                         {"To: jane@x.example", "To: j..d@x.example"},
		"a quote that is not closed":       {`"a \" b"`, `"a \" b`},
		"a comma in an encoded name":       {"=?UTF-8?Q?J=C3=A4ne?=", "=?UTF-8?Q?J=C3=A4,ne?="},
		"an encoded word in quotes":        {`"a \" b"`, `"=?UTF-8?Q?a?="`},
	} {
		block := strings.Replace(good, bad[0], bad[1], 1)
		if err := strictHeader(block); err == nil || block == good {
			t.Errorf("%s passes:\n%s", name, block)
		}
	}
	part := "Content-Type: text/plain; charset=utf-8;\r\n name*0*=UTF-8''%C3%A4;\r\n name*1*=b.txt\r\nContent-Disposition: attachment; filename=\"a b\"\r\nContent-Transfer-Encoding: base64\r\n"
	if err := strictPart(part); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][2]string{
		"a blank without quotes": {`"a b"`, "a b"}, "no value": {"charset=utf-8", "charset="}, "a second charset": {"name*1*=b", "name*1*=UTF-8''b"},
		"a missing section": {"name*1*", "name*2*"}, "a broken escape": {"%C3%A4", "%C3%A"}, "half a character": {"%C3%A4", "%C3"},
		"no such encoding": {"base64", "base-64"}, "no subtype": {"text/plain", "text"}, "a parameter twice": {"name*0*=UTF-8''%C3%A4;\r\n name*1*=b.txt", "charset=utf-8"},
		"another field": {"Content-Disposition", "X-Disposition"},
	} {
		block := strings.Replace(part, bad[0], bad[1], 1)
		if err := strictPart(block); err == nil || block == part {
			t.Errorf("%s passes:\n%s", name, block)
		}
	}
}

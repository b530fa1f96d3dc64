package message

import "strings"

// describe reads what the header of a part says about its body.
func (s *treeScan) describe(p *Part, defaultType string, depth int) {
	p.Type, p.Params = contentType(p.Header.Get("Content-Type"), defaultType, s.hint)
	if depth == 0 {
		s.hint = cleanLabel(p.Params["charset"])
	}
	p.Encoding = cleanEncoding(p.Header.Get("Content-Transfer-Encoding"))
	disposition, params := parseParams(p.Header.Get("Content-Disposition"), s.hint)
	p.Disposition = disposition
	name := params["filename"]
	if name == "" {
		name = p.Params["name"]
	}
	p.Filename = clip(decodeWords(name, s.hint), maxName)
	p.ContentID = strings.Trim(oneLine(p.Header.Get("Content-Id")), "<> ")
	if len(p.ContentID) > maxID {
		p.ContentID = ""
	}
	if p.Filename == "" && !strings.HasPrefix(p.Type, "text/") && !strings.HasPrefix(p.Type, "multipart/") {
		p.Filename = p.otherName()
	}
	if p.Filename == "" && isTNEF(p) {
		p.Filename = "winmail.dat"
	}
	if b := p.Params["boundary"]; len(b) > maxBoundary {
		delete(p.Params, "boundary")
		s.note("boundary too long: not used")
	} else if strings.TrimSpace(b) == "" {
		delete(p.Params, "boundary")
	}
}

// otherName is a file name that stands where programs put it who do not name
// their parts: Content-Location (RFC 2557 §4.2), and the Content-ID of
// Outlook, "image001.png@01CD...".
func (p *Part) otherName() string {
	location := oneLine(p.Header.Get("Content-Location"))
	if i := strings.LastIndexAny(location, "/\\"); i >= 0 {
		location = location[i+1:]
	}
	id, _, _ := strings.Cut(p.ContentID, "@")
	for _, name := range []string{location, id} {
		if dot := strings.LastIndexByte(name, '.'); dot > 0 && len(name) < 100 && len(name)-dot <= 5 && token(name) && !digit(name[len(name)-1]) {
			return name
		}
	}
	return ""
}

// contentType reads Content-Type; what is missing or no type is the default,
// RFC 2045 §5.2.
func contentType(value, defaultType, hint string) (string, map[string]string) {
	t, params := parseParams(value, hint)
	major, minor, ok := strings.Cut(t, "/")
	switch {
	case t == "":
		return defaultType, params
	case t == "text":
		return "text/plain", params
	case !ok || major == "" || minor == "" || !token(major) || !token(minor):
		if params["boundary"] != "" {
			return "multipart/mixed", params
		}
		return defaultType, params
	}
	return t, params
}

func token(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, s[i]) >= 0 {
			return false
		}
	}
	return true
}

// cleanEncoding is a Content-Transfer-Encoding without what programs put
// around it; "" means that the body is as it is.
func cleanEncoding(value string) string {
	v := strings.ToLower(strings.TrimSpace(value))
	if i := strings.IndexAny(v, "; \t("); i >= 0 {
		v = v[:i]
	}
	v = strings.Trim(v, `"'`)
	switch v {
	case "7bit", "7-bit", "":
		return ""
	case "8bit", "8-bit", "binary":
		return v
	case "base64", "base-64", "x-base64", "b64":
		return "base64"
	case "quoted-printable", "quotedprintable", "quoted_printable", "qp", "quoted":
		return "quoted-printable"
	case "x-uuencode", "uuencode", "x-uue", "uue":
		return "x-uuencode"
	}
	return clip(oneLine(v), 40)
}

package message

import "strings"

// parseIDs reads the message ids (RFC 5322 §3.6.4) of a field: with or
// without brackets, with commas between, folded inside, cut off, or among
// prose. They come with angle brackets, each once, in order.
func parseIDs(value string) []string {
	return newIDList().add(value).ids
}

type idList struct {
	ids  []string
	seen map[string]bool
}

func newIDList() *idList { return &idList{} }

func (l *idList) add(value string) *idList {
	prose := false
	for len(value) > 0 {
		i := strings.IndexByte(value, '<')
		if i < 0 {
			l.bare(value, prose)
			break
		}
		if strings.TrimSpace(value[:i]) != "" {
			prose = l.bare(value[:i], prose) || prose
		}
		value = value[i+1:]
		end := strings.IndexAny(value, "<>")
		if end < 0 || value[end] == '<' {
			// Cut off: the id ends where a blank or the next one begins.
			stop := len(value)
			if end >= 0 {
				stop = end
			}
			if j := strings.IndexAny(value[:stop], " \t,;"); j >= 0 {
				stop = j
			}
			if strings.ContainsRune(value[:stop], '@') {
				l.put(value[:stop])
			}
			value = value[stop:]
			continue
		}
		l.put(value[:end])
		value = value[end+1:]
	}
	return l
}

// bare takes ids without brackets, if nothing but such stands there: an
// address in a sentence is no id. It reports prose.
func (l *idList) bare(s string, prose bool) bool {
	if len(s) > maxField {
		return true
	}
	tokens := strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == ',' || r == ';' })
	for _, t := range tokens {
		at := strings.IndexByte(t, '@')
		if at <= 0 || at == len(t)-1 || strings.ContainsAny(t, "\"()") || prose {
			return true
		}
	}
	for _, t := range tokens {
		l.put(strings.Trim(t, ">"))
	}
	return false
}

func (l *idList) put(s string) {
	if !isClean(s) {
		s = strings.Map(dropSpace, oneLine(decodeRaw(s, "")))
	}
	if strings.ContainsAny(s, "<>") {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "<", ""), ">", "")
	}
	if s == "" || len(s) > maxID-2 || len(l.ids) >= maxIDs {
		return
	}
	id := "<" + s + ">"
	if len(l.ids) < 8 {
		for _, have := range l.ids {
			if have == id {
				return
			}
		}
	} else {
		if l.seen == nil {
			l.seen = make(map[string]bool, 2*len(l.ids))
			for _, have := range l.ids {
				l.seen[have] = true
			}
		}
		if l.seen[id] {
			return
		}
		l.seen[id] = true
	}
	l.ids = append(l.ids, id)
}

func isClean(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// messageID reads the Message-ID field: its first id, else whatever single
// word stands there.
func messageID(value string) string {
	if ids := parseIDs(value); len(ids) > 0 {
		return ids[0]
	}
	l := newIDList()
	if f := strings.Fields(value); len(f) == 1 {
		l.put(strings.Trim(f[0], "<>"))
	}
	if len(l.ids) == 0 {
		return ""
	}
	return l.ids[0]
}

// gather reads the ids of all fields of a name: some mail has References
// twice.
func gather(h Header, name string) []string {
	l := newIDList()
	for i := range h {
		if sameName(h[i].Name, name) {
			l.add(h[i].Value)
		}
	}
	return l.ids
}

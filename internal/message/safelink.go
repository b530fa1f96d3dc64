package message

import (
	"fmt"
	"net/url"
	"strings"
)

// safeHost is where Safe Links of Microsoft 365 takes every link of the mail that
// comes in. In each stands the address of who was sent it.
const safeHost = ".safelinks.protection.outlook.com/"

// maxSafeLink bounds a link that is looked into: one may stand in another.
const maxSafeLink = 8 << 10

// safeLinks gives back the links that were in a line before Safe Links: what an
// engineer quotes was changed for her, and would not work for another if the
// address alone were taken out.
func (s *scrubber) safeLinks(line string, quoted bool, where string) []edit {
	var list []edit
	for at := 0; ; {
		i := strings.Index(line[at:], safeHost)
		if i < 0 {
			return list
		}
		host := at + i
		from := strings.LastIndex(line[at:host], "https://")
		to := host + len(safeHost)
		for to < len(line) && line[to] > ' ' && line[to] < 0x7f && strings.IndexByte("<>\"')]", line[to]) < 0 {
			to++
		}
		if from >= 0 && to-at-from <= maxSafeLink && !strings.ContainsAny(line[at+from:host], " <>?") {
			if target, ok := safeTarget(line[at+from : to]); ok {
				clean, _ := s.attribute(target, quoted, where)
				list = append(list, edit{at + from, to, clean})
			}
		}
		at = to
	}
}

// safeTarget is where a link of Safe Links leads, fit for a line of text.
func safeTarget(link string) (string, bool) {
	_, query, _ := strings.Cut(link, "?")
	for field := range strings.SplitSeq(strings.ReplaceAll(query, "&amp;", "&"), "&") {
		value, is := strings.CutPrefix(field, "url=")
		target, err := url.QueryUnescape(value)
		if !is || err != nil {
			continue
		}
		scheme, _, _ := strings.Cut(strings.ToLower(target), ":")
		if scheme != "https" && scheme != "http" && scheme != "mailto" {
			return "", false
		}
		var b strings.Builder
		for i := range len(target) {
			if c := target[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("<>\"", c) >= 0 {
				fmt.Fprintf(&b, "%%%02X", c)
				continue
			}
			b.WriteByte(target[i])
		}
		return b.String(), true
	}
	return "", false
}

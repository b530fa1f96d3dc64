package threads

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on what commands put on a conversation.
const (
	maxInvited  = 20  // people in Cc of every answer
	maxTags     = 20  // of one conversation
	maxTag      = 40  // letters of one
	maxSubject  = 200 // letters
	maxAddr     = 254 // octets, RFC 5321 §4.5.3.1.3 less its brackets
	maxSubjects = 5   // earlier ones that still count as its own
)

// cannotCc says why people cannot be put in Cc.
func (s *step) cannotCc(o order) string {
	list, reason := addressList(o.Arg)
	if reason != "" {
		return prefixed("/cc", reason)
	}
	for _, a := range list {
		if e, ok := s.w.Rotation.ByAddress(a.Addr); ok {
			return fmt.Sprintf("/cc is for people outside, and %s is %s, a colleague; /note reaches colleagues, /assign gives it away", a.Addr, e.Name)
		}
		if s.w.Names.Ours(a.Addr) {
			return fmt.Sprintf("/cc: %s is our own address", a.Addr)
		}
	}
	if len(s.c.Invited)+len(list) > maxInvited {
		return fmt.Sprintf("/cc: more than %d people would be in Cc", maxInvited)
	}
	return ""
}

// invite puts people in Cc of this answer and all later ones.
func (s *step) invite(o order) {
	list, _ := addressList(o.Arg)
	list = slices.DeleteFunc(list, func(a Address) bool { return hasAddress(s.c.Invited, a.Addr) })
	if len(list) > 0 {
		s.event(Invited{By: o.engineer, Addresses: list})
	}
	var names []string
	for _, a := range s.c.Invited {
		names = append(names, a.shown())
	}
	s.confirm(o, "every answer goes in copy to "+strings.Join(names, ", ")+" from here on; nothing was sent yet")
}

func (a Address) shown() string {
	if a.Name == "" {
		return a.Addr
	}
	return a.Name + " <" + a.Addr + ">"
}

// addressList reads addresses as people write them behind a command: between
// commas, semicolons or blanks, with names and angle brackets or without, and
// as clients make links of them.
func addressList(arg string) (list []Address, reason string) {
	var name []string
	for _, word := range strings.FieldsFunc(strings.ReplaceAll(arg, "<", " <"), func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) }) {
		addr := strings.TrimPrefix(strings.Trim(word, `<>"'()[].:`), "mailto:")
		if !strings.Contains(addr, "@") {
			name = append(name, strings.Trim(word, `"'`))
			continue
		}
		if !plausible(addr) {
			return nil, fmt.Sprintf("%q is no address", addr)
		}
		a := Address{Addr: addr}
		if strings.HasPrefix(word, "<") {
			a.Name = strings.Join(name, " ")
		} else if len(name) > 0 {
			return nil, fmt.Sprintf("%q is no address", strings.Join(name, " "))
		}
		list, name = withAddress(list, a), nil
	}
	switch {
	case len(name) > 0:
		return nil, fmt.Sprintf("%q is no address", strings.Join(name, " "))
	case len(list) == 0:
		return nil, "it needs the address of whoever is to get the answers, such as /cc ann@client.example"
	}
	return list, ""
}

// plausible reports whether a word can be an addr-spec that mail reaches: what
// a relay would refuse at once is refused here, while she can mend it.
func plausible(addr string) bool {
	i := strings.LastIndexByte(addr, '@')
	local, domain := addr[:i], addr[i+1:]
	if len(addr) > maxAddr || local == "" || len(local) > 64 || !strings.Contains(domain, ".") || !utf8.ValidString(addr) {
		return false
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	bad := func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`<>()[]\,;:"|`, r)
	}
	return !strings.ContainsFunc(addr, bad) && !strings.Contains(local, "@") && !strings.Contains(domain, "@")
}

// tagsIn reads the words behind /tag: what is to be put on, and what is to be
// taken off.
func tagsIn(arg string) (on, off []string, reason string) {
	for _, word := range strings.FieldsFunc(arg, func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) }) {
		tag := strings.ToLower(strings.TrimRight(strings.TrimLeft(word, "#-–−"), ".:!"))
		bad := func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) && !strings.ContainsRune("-_.:/+", r)
		}
		if tag == "" || utf8.RuneCountInString(tag) > maxTag || strings.ContainsFunc(tag, bad) {
			return nil, nil, fmt.Sprintf("%q is no word to tag with; letters, digits and -_.:/+ are", word)
		}
		if strings.ContainsAny(word[:1], "-") || strings.HasPrefix(word, "–") || strings.HasPrefix(word, "−") {
			off = append(off, tag)
		} else {
			on = append(on, tag)
		}
	}
	if len(on)+len(off) == 0 {
		return nil, nil, "it needs a word behind it, such as /tag billing"
	}
	return on, off, ""
}

func (s *step) cannotTag(o order) string {
	on, off, reason := tagsIn(o.Arg)
	if reason == "" && len(retagged(s.c.Tags, on, off)) > maxTags {
		reason = fmt.Sprintf("it would have more than %d tags", maxTags)
	}
	return prefixed("/tag", reason)
}

func (s *step) tag(o order) {
	on, off, _ := tagsIn(o.Arg)
	if !slices.Equal(s.c.Tags, retagged(s.c.Tags, on, off)) {
		s.event(Tagged{By: o.engineer, On: on, Off: off})
	}
	if len(s.c.Tags) == 0 {
		s.confirm(o, "it has no tags now")
		return
	}
	s.confirm(o, "it is tagged "+strings.Join(s.c.Tags, ", "))
}

// retagged is a list of tags in order, with some more and some fewer.
func retagged(tags, on, off []string) []string {
	tags = append(slices.Clone(tags), on...)
	tags = slices.DeleteFunc(tags, func(t string) bool { return slices.Contains(off, t) })
	slices.Sort(tags)
	return slices.Compact(tags)
}

func (s *step) cannotRename(o order) string {
	switch {
	case newSubject(o.Arg) == "":
		return "/subject needs the new subject behind it"
	case utf8.RuneCountInString(o.Arg) > maxSubject:
		return fmt.Sprintf("/subject: a subject of more than %d letters is read by nobody", maxSubject)
	}
	return ""
}

// newSubject is a subject as an engineer typed it, without the mark of a
// reply, which every answer gets.
func newSubject(arg string) string {
	for len(arg) >= 3 && strings.EqualFold(arg[:3], "re:") {
		arg = strings.TrimSpace(arg[3:])
	}
	return strings.TrimSpace(arg)
}

// rename changes what our answers are called. They stay in their thread by
// their References; some clients open a new one all the same.
func (s *step) rename(o order) {
	subject := newSubject(o.Arg)
	if subject == s.c.Subject {
		s.confirm(o, "it is called so already")
		return
	}
	s.event(Renamed{By: o.engineer, Subject: subject})
	s.confirm(o, fmt.Sprintf("our answers are called %q from here on; some mail programs, such as Gmail, will show them as a new thread", subject))
}

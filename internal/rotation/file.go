package rotation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/threads"
)

// file is what was read, with the places that checks across it point to.
type file struct {
	zone        *time.Location
	admins      []text
	adminsAt    int
	engineers   []*seat
	engineersAt int
	topics      []*subject
	teams       []*crew
	policy      threads.Policy
	nobodyAt    int
	offerForAt  int
}

// seat is one engineer of the file.
type seat struct {
	threads.Engineer
	where     string
	offset    int
	name      text
	addresses []text // the e-mail address first, when there is one
	topics    []text
	calendars []text
}

// subject is one topic of the file.
type subject struct {
	threads.Topic
	where  string
	offset int
	name   text
	team   text
	teamed bool // it has the key, good or bad
}

// crew is one team of the file.
type crew struct {
	threads.Team
	where   string
	offset  int
	name    text
	members []text
}

// readFile reads all tables; the zone comes first because days and hours are
// meant in it.
func (d *document) readFile(root *table) *file {
	d.checkKeys(root, "file", "")
	f := &file{zone: time.UTC, engineersAt: len(d.src)}
	if e := root.find("timezone"); e != nil {
		if loc := d.zone("", e.value); loc != nil {
			f.zone = loc
		}
	}
	if e := root.find("admins"); e != nil {
		f.adminsAt = e.offset
		f.admins = d.list("", "admins", e.value)
	}
	for i, t := range d.tables(root, "engineer") {
		f.engineers = append(f.engineers, d.readEngineer(t, i, f.zone))
	}
	for i, t := range d.tables(root, "topic") {
		f.topics = append(f.topics, d.readTopic(t, i))
	}
	for i, t := range d.tables(root, "team") {
		f.teams = append(f.teams, d.readTeam(t, i))
	}
	if e := root.find("policy"); e != nil {
		d.readPolicy(f, e)
	}
	return f
}

// tables are the [[name]] tables of the file. One written [name] is reported
// and read all the same, so that mistakes in it come to light too.
func (d *document) tables(root *table, name string) []*table {
	e := root.find(name)
	switch {
	case e == nil:
		return nil
	case e.value.table != nil:
		d.report(e.offset, "", fmt.Sprintf("write [[%s]], with two brackets", name), "[%s] is one table, and there can be several", name)
		return []*table{e.value.table}
	case e.value.kind != aList:
		d.report(e.value.offset, "", fmt.Sprintf("write [[%s]] and its keys on the lines below", name), "%s: %s", name, sayValue(e.value))
		return nil
	}
	var list []*table
	for _, item := range e.value.items {
		if item.table == nil {
			d.report(item.offset, "", fmt.Sprintf("write [[%s]] and its keys on the lines below", name), "%s: %s", name, sayValue(item))
			continue
		}
		list = append(list, item.table)
	}
	return list
}

// naming is how messages call a table: by its name where it has a readable
// one, else by its number.
func naming(t *table, what string, n int) string {
	if e := t.find("name"); e != nil && e.value.kind == aString && strings.TrimSpace(e.value.text) != "" {
		return fmt.Sprintf("%s %q", what, clip(strings.TrimSpace(e.value.text), 60))
	}
	return fmt.Sprintf("%s %d", what, n+1)
}

func (d *document) readEngineer(t *table, n int, zone *time.Location) *seat {
	s := &seat{where: naming(t, "engineer", n), offset: t.offset}
	s.Weight, s.Location = 1, zone
	meant := d.checkKeys(t, "engineer", s.where)
	s.name = d.required(t, s.where, "name", meant)
	s.Name = s.name.s
	d.readAddresses(t, s, meant)
	if e := t.find("timezone"); e != nil {
		if loc := d.zone(s.where, e.value); loc != nil {
			s.Location = loc
		}
	}
	if e := t.find("weight"); e != nil {
		s.Weight = d.number(s.where, "weight", e.value, 1, 100, "to leave somebody out use away, or take the entry out")
	}
	if e := t.find("max_open"); e != nil {
		s.MaxOpen = d.number(s.where, "max_open", e.value, 1, 1_000_000, "for no limit take it out")
	}
	if e := t.find("topics"); e != nil {
		s.topics = d.list(s.where, "topics", e.value)
	}
	d.readPresence(t, s)
	return s
}

// required reads a text that must be there; empty after reporting that it is
// not.
func (d *document) required(t *table, where, key string, meant map[string]bool) text {
	e := t.find(key)
	if e == nil {
		if !meant[key] {
			d.report(t.offset, where, fmt.Sprintf(`add %s = "…"`, key), "has no %s", key)
		}
		return text{}
	}
	s, _ := d.text(where, key, e.value)
	return s
}

func (d *document) readAddresses(t *table, s *seat, meant map[string]bool) {
	if email := d.required(t, s.where, "email", meant); email.s != "" && d.address(s.where, "email", email) {
		s.Email, s.Key = email.s, threads.AddressKey(email.s)
		s.addresses = append(s.addresses, email)
	}
	e := t.find("aliases")
	if e == nil {
		return
	}
	for _, alias := range d.list(s.where, "aliases", e.value) {
		if d.address(s.where, "aliases", alias) {
			s.Aliases = append(s.Aliases, alias.s)
			s.addresses = append(s.addresses, alias)
		}
	}
}

// readPresence reads when she is there: hours and away.
func (d *document) readPresence(t *table, s *seat) {
	if e := t.find("hours"); e != nil {
		if h, ok := d.text(s.where, "hours", e.value); ok {
			hours, err := ParseHours(h.s)
			if err != nil {
				d.report(h.offset, s.where, "", "hours: %v", err)
			}
			s.Hours = hours
		}
	}
	if e := t.find("calendar"); e != nil {
		d.readCalendarNames(s, e.value)
	}
	e := t.find("away")
	if e == nil {
		return
	}
	if e.value.kind == aList { // a day without quotes is TOML's own date, and clear
		for _, item := range e.value.items {
			if item.kind == aDate {
				item.kind = aString
			}
		}
	}
	for _, a := range d.list(s.where, "away", e.value) {
		span, err := ParseAway(a.s, s.Location)
		if err != nil {
			d.report(a.offset, s.where, "", "away: %v", err)
			continue
		}
		s.Away = append(s.Away, span)
	}
}

// readCalendarNames reads the calendar files of an engineer: one or several.
func (d *document) readCalendarNames(s *seat, v *value) {
	if v.kind != aList {
		v = &value{kind: aList, offset: v.offset, items: []*value{v}}
	}
	for _, name := range d.list(s.where, "calendar", v) {
		switch low := strings.ToLower(name.s); {
		case strings.Contains(low, "://") || strings.HasPrefix(low, "webcal:"):
			d.report(name.offset, s.where, "save the calendar as a file, and write its name", "calendar: %q is a link", clip(name.s, 80))
		case slices.Contains(s.Calendars, name.s):
			d.report(name.offset, s.where, "keep one of them", "calendar: %q comes twice", clip(name.s, 80))
		default:
			s.calendars = append(s.calendars, name)
			s.Calendars = append(s.Calendars, name.s)
		}
	}
}

func (d *document) readTopic(t *table, n int) *subject {
	s := &subject{where: naming(t, "topic", n), offset: t.offset}
	meant := d.checkKeys(t, "topic", s.where)
	s.name = d.required(t, s.where, "name", meant)
	s.Name = s.name.s
	if e := t.find("team"); e != nil {
		s.teamed = true
		s.team, _ = d.text(s.where, "team", e.value)
	}
	words := 0
	for key, into := range map[string]*[]string{"subject": &s.Subject, "to": &s.To, "from": &s.From, "body": &s.Body} {
		e := t.find(key)
		if e == nil {
			continue
		}
		words++ // one that is wrong was reported, and is no reason to say there is none
		if e.value.kind == aList && len(e.value.items) == 0 {
			d.report(e.value.offset, s.where, "write something in it or take the key out", "%s: the list is empty", key)
		}
		for _, item := range d.list(s.where, key, e.value) {
			if key == "subject" || key == "body" || d.party(s.where, key, item) {
				*into = append(*into, item.s)
			}
		}
	}
	if words == 0 && !meant["subject"] && !meant["to"] && !meant["from"] && !meant["body"] {
		d.report(t.offset, s.where, `add subject = ["…"], or to, from or body`, "has nothing to match a mail on")
	}
	return s
}

// party checks an address or a domain of a topic.
func (d *document) party(where, key string, t text) bool {
	check := t.s
	if strings.HasPrefix(check, "@") || !strings.Contains(check, "@") {
		check = "x@" + strings.TrimPrefix(check, "@")
	}
	if wrong, _ := badAddress(check); wrong != "" {
		d.report(t.offset, where, `write an address like "tls@acme.example" or a domain like "acme.example"`, "%s: %q is neither an address nor a domain", key, clip(t.s, 80))
		return false
	}
	return true
}

func (d *document) readTeam(t *table, n int) *crew {
	c := &crew{where: naming(t, "team", n), offset: t.offset}
	meant := d.checkKeys(t, "team", c.where)
	c.name = d.required(t, c.where, "name", meant)
	c.Name = c.name.s
	e := t.find("members")
	switch {
	case e != nil && e.value.kind == aList && len(e.value.items) == 0:
		d.report(e.value.offset, c.where, "write names or e-mail addresses of engineers in it, or take the team out", "members: the list is empty")
	case e != nil:
		c.members = d.list(c.where, "members", e.value)
	case !meant["members"]:
		d.report(t.offset, c.where, `add members = ["…"], with names or e-mail addresses of engineers`, "has no members")
	}
	return c
}

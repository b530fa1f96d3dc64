package rotation

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"
)

// icalZones finds the zones that a calendar's times are in.
type icalZones struct {
	own   map[string]*icalComponent // VTIMEZONE by TZID
	found map[string]*time.Location
}

func newIcalZones(calendars []*icalComponent) *icalZones {
	z := &icalZones{own: map[string]*icalComponent{}, found: map[string]*time.Location{}}
	for _, c := range calendars {
		for _, child := range c.children {
			if id, ok := child.get("TZID"); ok && child.name == "VTIMEZONE" {
				z.own[id.value] = child
			}
		}
	}
	return z
}

// find is the zone a TZID names: by the name the zone database has for it,
// for that is kept up to date; else by the calendar's own VTIMEZONE; else by
// the name Windows has for it, which some exports leave unexplained.
func (z *icalZones) find(id string, line int) (*time.Location, *icalError) {
	if loc := z.found[id]; loc != nil {
		return loc, nil
	}
	loc, err := z.look(id, line)
	if err == nil {
		z.found[id] = loc
	}
	return loc, err
}

func (z *icalZones) look(id string, line int) (*time.Location, *icalError) {
	if loc := zoneByName(id); loc != nil {
		return loc, nil
	}
	if own := z.own[id]; own != nil {
		return ownZone(id, own)
	}
	if loc := zoneByName(windowsZone(id)); loc != nil {
		return loc, nil
	}
	return nil, icalWrong(line, "the calendar must have a VTIMEZONE of this name; export it again", "TZID %q is not known", clip(id, 60))
}

// zoneByName tries a name, and the last two or three parts of one with a
// path before it: "/example.org/20050126_1/Europe/Berlin".
func zoneByName(id string) *time.Location {
	parts := strings.Split(strings.Trim(id, "/"), "/")
	for n := min(len(parts), 3); n >= 1; n-- {
		name := strings.Join(parts[len(parts)-n:], "/")
		if n == 1 && len(parts) > 1 || name == "" || name == "Local" || len(name) > 60 {
			continue
		}
		if loc, err := time.LoadLocation(name); err == nil {
			return loc
		}
	}
	return nil
}

// change is an instant at which a zone's offset changes.
type change struct {
	at     int64 // Unix seconds
	offset int   // seconds east of UTC from then on
	summer bool
}

// ownZone makes a zone of a VTIMEZONE (RFC 5545 §3.6.5), with all its changes
// until long after anything is planned.
func ownZone(id string, c *icalComponent) (*time.Location, *icalError) {
	var changes []change
	first, haveFirst := 0, false
	var firstAt time.Time
	for _, o := range c.children {
		if o.name != "STANDARD" && o.name != "DAYLIGHT" {
			continue
		}
		from, err := icalOffset(o, "TZOFFSETFROM")
		if err != nil {
			return nil, err
		}
		to, err := icalOffset(o, "TZOFFSETTO")
		if err != nil {
			return nil, err
		}
		begins, err := onsets(o)
		if err != nil {
			return nil, err
		}
		for _, t := range begins {
			changes = append(changes, change{t.Unix() - int64(from), to, o.name == "DAYLIGHT"})
			if !haveFirst || t.Before(firstAt) {
				first, firstAt, haveFirst = from, t, true
			}
		}
	}
	if !haveFirst {
		return nil, icalWrong(c.line, "export the calendar again", "the VTIMEZONE %q has no STANDARD or DAYLIGHT with a DTSTART", clip(id, 60))
	}
	slices.SortFunc(changes, func(a, b change) int { return int(min(max(a.at-b.at, -1), 1)) })
	loc, err := time.LoadLocationFromTZData(clip(id, 60), tzData(first, changes))
	if err != nil {
		return nil, icalWrong(c.line, "export the calendar again", "the VTIMEZONE %q makes no sense: %v", clip(id, 60), err)
	}
	return loc, nil
}

// The years of which a calendar's own zones know the changes.
const (
	zonesFrom  = 1970
	zonesUntil = 2100
)

// onsets are the wall-clock times, as if in UTC, at which an observance
// begins.
func onsets(o *icalComponent) ([]time.Time, *icalError) {
	p, ok := o.get("DTSTART")
	if !ok {
		return nil, icalWrong(o.line, "export the calendar again", "%s has no DTSTART", o.name)
	}
	start, err := time.Parse(icalDateTime, strings.TrimSuffix(p.value, "Z"))
	if err != nil {
		return nil, icalWrong(p.line, "", "DTSTART: %q is no time", clip(p.value, 40))
	}
	list := []time.Time{start}
	if rule, ok := o.get("RRULE"); ok {
		from := start
		if from.Year() < zonesFrom { // Windows lets them begin in 1601
			from = start.AddDate(zonesFrom-start.Year(), 0, 0)
		}
		more, err := expandRule(rule, from, time.Time{}, time.Date(zonesUntil, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	for _, p := range o.props {
		if p.name != "RDATE" {
			continue
		}
		for s := range strings.SplitSeq(p.value, ",") {
			t, err := time.Parse(icalDateTime, strings.TrimSuffix(s, "Z"))
			if err != nil || len(list) > maxIcalListItems {
				return nil, icalWrong(p.line, "", "RDATE: %q is no time", clip(s, 40))
			}
			list = append(list, t)
		}
	}
	return list, nil
}

// icalOffset reads "+0100" or "-033000", in seconds.
func icalOffset(o *icalComponent, name string) (int, *icalError) {
	p, _ := o.get(name)
	s := strings.TrimSpace(p.value)
	if len(s) == 5 || len(s) == 7 {
		h, err1 := strconv.Atoi(s[1:3])
		m, err2 := strconv.Atoi(s[3:5])
		sec := 0
		var err3 error
		if len(s) == 7 {
			sec, err3 = strconv.Atoi(s[5:])
		}
		if err1 == nil && err2 == nil && err3 == nil && h >= 0 && h < 24 && m >= 0 && m < 60 && sec >= 0 && sec < 60 {
			switch n := h*3600 + m*60 + sec; s[0] {
			case '+':
				return n, nil
			case '-':
				return -n, nil
			}
		}
	}
	return 0, icalWrong(max(p.line, o.line), "it must be like +0100", "%s: %q is no offset from UTC", name, clip(s, 40))
}

// tzData writes a zone in the form of RFC 8536: an empty block for old
// readers, then one with 64-bit times.
func tzData(first int, changes []change) []byte {
	type kind struct {
		offset int
		summer bool
	}
	kinds := []kind{{first, false}}
	index := make([]byte, len(changes))
	for i, c := range changes {
		k := kind{c.offset, c.summer}
		n := slices.Index(kinds, k)
		if n < 0 && len(kinds) < 200 {
			n = len(kinds)
			kinds = append(kinds, k)
		}
		index[i] = byte(max(n, 0))
	}
	var b bytes.Buffer
	header := func(times, types int) {
		b.WriteString("TZif2")
		b.Write(make([]byte, 15))
		for _, n := range []int{0, 0, 0, times, types, 4} { // no UT, standard or leap entries
			_ = binary.Write(&b, binary.BigEndian, uint32(n)) // a buffer takes everything
		}
	}
	header(0, 1)
	b.Write([]byte{0, 0, 0, 0, 0, 0})
	b.WriteString("LMT\x00")
	header(len(changes), len(kinds))
	for _, c := range changes {
		_ = binary.Write(&b, binary.BigEndian, c.at)
	}
	b.Write(index)
	for _, k := range kinds {
		_ = binary.Write(&b, binary.BigEndian, int32(k.offset))
		summer := byte(0)
		if k.summer {
			summer = 1
		}
		b.Write([]byte{summer, 0})
	}
	b.WriteString("LMT\x00\n\n")
	return b.Bytes()
}

// windowsZone is the place for the name that Windows has for a zone.
func windowsZone(id string) string {
	return map[string]string{
		"UTC": "UTC", "GMT Standard Time": "Europe/London", "Greenwich Standard Time": "Atlantic/Reykjavik",
		"W. Europe Standard Time": "Europe/Berlin", "Central Europe Standard Time": "Europe/Budapest",
		"Romance Standard Time": "Europe/Paris", "Central European Standard Time": "Europe/Warsaw",
		"E. Europe Standard Time": "Europe/Chisinau", "GTB Standard Time": "Europe/Bucharest", "FLE Standard Time": "Europe/Kyiv",
		"Turkey Standard Time": "Europe/Istanbul", "Israel Standard Time": "Asia/Jerusalem", "Russian Standard Time": "Europe/Moscow",
		"South Africa Standard Time": "Africa/Johannesburg", "Egypt Standard Time": "Africa/Cairo", "Morocco Standard Time": "Africa/Casablanca",
		"W. Central Africa Standard Time": "Africa/Lagos", "E. Africa Standard Time": "Africa/Nairobi",
		"Arabian Standard Time": "Asia/Dubai", "Arab Standard Time": "Asia/Riyadh", "Iran Standard Time": "Asia/Tehran",
		"Pakistan Standard Time": "Asia/Karachi", "India Standard Time": "Asia/Kolkata", "Sri Lanka Standard Time": "Asia/Colombo",
		"Nepal Standard Time": "Asia/Kathmandu", "Bangladesh Standard Time": "Asia/Dhaka", "SE Asia Standard Time": "Asia/Bangkok",
		"China Standard Time": "Asia/Shanghai", "Singapore Standard Time": "Asia/Singapore", "Taipei Standard Time": "Asia/Taipei",
		"Tokyo Standard Time": "Asia/Tokyo", "Korea Standard Time": "Asia/Seoul", "W. Australia Standard Time": "Australia/Perth",
		"AUS Eastern Standard Time": "Australia/Sydney", "AUS Central Standard Time": "Australia/Darwin",
		"Cen. Australia Standard Time": "Australia/Adelaide", "E. Australia Standard Time": "Australia/Brisbane",
		"Tasmania Standard Time": "Australia/Hobart", "New Zealand Standard Time": "Pacific/Auckland", "Hawaiian Standard Time": "Pacific/Honolulu",
		"Alaskan Standard Time": "America/Anchorage", "Pacific Standard Time": "America/Los_Angeles", "Mountain Standard Time": "America/Denver",
		"US Mountain Standard Time": "America/Phoenix", "Central Standard Time": "America/Chicago", "Eastern Standard Time": "America/New_York",
		"Atlantic Standard Time": "America/Halifax", "Newfoundland Standard Time": "America/St_Johns", "Canada Central Standard Time": "America/Regina",
		"Central Standard Time (Mexico)": "America/Mexico_City", "SA Pacific Standard Time": "America/Bogota",
		"Argentina Standard Time": "America/Argentina/Buenos_Aires", "E. South America Standard Time": "America/Sao_Paulo",
		"Pacific SA Standard Time": "America/Santiago", "Venezuela Standard Time": "America/Caracas",
	}[id]
}

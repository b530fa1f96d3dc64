package rotation

import (
	"strings"
	"time"
)

// zone reads the name of a time zone; nil after reporting it.
func (d *document) zone(where string, v *value) *time.Location {
	const place = `write a place, like "Europe/Berlin"`
	if v.kind != aString {
		d.report(v.offset, where, place, "timezone: %s", sayValue(v))
		return nil
	}
	t, ok := d.text(where, "timezone", v)
	if !ok {
		return nil
	}
	loc, err := time.LoadLocation(t.s)
	if err == nil && t.s != "Local" {
		return loc
	}
	hint := place
	if near := nearestZone(t.s); near != "" {
		hint = didYouMean(near)
	}
	d.report(t.offset, where, hint, "timezone: %q is not known", clip(t.s, 60))
	return nil
}

// nearestZone guesses the zone from a city, a slip, or the short name people
// use for it.
func nearestZone(s string) string {
	short := map[string]string{
		"CEST": "Europe/Berlin", "CET/CEST": "Europe/Berlin", "BST": "Europe/London", "PST": "America/Los_Angeles",
		"PDT": "America/Los_Angeles", "EDT": "America/New_York", "CDT": "America/Chicago", "CST": "America/Chicago",
		"MDT": "America/Denver", "IST": "Asia/Kolkata", "JST": "Asia/Tokyo", "AEST": "Australia/Sydney", "AEDT": "Australia/Sydney",
		"SGT": "Asia/Singapore", "HKT": "Asia/Hong_Kong", "MSK": "Europe/Moscow", "EEST": "Europe/Helsinki", "Z": "UTC",
	}
	if strings.ContainsAny(s, "+-0123456789") { // an offset knows no summer time
		return ""
	}
	if z := short[strings.ToUpper(s)]; z != "" {
		return z
	}
	zones := strings.Fields(wellKnown)
	want := strings.ReplaceAll(strings.ToLower(s), " ", "_")
	for _, z := range zones {
		low := strings.ToLower(z)
		if low == want || strings.HasSuffix(low, "/"+want) {
			return z
		}
	}
	_, wantCity, _ := strings.Cut(want, "/")
	for _, z := range zones { // the right city behind the wrong continent
		if _, city, _ := strings.Cut(strings.ToLower(z), "/"); city != "" && city == wantCity {
			return z
		}
	}
	if near := nearest(want, zones); near != "" {
		return near
	}
	var cities []string
	for _, z := range zones {
		cities = append(cities, z[strings.LastIndexByte(z, '/')+1:])
	}
	if near := nearest(want, cities); near != "" {
		return nearestZone(near)
	}
	return ""
}

// wellKnown are zones to suggest; any other of the time zone database may be
// written.
const wellKnown = `
UTC Africa/Cairo Africa/Casablanca Africa/Johannesburg Africa/Lagos Africa/Nairobi
America/Anchorage America/Argentina/Buenos_Aires America/Bogota America/Caracas America/Chicago America/Denver America/Halifax
America/Lima America/Los_Angeles America/Mexico_City America/Montevideo America/New_York America/Phoenix America/Santiago
America/Sao_Paulo America/St_Johns America/Toronto America/Vancouver
Asia/Almaty Asia/Bangkok Asia/Beirut Asia/Colombo Asia/Dhaka Asia/Dubai Asia/Ho_Chi_Minh Asia/Hong_Kong Asia/Jakarta Asia/Jerusalem
Asia/Karachi Asia/Kathmandu Asia/Kolkata Asia/Kuala_Lumpur Asia/Manila Asia/Riyadh Asia/Seoul Asia/Shanghai Asia/Singapore
Asia/Taipei Asia/Tashkent Asia/Tbilisi Asia/Tehran Asia/Tokyo Asia/Yerevan
Atlantic/Azores Atlantic/Reykjavik Australia/Adelaide Australia/Brisbane Australia/Darwin Australia/Melbourne Australia/Perth Australia/Sydney
Europe/Amsterdam Europe/Athens Europe/Belgrade Europe/Berlin Europe/Bratislava Europe/Brussels Europe/Bucharest Europe/Budapest
Europe/Copenhagen Europe/Dublin Europe/Helsinki Europe/Istanbul Europe/Kyiv Europe/Lisbon Europe/Ljubljana Europe/London Europe/Luxembourg
Europe/Madrid Europe/Moscow Europe/Oslo Europe/Paris Europe/Prague Europe/Riga Europe/Rome Europe/Sofia Europe/Stockholm Europe/Tallinn
Europe/Vienna Europe/Vilnius Europe/Warsaw Europe/Zagreb Europe/Zurich
Pacific/Auckland Pacific/Fiji Pacific/Honolulu`

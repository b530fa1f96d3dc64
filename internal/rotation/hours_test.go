package rotation

import (
	"slices"
	"testing"
	"time"

	"postroom/threads"
)

func TestParseHours(t *testing.T) {
	at := func(day, hour, minute int) int { return day*minutesPerDay + hour*60 + minute }
	each := func(first, last, from, until int) (spans []threads.WeekSpan) {
		for day := first; day <= last; day++ {
			spans = append(spans, threads.WeekSpan{From: at(day, 0, from), Until: at(day, 0, until)})
		}
		return spans
	}
	tests := []struct {
		in   string
		want []threads.WeekSpan
	}{
		{"Mon-Fri 09:00-17:30", each(0, 4, 540, 1050)},
		{"  monday - FRIDAY   9:00 - 17:30 ", each(0, 4, 540, 1050)},
		{"Mon–Fri 09:00–17:30", each(0, 4, 540, 1050)},
		{"09:00-17:30", each(0, 6, 540, 1050)},
		{"Mon, Tue, Wed 09:00-10:00", each(0, 2, 540, 600)},
		{"Mon-Tue 09:00-10:00, 11:00-12:00", []threads.WeekSpan{{From: at(0, 9, 0), Until: at(0, 10, 0)}, {From: at(0, 11, 0), Until: at(0, 12, 0)}, {From: at(1, 9, 0), Until: at(1, 10, 0)}, {From: at(1, 11, 0), Until: at(1, 12, 0)}}},
		{"Fri 22:00-06:00", []threads.WeekSpan{{From: at(4, 22, 0), Until: at(5, 6, 0)}}},
		{"Sun 22:00-06:00", []threads.WeekSpan{{From: 0, Until: 360}, {From: at(6, 22, 0), Until: at(7, 0, 0)}}},
		{"Sat-Mon 00:00-24:00", []threads.WeekSpan{{From: 0, Until: at(1, 0, 0)}, {From: at(5, 0, 0), Until: at(7, 0, 0)}}},
		{"00:00-24:00", nil},
		{"always", nil},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := ParseHours(tt.in)
			if err != nil || !slices.Equal(got.Weeks, tt.want) {
				t.Errorf("got %v, %v, want %v", got.Weeks, err, tt.want)
			}
		})
	}
	for _, in := range []string{"", ",", "Mon", "Mon 9-17", "09:00", "Mon-Fri 09:00-17:60", "Foo 09:00-10:00", "M 09:00-10:00",
		"Mon-Fri 09:00-10:00 x", "09:00-10:00,", "24:00-01:00", "Mon-Fri-Sat 09:00-10:00", "-1:00-02:00", "Mon 09:00-10:00-11:00"} {
		if h, err := ParseHours(in); err == nil {
			t.Errorf("%q was taken as %v", in, h)
		}
	}
}

// Days begin where the zone says: at midnight, at the change of clocks that
// skips it, and at the first of two midnights.
func TestParseAwayDays(t *testing.T) {
	tests := []struct{ zone, in, from, until string }{
		{"Europe/Berlin", "2026-03-29", "2026-03-28T23:00Z", "2026-03-29T22:00Z"},
		{"Europe/Berlin", "2026-12-20..2027-01-03", "2026-12-19T23:00Z", "2027-01-03T23:00Z"},
		{"Asia/Kolkata", "2026-03-29", "2026-03-28T18:30Z", "2026-03-29T18:30Z"},
		{"Africa/Cairo", "2025-04-25", "2025-04-24T22:00Z", "2025-04-25T21:00Z"},   // 00:00 is skipped
		{"Africa/Cairo", "2025-04-24", "2025-04-23T22:00Z", "2025-04-24T22:00Z"},   // the day before it
		{"America/Havana", "2024-11-03", "2024-11-03T04:00Z", "2024-11-04T05:00Z"}, // 00:00 comes twice
		{"Africa/Cairo", "2025-10-31", "2025-10-30T22:00Z", "2025-10-31T22:00Z"},   // 23:00 of the day before comes twice
		{"Asia/Amman", "2021-10-29", "2021-10-28T21:00Z", "2021-10-29T22:00Z"},     // 00:00 comes twice
		{"Asia/Amman", "2022-02-25", "2022-02-24T22:00Z", "2022-02-25T21:00Z"},
		{"Atlantic/Azores", "2026-10-25", "2026-10-25T00:00Z", "2026-10-26T01:00Z"}, // likewise
		{"America/Santiago", "2025-09-07", "2025-09-07T04:00Z", "2025-09-08T03:00Z"},
	}
	for _, tt := range tests {
		loc, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseAway(tt.in, loc)
		const form = "2006-01-02T15:04Z"
		if err != nil || got.From.UTC().Format(form) != tt.from || got.Until.UTC().Format(form) != tt.until {
			t.Errorf("%s in %s: %s to %s, %v; want %s to %s", tt.in, tt.zone, got.From.UTC().Format(form), got.Until.UTC().Format(form), err, tt.from, tt.until)
		}
	}
}

func TestNearest(t *testing.T) {
	tests := []struct{ in, want string }{
		{"emial", "email"}, {"e", ""}, {"nmae", "name"}, {"wieght", "weight"}, {"weihgts", "weight"}, {"xyz", ""}, {"hors", "hours"},
	}
	for _, tt := range tests {
		if got := nearest(tt.in, []string{"name", "email", "weight", "hours"}); got != tt.want {
			t.Errorf("nearest to %q is %q, want %q", tt.in, got, tt.want)
		}
	}
}

// Every zone that is suggested is one.
func TestWellKnownZones(t *testing.T) {
	for _, name := range []string{"CEST", "PST", "IST", "Kolkata", "new york", "europe/berlin", "Asia/Berlin", "Europe/Vienne", "Tokio"} {
		zone := nearestZone(name)
		if _, err := time.LoadLocation(zone); err != nil || zone == "" {
			t.Errorf("%q leads to %q: %v", name, zone, err)
		}
	}
	for _, name := range []string{"UTC+2", "+02:00", "Local", "xyzzy", "GMT-3"} {
		if zone := nearestZone(name); zone != "" {
			t.Errorf("%q leads to %q", name, zone)
		}
	}
}

// A day begins at its first minute, as counting minutes finds it, through
// years of clocks that change at midnight.
func TestDayStartAgainstMinutes(t *testing.T) {
	for _, name := range []string{"Asia/Amman", "America/Havana", "Africa/Cairo", "Atlantic/Azores"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for day := time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2026; day = day.AddDate(0, 0, 1) {
			got := dayStart(day, loc)
			first := got.Add(-3 * time.Hour)
			for first.In(loc).Day() != day.Day() {
				first = first.Add(time.Minute)
			}
			if !first.Equal(got) {
				t.Errorf("%s in %s begins at %v, not %v", day.Format(dateForm), name, first, got)
			}
		}
	}
}

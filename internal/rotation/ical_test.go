package rotation

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/threads"
)

// event makes a calendar of VEVENTs, each the lines between BEGIN and END.
func event(list ...string) string {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n")
	for i, e := range list {
		if strings.HasPrefix(e, "BEGIN:VTIMEZONE") {
			b.WriteString(strings.ReplaceAll(e, "\n", "\r\n"))
			continue
		}
		if !strings.Contains(e, "UID:") {
			e = fmt.Sprintf("UID:%d@test\n", i) + e
		}
		b.WriteString("BEGIN:VEVENT\r\n" + strings.ReplaceAll(e, "\n", "\r\n") + "\r\nEND:VEVENT\r\n")
	}
	b.WriteString("END:VCALENDAR\r\n")
	return b.String()
}

// office is a zone no database has: Berlin's rules, as Exchange writes them.
const office = `BEGIN:VTIMEZONE
TZID:Customized Time Zone
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
END:VTIMEZONE
`

func TestCalendarAbsence(t *testing.T) {
	// In Berlin, from Monday 2 November 2026 for eight weeks.
	from, until := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 28, 0, 0, 0, 0, time.UTC)
	tests := []struct{ name, file, want string }{
		{"a day", event("DTSTART;VALUE=DATE:20261224"), "24 Dec 00:00 - 25 Dec 00:00"},
		{"a day told as a date alone", event("DTSTART:20261224"), "24 Dec 00:00 - 25 Dec 00:00"},
		{"days", event("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227"), "24 Dec 00:00 - 27 Dec 00:00"},
		{"days that end on their first", event("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261224"), "24 Dec 00:00 - 25 Dec 00:00"},
		{"days by their number", event("DTSTART;VALUE=DATE:20261214\nDURATION:P1W"), "14 Dec 00:00 - 21 Dec 00:00"},
		{"days that touch", event("DTSTART;VALUE=DATE:20261224", "DTSTART;VALUE=DATE:20261225"), "24 Dec 00:00 - 26 Dec 00:00"},
		{"hours on no zone's clock", event("DTSTART:20261203T090000\nDTEND:20261203T120000"), "3 Dec 09:00 - 3 Dec 12:00"},
		{"hours in UTC", event("DTSTART:20261203T090000Z\nDTEND:20261203T120000Z"), "3 Dec 10:00 - 3 Dec 13:00"},
		{"hours in New York", event("DTSTART;TZID=America/New_York:20261203T090000\nDURATION:PT1H30M"), "3 Dec 15:00 - 3 Dec 16:30"},
		{"a zone with a path", event("DTSTART;TZID=/example.org/20050126_1/America/New_York:20261203T090000\nDURATION:PT1H"), "3 Dec 15:00 - 3 Dec 16:00"},
		{"a zone of Windows", event("DTSTART;TZID=\"India Standard Time\":20261203T090000\nDURATION:PT1H"), "3 Dec 04:30 - 3 Dec 05:30"},
		{"a zone of its own, winter", event(office, "DTSTART;TZID=Customized Time Zone:20261203T090000\nDURATION:PT1H"), "3 Dec 09:00 - 3 Dec 10:00"},
		{"a moment", event("DTSTART:20261203T090000"), ""},
		{"before", event("DTSTART;VALUE=DATE:20261003"), ""},
		{"long before, but until now", event("DTSTART;VALUE=DATE:20261003\nDTEND;VALUE=DATE:20261104"), "3 Oct 00:00 - 4 Nov 00:00"},
		{"free", event("DTSTART;VALUE=DATE:20261224\nTRANSP:TRANSPARENT"), ""},
		{"busy", event("DTSTART;VALUE=DATE:20261224\nTRANSP:OPAQUE\nSTATUS:CONFIRMED"), "24 Dec 00:00 - 25 Dec 00:00"},
		{"cancelled", event("DTSTART;VALUE=DATE:20261224\nSTATUS:CANCELLED"), ""},
		{"working elsewhere", event("DTSTART;VALUE=DATE:20261224\nX-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE"), ""},
		{"out of office", event("DTSTART;VALUE=DATE:20261224\nX-MICROSOFT-CDO-BUSYSTATUS:OOF"), "24 Dec 00:00 - 25 Dec 00:00"},

		{"every Friday", event("DTSTART;VALUE=DATE:20261127\nRRULE:FREQ=WEEKLY;COUNT=3"), "27 Nov 00:00 - 28 Nov 00:00, 4 Dec 00:00 - 5 Dec 00:00, 11 Dec 00:00 - 12 Dec 00:00"},
		{"every second Friday since years", event("DTSTART;VALUE=DATE:20200103\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;UNTIL=20261210"),
			"13 Nov 00:00 - 14 Nov 00:00, 27 Nov 00:00 - 28 Nov 00:00"},
		{"every afternoon, over the end of it", event("DTSTART;TZID=Europe/Berlin:20250701T140000\nDTEND;TZID=Europe/Berlin:20250701T150000\nRRULE:FREQ=DAILY;UNTIL=20261103T130000Z"),
			"2 Nov 14:00 - 2 Nov 15:00, 3 Nov 14:00 - 3 Nov 15:00"},
		{"last Friday of the month", event("DTSTART;VALUE=DATE:20260130\nRRULE:FREQ=MONTHLY;BYDAY=-1FR"), "27 Nov 00:00 - 28 Nov 00:00, 25 Dec 00:00 - 26 Dec 00:00"},
		{"every Christmas", event("DTSTART;VALUE=DATE:20001225\nDTEND;VALUE=DATE:20001227\nRRULE:FREQ=YEARLY"), "25 Dec 00:00 - 27 Dec 00:00"},
		{"rule in small letters", event("DTSTART;VALUE=DATE:20261127\nRRULE:freq=weekly;count=1"), "27 Nov 00:00 - 28 Nov 00:00"},
		{"ended long ago", event("DTSTART;VALUE=DATE:20200103\nRRULE:FREQ=WEEKLY;UNTIL=20200301"), ""},
		{"never", event("DTSTART;VALUE=DATE:20200103\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), ""},
		{"but not that day", event("DTSTART;VALUE=DATE:20261127\nRRULE:FREQ=WEEKLY;COUNT=3\nEXDATE;VALUE=DATE:20261204"), "27 Nov 00:00 - 28 Nov 00:00, 11 Dec 00:00 - 12 Dec 00:00"},
		{"but not these hours", event("DTSTART;TZID=Europe/Berlin:20261201T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4\nEXDATE;TZID=Europe/Berlin:20261202T090000,20261204T090000\nEXDATE:20261203T080000Z"),
			"1 Dec 09:00 - 1 Dec 10:00"},
		{"hours, but not on a day", event("DTSTART;TZID=Europe/Berlin:20261201T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2\nEXDATE;VALUE=DATE:20261202"), "1 Dec 09:00 - 1 Dec 10:00"},
		{"but not by a rule", event("DTSTART;VALUE=DATE:20261201\nRRULE:FREQ=DAILY;COUNT=5\nEXRULE:FREQ=DAILY;INTERVAL=2"), "2 Dec 00:00 - 3 Dec 00:00, 4 Dec 00:00 - 5 Dec 00:00"},
		{"days beside", event("DTSTART;VALUE=DATE:20261201\nRDATE;VALUE=DATE:20261205,20261210"), "1 Dec 00:00 - 2 Dec 00:00, 5 Dec 00:00 - 6 Dec 00:00, 10 Dec 00:00 - 11 Dec 00:00"},
		{"periods beside", event("DTSTART:20261201T090000Z\nDURATION:PT1H\nRDATE;VALUE=PERIOD:20261202T090000Z/PT2H,20261203T090000Z/20261203T120000Z"),
			"1 Dec 10:00 - 1 Dec 11:00, 2 Dec 10:00 - 2 Dec 12:00, 3 Dec 10:00 - 3 Dec 13:00"},
		{"one moved", event("UID:a\nDTSTART;VALUE=DATE:20261201\nRRULE:FREQ=WEEKLY;COUNT=2", "UID:a\nRECURRENCE-ID;VALUE=DATE:20261208\nDTSTART;VALUE=DATE:20261210"),
			"1 Dec 00:00 - 2 Dec 00:00, 10 Dec 00:00 - 11 Dec 00:00"},
		{"one moved, written first", event("UID:a\nRECURRENCE-ID;VALUE=DATE:20261208\nDTSTART;VALUE=DATE:20261210", "UID:a\nDTSTART;VALUE=DATE:20261201\nRRULE:FREQ=WEEKLY;COUNT=2"),
			"1 Dec 00:00 - 2 Dec 00:00, 10 Dec 00:00 - 11 Dec 00:00"},
		{"one cancelled", event("UID:a\nDTSTART:20261201T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2", "UID:a\nRECURRENCE-ID:20261201T090000Z\nDTSTART:20261201T090000Z\nSTATUS:CANCELLED"),
			"2 Dec 10:00 - 2 Dec 11:00"},
		{"from one on an hour later", event("UID:a\nDTSTART:20261201T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3", "UID:a\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261202T090000Z\nDTSTART:20261202T100000Z\nDURATION:PT2H"),
			"1 Dec 10:00 - 1 Dec 11:00, 2 Dec 11:00 - 2 Dec 13:00, 3 Dec 11:00 - 3 Dec 13:00"},
		{"a newer version", event("UID:a\nSEQUENCE:2\nDTSTART;VALUE=DATE:20261210", "UID:a\nSEQUENCE:1\nDTSTART;VALUE=DATE:20261201"), "10 Dec 00:00 - 11 Dec 00:00"},
		{"folded, with odd parameters", event("DTST\n ART;VALUE=DATE;X-A=\"b;c:d\";X-E=f,g:202612\n\t24\nDESCRIPTION:a\\, b"), "24 Dec 00:00 - 25 Dec 00:00"},
		{"two calendars in one file", event("UID:a\nDTSTART;VALUE=DATE:20261201") + event("UID:b\nDTSTART;VALUE=DATE:20261203"), "1 Dec 00:00 - 2 Dec 00:00, 3 Dec 00:00 - 4 Dec 00:00"},
		{"nothing", event(), ""},
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, bad := readCalendar([]byte(tt.file))
			if bad != nil {
				t.Fatal(bad)
			}
			spans, bad := c.absence(berlin, from, until)
			if bad != nil {
				t.Fatal(bad)
			}
			var got []string
			for _, s := range spans {
				got = append(got, s.From.In(berlin).Format("2 Jan 15:04")+" - "+s.Until.In(berlin).Format("2 Jan 15:04"))
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), tt.want)
			}
		})
	}
}

// What happens at nine happens at nine on both sides of a change of clocks,
// in a known zone and in one the calendar brings along.
func TestCalendarOverClockChange(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC)
	for name, file := range map[string]string{
		"known": event("DTSTART;TZID=Europe/Berlin:20200101T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY"),
		"own":   event(office, "DTSTART;TZID=Customized Time Zone:20200101T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY"),
		"none":  event("DTSTART:20200101T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY"),
	} {
		t.Run(name, func(t *testing.T) {
			c, bad := readCalendar([]byte(file))
			if bad != nil {
				t.Fatal(bad)
			}
			spans, bad := c.absence(zone, from, from.AddDate(0, 0, 5))
			if bad != nil || len(spans) != 5 {
				t.Fatalf("%v, %v", spans, bad)
			}
			for i, s := range spans {
				if want := time.Date(2026, 10, 23+i, 9, 0, 0, 0, zone); !s.From.Equal(want) || s.Until.Sub(s.From) != time.Hour {
					t.Errorf("day %d: %v to %v, want %v", i, s.From, s.Until, want)
				}
			}
		})
	}
	// A day is the day of the person whose calendar it is, of 25 hours too.
	c, bad := readCalendar([]byte(event("DTSTART;VALUE=DATE:20261025")))
	if bad != nil {
		t.Fatal(bad)
	}
	spans, bad := c.absence(zone, from, from.AddDate(0, 0, 5))
	if bad != nil || len(spans) != 1 || spans[0].Until.Sub(spans[0].From) != 25*time.Hour {
		t.Errorf("%v, %v", spans, bad)
	}
}

// Absence from a calendar counts, in the engineer's own zone, and is in
// Known for whoever reads the version later without the calendars.
func TestCalendarOfEngineer(t *testing.T) {
	file := `[[engineer]]
name = "Alice"
email = "alice@acme.example"
timezone = "America/New_York"
calendar = ["leave.ics", "holidays.ics"]
[[engineer]]
name = "Bob"
email = "bob@acme.example"
calendar = "holidays.ics"
`
	calendars := map[string]string{"leave.ics": event("DTSTART;VALUE=DATE:20261223"), "holidays.ics": event("DTSTART;VALUE=DATE:20201224\nRRULE:FREQ=YEARLY")}
	s := Source{Name: "r", Text: []byte(file), Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		Calendar: func(name string) ([]byte, error) { return []byte(calendars[name]), nil }}
	r, _, err := s.Parse()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 12, 24, 3, 0, 0, 0, time.UTC) // still the 23rd in New York
	if p := r.Presence("alice@acme.example", at, nil); p.Why != "away until 25 Dec 2026" {
		t.Errorf("Alice: %+v", p)
	}
	if p := r.Presence("bob@acme.example", at, nil); p.Why != "away until 25 Dec 2026" || !p.Until.Equal(time.Date(2026, 12, 25, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("Bob: %+v", p)
	}
	if n := len(r.Engineers[1].Calendar); n != 3 { // one past, this one and the next
		t.Errorf("Bob has %d absences", n)
	}
	known := map[string][]threads.Span{"alice@acme.example": r.Engineers[0].Calendar}
	again, _, err := Source{Name: "r", Text: []byte(file), Known: known}.Parse()
	if err != nil || len(again.Engineers[0].Calendar) != len(r.Engineers[0].Calendar) {
		t.Errorf("from what is known: %+v, %v", again, err)
	}
	calendars["leave.ics"] = event()
	if other, _, err := s.Parse(); err != nil || other.Version == r.Version {
		t.Errorf("a changed calendar is no new version: %v", err)
	}
}

// The longest a hostile calendar may take; a machine has a hundred times as
// long in which nobody would notice.
func TestCalendarBounds(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	repeat := func(n int, e string) string {
		list := make([]string, n)
		for i := range list {
			list[i] = e
		}
		return event(list...)
	}
	for name, file := range map[string]string{
		"too many repeat":      repeat(maxRecurring+1, "DTSTART;VALUE=DATE:20261224\nRRULE:FREQ=DAILY"),
		"too many":             repeat(maxEvents+1, "DTSTART;VALUE=DATE:20261224"),
		"too many occurrences": repeat(40, "DTSTART:20260101T000000Z\nDURATION:PT1M\nRRULE:FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23"),
		"nested":               strings.Repeat("BEGIN:VCALENDAR\r\n", 1000),
		"every minute":         event("DTSTART:20260101T000000Z\nDURATION:PT1M\nRRULE:FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5"),
	} {
		t.Run(name, func(t *testing.T) {
			c, bad := readCalendar([]byte(file))
			if bad == nil {
				_, bad = c.absence(time.UTC, from, from.AddDate(3, 0, 0))
			}
			if bad == nil {
				t.Error("was taken")
			}
		})
	}
	start := time.Now()
	c, bad := readCalendar([]byte(repeat(maxRecurring, "DTSTART;VALUE=DATE:19000101\nRRULE:FREQ=DAILY")))
	if bad == nil {
		_, bad = c.absence(time.UTC, from, from.AddDate(0, 0, 7))
	}
	if took := time.Since(start); bad != nil || took > time.Minute {
		t.Errorf("took %v: %v", took, bad)
	}
}

// Whatever the bytes: absence in order, or one line of reason.
func FuzzCalendar(f *testing.F) {
	paths, _ := filepath.Glob("testdata/bad/*.ics")
	for _, path := range paths {
		if data, err := os.ReadFile(path); err == nil {
			f.Add(data)
		}
	}
	f.Add([]byte(event(office, "DTSTART;TZID=Customized Time Zone:20261203T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;BYDAY=MO,-1FR;UNTIL=20270101T000000Z\nEXDATE:20261205")))
	f.Add([]byte(event("UID:a\nDTSTART;VALUE=DATE:20261201\nRRULE:FREQ=MONTHLY;BYSETPOS=-1;BYDAY=MO", "UID:a\nRECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20261208\nDTSTART;VALUE=DATE:20261210")))
	f.Add([]byte(event("DTSTART;VALUE=DATE:20261201\nRRULE:FREQ=YEARLY;BYWEEKNO=53,-1;BYYEARDAY=366;WKST=SU\nRDATE;VALUE=PERIOD:20261202T090000Z/PT2H")))
	zone := time.FixedZone("five thirty", 19800)
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, bad := readCalendar(data)
		var spans []threads.Span
		if bad == nil {
			spans, bad = c.absence(zone, from, from.AddDate(1, 0, 0))
		}
		if bad != nil {
			if strings.ContainsFunc((Problem{Text: bad.text, Hint: bad.hint}).Error(), unprintable) {
				t.Fatalf("not safe to print: %q", bad.text)
			}
			return
		}
		for i, s := range spans {
			if !s.Until.After(s.From) || i > 0 && !s.From.After(spans[i-1].Until) {
				t.Fatalf("out of order: %v", spans)
			}
		}
	})
}

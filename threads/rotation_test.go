package threads

import (
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the tests name zones the machine may not have
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func at(t testing.TB, loc *time.Location, s string) time.Time {
	t.Helper()
	v, err := time.ParseInLocation("2006-01-02 15:04", s, loc)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// clock is minutes into the week; day 0 is Monday.
func clock(day, hour, minute int) int { return (day*24+hour)*60 + minute }

func office() Hours {
	var spans []WeekSpan
	for day := range 5 {
		spans = append(spans, WeekSpan{clock(day, 9, 0), clock(day, 17, 30)})
	}
	return NewHours("Mon-Fri 09:00-17:30", spans)
}

func TestNewHours(t *testing.T) {
	tests := []struct {
		name string
		in   []WeekSpan
		want []WeekSpan
	}{
		{"none is always", nil, nil},
		{"whole week is always", []WeekSpan{{0, MinutesPerWeek}}, nil},
		{"whole week in pieces", []WeekSpan{{600, MinutesPerWeek}, {0, 600}}, nil},
		{"touching ones are one", []WeekSpan{{60, 120}, {0, 60}}, []WeekSpan{{0, 120}}},
		{"one inside another", []WeekSpan{{0, 120}, {30, 60}}, []WeekSpan{{0, 120}}},
		{"over the end of the week", []WeekSpan{{clock(6, 22, 0), clock(7, 6, 0)}}, []WeekSpan{{0, 360}, {clock(6, 22, 0), MinutesPerWeek}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := NewHours("x", tt.in).Weeks; !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPresence(t *testing.T) {
	berlin, kolkata := zone(t, "Europe/Berlin"), zone(t, "Asia/Kolkata")
	night := NewHours("Fri 22:00-06:00", []WeekSpan{{clock(4, 22, 0), clock(5, 6, 0)}})
	sunday := NewHours("Sun 02:15-02:45", []WeekSpan{{clock(6, 2, 15), clock(6, 2, 45)}})
	holidays := []Span{{at(t, berlin, "2026-12-20 00:00"), at(t, berlin, "2027-01-04 00:00")}}
	r := &Rotation{Location: berlin, Engineers: []Engineer{
		{Key: "always@x", Name: "Always"},
		{Key: "office@x", Name: "Office", Hours: office(), Away: holidays},
		{Key: "night@x", Name: "Night", Hours: night},
		{Key: "half@x", Name: "Half", Hours: office(), Location: kolkata},
		{Key: "gap@x", Name: "Gap", Hours: sunday},
		{Key: "gone@x", Name: "Gone", Away: holidays},
	}}
	tests := []struct {
		name, key, now string
		off            Leave
		on             bool
		why, until     string // until in Berlin; "" for never
	}{
		{"unknown", "nobody@x", "2026-10-15 12:00", nil, false, "not in the rotation", ""},
		{"always", "always@x", "2026-10-15 12:00", nil, true, "on duty", ""},
		{"in hours", "office@x", "2026-10-15 12:00", nil, true, "on duty", "2026-10-15 17:30"},
		{"first minute", "office@x", "2026-10-15 09:00", nil, true, "on duty", "2026-10-15 17:30"},
		{"end is out", "office@x", "2026-10-15 17:30", nil, false, "outside working hours", "2026-10-16 09:00"},
		{"weekend over the end of summer time", "office@x", "2026-10-24 12:00", nil, false, "outside working hours", "2026-10-26 09:00"},
		{"weekend over its beginning", "office@x", "2026-03-28 12:00", nil, false, "outside working hours", "2026-03-30 09:00"},
		{"over midnight", "night@x", "2026-10-17 05:59", nil, true, "on duty", "2026-10-17 06:00"},
		{"not the night before", "night@x", "2026-10-16 05:00", nil, false, "outside working hours", "2026-10-16 22:00"},
		{"half-hour zone", "half@x", "2026-12-15 05:29", nil, true, "on duty", "2026-12-15 13:00"},
		{"half-hour zone before", "half@x", "2026-12-15 04:29", nil, false, "outside working hours", "2026-12-15 04:30"},
		{"an hour that is skipped is not worked", "gap@x", "2026-03-28 12:00", nil, false, "outside working hours", "2026-04-05 02:15"},
		{"away in hours", "office@x", "2026-12-21 12:00", nil, false, "away until 4 Jan 2027 09:00", "2027-01-04 09:00"},
		{"away, always on", "gone@x", "2026-12-21 12:00", nil, false, "away until 4 Jan 2027", "2027-01-04 00:00"},
		{"last day of it", "gone@x", "2027-01-03 23:59", nil, false, "away until 4 Jan 2027", "2027-01-04 00:00"},
		{"back", "gone@x", "2027-01-04 00:00", nil, true, "on duty", ""},
		{"away ahead", "gone@x", "2026-12-19 12:00", nil, true, "on duty", "2026-12-20 00:00"},
		{"leave", "always@x", "2026-10-15 12:00", Leave{"always@x": at(t, berlin, "2026-10-16 12:00")}, false, "marked absent until 16 Oct 2026 12:00", "2026-10-16 12:00"},
		{"leave over", "always@x", "2026-10-16 12:00", Leave{"always@x": at(t, berlin, "2026-10-16 12:00")}, true, "on duty", ""},
		{"leave without end", "always@x", "2026-10-15 12:00", Leave{"always@x": {}}, false, "marked absent", ""},
		{"leave into holidays", "gone@x", "2026-12-19 12:00", Leave{"gone@x": at(t, berlin, "2026-12-22 12:00")}, false, "marked absent until 4 Jan 2027", "2027-01-04 00:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := r.Presence(tt.key, at(t, berlin, tt.now), tt.off)
			until := ""
			if !p.Until.IsZero() {
				until = p.Until.In(berlin).Format("2006-01-02 15:04")
			}
			if p.OnDuty != tt.on || p.Why != tt.why || until != tt.until {
				t.Errorf("got %v %q until %q, want %v %q until %q", p.OnDuty, p.Why, until, tt.on, tt.why, tt.until)
			}
		})
	}
}

// The hour that comes twice is worked twice: from 02:15 to 02:45 in summer
// time, then again in winter time.
func TestPresenceRepeatedHour(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	hours := NewHours("Sun 02:15-02:45", []WeekSpan{{clock(6, 2, 15), clock(6, 2, 45)}})
	r := &Rotation{Location: berlin, Engineers: []Engineer{{Key: "a", Hours: hours}}}
	now := at(t, berlin, "2026-10-24 12:00")
	var edges []string
	for range 5 {
		next, ok := r.NextChange(now, nil)
		if !ok {
			t.Fatal("no change found")
		}
		edges = append(edges, next.UTC().Format("2 15:04"))
		now = next
	}
	want := []string{"25 00:15", "25 00:45", "25 01:15", "25 01:45", "1 01:15"}
	if !slices.Equal(edges, want) {
		t.Errorf("edges %v, want %v", edges, want)
	}
}

// Going minute by minute through a year finds the same edges as NextChange.
func TestNextChangeAgainstMinutes(t *testing.T) {
	if testing.Short() {
		t.Skip("half a million minutes")
	}
	berlin, ny, kol := zone(t, "Europe/Berlin"), zone(t, "America/New_York"), zone(t, "Asia/Kolkata")
	night := NewHours("Sun 22:30-03:15", []WeekSpan{{clock(6, 22, 30), clock(7, 3, 15)}})
	r := &Rotation{Location: berlin, Engineers: []Engineer{
		{Key: "a", Hours: office()}, {Key: "b", Hours: night, Location: ny},
		{Key: "c", Hours: night, Location: kol, Away: []Span{{at(t, kol, "2026-03-20 00:00"), at(t, kol, "2026-04-02 00:00")}}},
	}}
	now := at(t, berlin, "2026-01-01 00:00")
	next, ok := r.NextChange(now, nil)
	was := duty(r, now)
	for range 365 * 24 * 60 {
		now = now.Add(time.Minute)
		is := duty(r, now)
		if is != was != (ok && now.Equal(next)) {
			t.Fatalf("at %v on duty %b then %b, NextChange says %v", now, was, is, next)
		}
		if is != was {
			next, ok = r.NextChange(now, nil)
		}
		was = is
	}
}

func duty(r *Rotation, now time.Time) int {
	bits := 0
	for i := range r.Engineers {
		e := &r.Engineers[i]
		if presence(e, now, weekSecond(now.In(r.Zone(e))), nil) == whyOn {
			bits |= 1 << i
		}
	}
	return bits
}

func TestAddresses(t *testing.T) {
	r := &Rotation{Admins: []string{"Ops@acme.example"}, Engineers: []Engineer{
		{Key: "alice@acme.example", Email: "Alice@acme.example", Aliases: []string{"A.Ng@acme.example"}},
	}}
	for _, addr := range []string{"alice@ACME.example", " a.ng@acme.example "} {
		if e, ok := r.ByAddress(addr); !ok || e.Key != "alice@acme.example" {
			t.Errorf("ByAddress(%q) found %v", addr, e)
		}
	}
	for _, addr := range []string{"", "bob@acme.example", "ops@acme.example"} {
		if e, ok := r.ByAddress(addr); ok {
			t.Errorf("ByAddress(%q) found %v", addr, e)
		}
	}
	if got := r.Addresses("alice@acme.example"); !slices.Equal(got, []string{"Alice@acme.example", "A.Ng@acme.example"}) {
		t.Errorf("addresses %v", got)
	}
	if got := r.Addresses("nobody"); got != nil {
		t.Errorf("addresses of nobody: %v", got)
	}
	if !r.IsAdmin("ops@ACME.example") || r.IsAdmin("alice@acme.example") {
		t.Error("admins are wrong")
	}
}

func TestTopicMatches(t *testing.T) {
	topic := Topic{Name: "tls", Subject: []string{"TLS", "expired certificate", "証明書"}, Body: []string{"x509"},
		To: []string{"tls@acme.example"}, From: []string{"big.example", "@small.example"}}
	tests := []struct {
		subject, body, to, from string
		want                    bool
	}{
		{"tlsv1.3 fails", "", "", "", true},
		{"about TLS", "", "", "", true},
		{"title settled", "", "", "", false},
		{"rtls, then (tls)", "", "", "", true},
		{"An Expired certificate's end", "", "", "", true},
		{"expired  certificate", "", "", "", false},
		{"新しい証明書について", "", "", "", true},
		{"x509", "", "", "", false},
		{"", "error: X509: unknown", "", "", true},
		{"", "", "TLS@acme.example", "", true},
		{"", "", "xtls@acme.example", "", false},
		{"", "", "", "jane@Big.example", true},
		{"", "", "", "jane@mail.big.example", true},
		{"", "", "", "jane@notbig.example", false},
		{"", "", "", "jane@x.small.example", true},
		{"", "", "", "big.example", false},
	}
	for _, tt := range tests {
		if got := topic.Matches(tt.subject, tt.body, []string{tt.to}, tt.from); got != tt.want {
			t.Errorf("Matches(%q, %q, %q, %q) = %v", tt.subject, tt.body, tt.to, tt.from, got)
		}
	}
}

package threads

import (
	"testing"
	"time"
)

func TestBusiness(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	var office []WeekSpan // Monday to Friday, nine to five
	for day := range 5 {
		office = append(office, WeekSpan{day*1440 + 9*60, day*1440 + 17*60})
	}
	at := func(month time.Month, day, hour, minute int) time.Time {
		return time.Date(2026, month, day, hour, minute, 0, 0, berlin)
	}
	inOffice := Engineer{Key: "a", Hours: NewHours("office", office), Location: berlin}
	away := inOffice
	away.Away = []Span{{at(11, 23, 0, 0), at(11, 24, 0, 0)}}
	calendar := inOffice
	calendar.Calendar = []Span{{at(11, 19, 0, 0), at(11, 20, 0, 0)}, {at(11, 23, 12, 0), at(11, 23, 13, 0)}}
	india := Engineer{Key: "b", Hours: NewHours("office", office), Location: kolkata} // 04:30 to 12:30 in a Berlin winter
	always := Engineer{Key: "c"}
	never := Engineer{Key: "d", Away: []Span{{at(1, 1, 0, 0), at(1, 1, 0, 0).AddDate(9, 0, 0)}}}

	tests := []struct {
		name      string
		engineers []Engineer
		from      time.Time
		d         time.Duration
		want      time.Time // zero: never
	}{
		{"within a day", []Engineer{inOffice}, at(11, 23, 10, 0), 4 * time.Hour, at(11, 23, 14, 0)},
		{"to the end of a day", []Engineer{inOffice}, at(11, 23, 13, 0), 4 * time.Hour, at(11, 23, 17, 0)},
		{"over the night", []Engineer{inOffice}, at(11, 23, 16, 0), 4 * time.Hour, at(11, 24, 12, 0)},
		{"over the weekend", []Engineer{inOffice}, at(11, 20, 16, 30), time.Hour, at(11, 23, 9, 30)},
		{"from the night", []Engineer{inOffice}, at(11, 21, 3, 0), time.Minute, at(11, 23, 9, 1)},
		{"over a day away", []Engineer{away}, at(11, 20, 16, 30), time.Hour, at(11, 24, 9, 30)},
		{"over an hour in the calendar", []Engineer{calendar}, at(11, 23, 11, 0), 2 * time.Hour, at(11, 23, 14, 0)},
		{"two half a day apart", []Engineer{inOffice, india}, at(11, 23, 16, 0), 2 * time.Hour, at(11, 24, 5, 30)},
		{"two overlap", []Engineer{india, inOffice}, at(11, 23, 4, 0), 12 * time.Hour, at(11, 23, 16, 30)},
		{"over the end of summer time", []Engineer{inOffice}, at(10, 23, 16, 0), 2 * time.Hour, at(10, 26, 10, 0)},
		{"always", []Engineer{inOffice, always}, at(11, 21, 3, 0), 30 * time.Hour, at(11, 22, 9, 0)},
		{"nobody", nil, at(11, 21, 3, 0), time.Hour, time.Time{}},
		{"nobody for years", []Engineer{never}, at(11, 21, 3, 0), time.Hour, time.Time{}},
		{"no time at all", []Engineer{inOffice}, at(11, 21, 3, 0), 0, at(11, 21, 3, 0)},
		{"twenty weeks of work", []Engineer{inOffice}, at(1, 5, 9, 0), 800 * time.Hour, at(5, 22, 17, 0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &Rotation{Location: berlin, Engineers: tt.engineers}
			got, ok := r.Business(tt.from, tt.d)
			if ok == tt.want.IsZero() || ok && !got.Equal(tt.want) {
				t.Errorf("got %v, %v, want %v", got, ok, tt.want)
			}
		})
	}
}

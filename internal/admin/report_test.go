package admin

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// happened stores a conversation that consists of these events, a minute after
// each other from a time on.
func (r *rig) happened(from time.Time, bodies ...threads.EventBody) {
	r.t.Helper()
	r.update(func(tx *store.Tx) error {
		id, err := tx.NewConversation()
		if err != nil {
			return err
		}
		var events []threads.Event
		for i, b := range bodies {
			events = append(events, threads.Event{N: i + 1, At: from.Add(time.Duration(i) * time.Minute), Body: b})
		}
		return tx.Commit(threads.Fold(id, events), events)
	})
}

// TestReport: who did what, and when it counts for whom.
func TestReport(t *testing.T) {
	r := newRig(t)
	opened := threads.Opened{Customer: jane}
	mail := threads.Received{From: jane, Class: threads.ClassCustomer}
	toAlice, toBob := threads.Assigned{Engineer: alice, How: threads.HowTurn}, threads.Assigned{Engineer: bob, From: alice, How: threads.HowHanded}
	byBob := threads.Accepted{Author: bob}
	r.happened(noon, opened, mail, toAlice, toBob, byBob, threads.Closed{By: bob})  // bob's answer to what began with alice, 4 min
	r.happened(noon, opened, mail, toAlice, threads.Accepted{Author: alice}, byBob) // 3 min; the second answer is no first one
	r.happened(noon, opened, mail, toAlice, threads.Overdue{Engineer: alice})       // open, late
	r.happened(noon, opened, mail, threads.Waiting{})                               // nobody's
	// What is not counted: before the period, history, what was split off.
	r.happened(noon.Add(-48*time.Hour), opened, mail, toAlice, toBob, byBob, threads.Closed{By: bob})
	r.happened(noon, threads.Opened{Customer: jane, History: true}, threads.Received{From: jane, History: true})
	r.happened(noon, threads.Opened{Customer: jane, Split: 1}, mail, toAlice, threads.Closed{By: alice})
	r.happened(noon, opened, mail, threads.Assigned{Engineer: "gone@acme.example"}, threads.Closed{By: "root"})
	r.update(func(tx *store.Tx) error {
		text := rotationText + "[[team]]\nname = \"core\"\nmembers = [\"Alice Ng\", \"Bob Ray\"]\n"
		return tx.AddRotation(store.RotationVersion{Version: "v", Text: []byte(text)})
	})
	rows := collect(t, func(f func(ReportRow) error) error { return Report(r.st, noon, noon.Add(24*time.Hour), f) })
	var got []string
	for _, x := range rows {
		got = append(got, fmt.Sprintf("%s %q opened %d answered %d answers %d first %s/%s handed %d overdue %d open %d/%d",
			x.Kind, x.Name, x.Opened, x.Answered, x.Answers, taken(x.FirstMedian), taken(x.First95), x.HandedOn, x.Overdue, x.Open, x.OverdueOpen))
	}
	want := []string{
		`engineer "alice@acme.example" opened 3 answered 2 answers 1 first 3m0s/3m0s handed 1 overdue 1 open 2/1`,
		`engineer "bob@acme.example" opened 0 answered 0 answers 2 first 4m0s/4m0s handed 0 overdue 0 open 0/0`,
		`engineer "carol@acme.example" opened 0 answered 0 answers 0 first -/- handed 0 overdue 0 open 0/0`,
		`engineer "" opened 1 answered 0 answers 0 first -/- handed 0 overdue 0 open 1/0`,
		`engineer "gone@acme.example" opened 1 answered 0 answers 0 first -/- handed 0 overdue 0 open 0/0`,
		`team "core" opened 3 answered 2 answers 3 first 3m0s/4m0s handed 1 overdue 1 open 2/1`,
		`all "" opened 5 answered 2 answers 3 first 3m0s/4m0s handed 1 overdue 1 open 3/1`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	stop := errors.New("enough")
	if err := Report(r.st, noon, noon, func(ReportRow) error { return stop }); err != stop {
		t.Errorf("a reader's own error comes back as %v", err)
	}
}

func TestQuantile(t *testing.T) {
	list := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for _, tt := range []struct {
		list  []float64
		share float64
		want  float64
	}{{list, 0.5, 5}, {list, 0.95, 10}, {list, 0, 1}, {list[:1], 0.95, 1}, {list[:2], 0.5, 1}, {nil, 0.5, math.NaN()}} {
		got := quantile(tt.list, tt.share)
		if got == nil != math.IsNaN(tt.want) || got != nil && *got != tt.want {
			t.Errorf("%v of %v is %v, not %v", tt.share, tt.list, got, tt.want)
		}
	}
}

func TestReportPrint(t *testing.T) {
	sec := func(d time.Duration) *float64 { s := d.Seconds(); return &s }
	var b bytes.Buffer
	p := Printer{Out: &b, Width: 120}
	rows := []ReportRow{
		{Kind: ReportEngineer, Name: alice, Opened: 12, Answered: 11, Answers: 20, FirstMedian: sec(95 * time.Second), First95: sec(90 * time.Minute), HandedOn: 2, Overdue: 1, Open: 3, OverdueOpen: 1},
		{Kind: ReportEngineer, Opened: 1},
		{Kind: ReportTeam, Name: "core", FirstMedian: sec(47 * time.Hour), First95: sec(60 * time.Hour)},
		{Kind: ReportAll},
	}
	for _, list := range [][]ReportRow{rows, nil} {
		if err := p.Report(list); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "report.txt", b.String())
}

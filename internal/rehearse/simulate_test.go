package rehearse

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"postroom/threads"
)

// weekly is a team of n that works from 9 to 17 on weekdays.
func weekly(n int) *threads.Rotation {
	var spans []threads.WeekSpan
	for day := range 5 {
		spans = append(spans, threads.WeekSpan{From: day*24*60 + 9*60, Until: day*24*60 + 17*60})
	}
	rot := &threads.Rotation{Location: time.UTC}
	for i := range n {
		key := fmt.Sprintf("e%d@acme.example", i)
		rot.Engineers = append(rot.Engineers, threads.Engineer{Key: key, Name: key, Email: key, Weight: 1, Hours: threads.NewHours("Mon-Fri 09:00-17:00", spans)})
	}
	return rot
}

// cases is n conversations of one mail each, the first at a time, the others
// at a distance.
func cases(n int, at time.Time, every time.Duration) *Traffic {
	t := &Traffic{}
	for i := range n {
		t.Arrivals = append(t.Arrivals, Arrival{Case: i, At: at.Add(time.Duration(i) * every), From: threads.Address{Addr: "jane@customer.example"}, Subject: "Printer"})
	}
	return t
}

func simulated(t testing.TB, s Simulation, traffic *Traffic) *Outcome {
	t.Helper()
	o, err := s.Run(traffic)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Run(traffic)
	if err != nil || !reflect.DeepEqual(o, again) {
		t.Errorf("the same traffic gave %+v, then %+v, %v", o, again, err)
	}
	return o
}

func TestSimulation(t *testing.T) {
	nine := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) // a Monday
	half := 30 * time.Minute
	t.Run("one at a time", func(t *testing.T) {
		// Two each for two engineers, all at once: the second waits for the first.
		o := simulated(t, Simulation{Rotation: weekly(2), Takes: half}, cases(4, nine, 0))
		if o.FirstReply != (Waits{Median: 3600, P90: 3600}) || o.Answers != 4 || o.Never != 0 || o.NobodyMails != 0 {
			t.Errorf("%+v", o)
		}
		for _, e := range o.Engineers {
			if e.Conversations != 2 || e.Answers != 2 || e.WorkHours != 1 {
				t.Errorf("%+v", e)
			}
		}
	})
	t.Run("the night counts for the customer, not for her", func(t *testing.T) {
		evening := nine.Add(7*time.Hour + 45*time.Minute) // 16:45
		o := simulated(t, Simulation{Rotation: weekly(1), Takes: half}, cases(1, evening, 0))
		if want := int64((16*time.Hour + half).Seconds()); o.FirstReply.Median != want {
			t.Errorf("waited %d s, not %d", o.FirstReply.Median, want)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		saturday := nine.AddDate(0, 0, 5)
		o := simulated(t, Simulation{Rotation: weekly(2), Takes: half}, cases(3, saturday, 24*time.Hour))
		if o.NobodyMails != 2 || o.NobodyHours != 48 || o.Never != 0 || o.FirstReply.P90 != int64((48*time.Hour+half).Seconds()) {
			t.Errorf("%+v", o)
		}
	})
	t.Run("a conversation of three mails, two of them answered at once", func(t *testing.T) {
		traffic := &Traffic{Arrivals: []Arrival{{Case: 1, At: nine, Subject: "a"}, {Case: 1, At: nine.Add(10 * time.Minute), Subject: "a"}, {Case: 1, At: nine.Add(2 * time.Hour), Subject: "a"}}}
		o := simulated(t, Simulation{Rotation: weekly(2), Takes: half}, traffic)
		if o.Conversations != 1 || o.Mails != 3 || o.Answers != 2 || o.FirstReply.Median != 1800 {
			t.Errorf("%+v", o)
		}
		if o.Engineers[0].Answers+o.Engineers[1].Answers != max(o.Engineers[0].Answers, o.Engineers[1].Answers) {
			t.Errorf("the owner did not keep it: %+v", o.Engineers)
		}
	})
	t.Run("who works for another topic stays out", func(t *testing.T) {
		rot := weekly(2)
		rot.Topics = []threads.Topic{{Name: "tls", Subject: []string{"certificate"}}}
		rot.Engineers[1].Topics = []string{"tls"}
		traffic := cases(4, nine, time.Minute)
		for i := range traffic.Arrivals {
			traffic.Arrivals[i].Subject = "My certificate"
		}
		o := simulated(t, Simulation{Rotation: rot, Takes: half}, traffic)
		if o.Engineers[0].Answers != 0 || o.Engineers[1].Answers != 4 {
			t.Errorf("%+v", o.Engineers)
		}
	})
	t.Run("a limit on open conversations ends with the answers", func(t *testing.T) {
		rot := weekly(2)
		for i := range rot.Engineers {
			rot.Engineers[i].MaxOpen = 1
		}
		o := simulated(t, Simulation{Rotation: rot, Takes: half}, cases(10, nine, time.Minute))
		if o.Answers != 10 || o.Never != 0 {
			t.Errorf("%+v", o)
		}
	})
	t.Run("on offer", func(t *testing.T) {
		rot := weekly(3)
		rot.Policy.Mode = threads.ModeOffer
		o := simulated(t, Simulation{Rotation: rot, Takes: half}, cases(6, nine, 0))
		if o.Answers != 6 || o.FirstReply != (Waits{Median: 3600, P90: 3600}) || o.WorkHours != 3 {
			t.Errorf("%+v", o)
		}
		for _, e := range o.Engineers {
			if e.Answers != 2 {
				t.Errorf("%+v", e)
			}
		}
	})
	t.Run("an offer nobody takes is assigned", func(t *testing.T) {
		rot := weekly(1)
		rot.Policy.Mode = threads.ModeOffer
		o := simulated(t, Simulation{Rotation: rot, Takes: 4 * time.Hour}, cases(2, nine, 0))
		if o.Answers != 2 || o.Engineers[0].Conversations != 2 {
			t.Errorf("%+v", o)
		}
	})
	t.Run("handed on when the time to reply is over", func(t *testing.T) {
		rot := weekly(2)
		rot.Topics = []threads.Topic{{Name: "printer", Subject: []string{"printer"}}}
		rot.Engineers[0].Topics = []string{"printer"}
		s := Simulation{Rotation: rot, Takes: half}
		slow := simulated(t, s, cases(6, nine, 0))
		rot.Policy.FirstReplyWithin = 70 * time.Minute
		fast := simulated(t, s, cases(6, nine, 0))
		if slow.Engineers[1].Answers != 0 || slow.FirstReply.P90 != 3*3600 {
			t.Errorf("without a time to reply: %+v", slow)
		}
		if fast.Answers != 6 || fast.Engineers[1].HandedOn != 4 || fast.Engineers[1].Answers != 4 {
			t.Errorf("with one: %+v", fast)
		}
	})
	t.Run("on leave for good", func(t *testing.T) {
		rot := weekly(1)
		rot.Engineers[0].Away = []threads.Span{{From: nine.AddDate(0, 0, -1), Until: nine.AddDate(9, 0, 0)}}
		o := simulated(t, Simulation{Rotation: rot, Takes: half}, cases(2, nine, time.Hour))
		if o.Answers != 0 || o.Never != 2 || o.Left != 2 || o.DutyHours != 0 {
			t.Errorf("%+v", o)
		}
	})
	t.Run("nothing came", func(t *testing.T) {
		if o := simulated(t, Simulation{Rotation: weekly(1), Takes: half}, &Traffic{}); o.Mails != 0 || o.Answers != 0 {
			t.Errorf("%+v", o)
		}
	})
}

// TestSimulationLimit: two people of eight hours answer 32 mails a day at half
// an hour each; four a day go eight times into that.
func TestSimulationLimit(t *testing.T) {
	traffic := &Traffic{}
	for day := range 28 {
		at := time.Date(2026, 3, 2+day, 9, 0, 0, 0, time.UTC)
		if wd := at.Weekday(); wd == time.Saturday || wd == time.Sunday {
			continue
		}
		for i := range 4 {
			traffic.Arrivals = append(traffic.Arrivals, Arrival{Case: len(traffic.Arrivals), At: at.Add(time.Duration(i) * 2 * time.Hour), Subject: "x"})
		}
	}
	s := Simulation{Rotation: weekly(2), Takes: 30 * time.Minute}
	load, known, err := s.Limit(traffic)
	if err != nil || !known || load < 7 || load > 9 {
		t.Errorf("load %d, %v, %v", load, known, err)
	}
	calm, full := simulated(t, s, traffic), simulated(t, s, traffic.Multiplied(12))
	if full.Conversations != 12*calm.Conversations || full.Mails != 12*calm.Mails || full.FirstReply.P90 < 10*calm.FirstReply.P90 {
		t.Errorf("calm %+v\nfull %+v", calm, full)
	}
}

func TestTrafficTakes(t *testing.T) {
	at := monday
	traffic := &Traffic{}
	for i := range 30 {
		at = at.Add(time.Duration(5+i) * time.Minute)
		traffic.Answers = append(traffic.Answers, Answer{At: at, By: "alice"}, Answer{At: at.Add(time.Second), By: "bob"}, Answer{At: at.Add(2 * time.Second)})
		if i == 15 {
			at = at.Add(14 * time.Hour) // the night is no pause
		}
	}
	if takes, n := traffic.Takes(); n != 56 || takes != 20*time.Minute {
		t.Errorf("%v of %d", takes, n)
	}
	traffic.Answers = traffic.Answers[:20]
	if takes, n := traffic.Takes(); takes != 0 || n != 12 {
		t.Errorf("%v of %d", takes, n)
	}
}

func TestTrafficOf(t *testing.T) {
	mails := []Clocked{
		post(monday, toUs+"Subject: Printer; Message-ID: <1@c.example>", "It burns."),
		post(monday.Add(time.Hour), "From: bob@acme.example; To: jane@customer.example; Cc: support@acme.example; Subject: Re: Printer; Message-ID: <2@acme.example>; In-Reply-To: <1@c.example>", "Water."),
		post(monday.Add(2*time.Hour), toUs+"Subject: Re: Printer; Message-ID: <3@c.example>; In-Reply-To: <2@acme.example>; References: <1@c.example>", "Wet."),
		post(monday.Add(3*time.Hour), "From: support@acme.example; To: jane@customer.example; Subject: Re: Printer; Message-ID: <4@acme.example>; In-Reply-To: <3@c.example>", "Towel."),
		post(monday.Add(4*time.Hour), toUs+"Subject: Away; Message-ID: <5@c.example>; Auto-Submitted: auto-replied; In-Reply-To: <4@acme.example>", "Away."),
	}
	rules := Rules{Names: ourNames(), Rotation: twoEngineers()}
	traffic, err := TrafficOf(rules, slices.Values(mails), func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	if len(traffic.Arrivals) != 2 || traffic.Arrivals[0].Case != traffic.Arrivals[1].Case || !traffic.Arrivals[1].At.Equal(monday.Add(2*time.Hour)) {
		t.Errorf("arrivals %+v", traffic.Arrivals)
	}
	if len(traffic.Answers) != 2 || traffic.Answers[0].By != "bob@acme.example" || traffic.Answers[1].By != "" {
		t.Errorf("answers %+v", traffic.Answers)
	}
	traffic.Last(90 * time.Minute)
	if len(traffic.Arrivals) != 1 {
		t.Errorf("the last hour and a half: %+v", traffic.Arrivals)
	}
}

func BenchmarkSimulation(b *testing.B) {
	traffic := cases(2000, monday, 20*time.Minute).Multiplied(5)
	s := Simulation{Rotation: weekly(20), Takes: 15 * time.Minute}
	for b.Loop() {
		if _, err := s.Run(traffic); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(traffic.Arrivals))/b.Elapsed().Seconds(), "mails/s")
}

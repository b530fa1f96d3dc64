package threads

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 10, 15, 12, 0, 0, 0, time.UTC)

// crew is a rotation of engineers a, b, c ... with the given weights.
func crew(weights ...int) *Rotation {
	r := &Rotation{}
	for i, w := range weights {
		key := fmt.Sprintf("%c@x", 'a'+i)
		r.Engineers = append(r.Engineers, Engineer{Key: key, Name: strings.ToUpper(key[:1]), Email: key, Weight: w})
	}
	return r
}

// next picks, applies, and names who it was; "" for nobody.
func next(r *Rotation, req PickRequest, p *Pointers) string {
	c, d, ok := Pick(r, req, p)
	if ok != (c.Engineer != "") {
		panic("a choice without an engineer, or the other way round")
	}
	p.Apply(d)
	return c.Engineer
}

func TestPickOrder(t *testing.T) {
	tests := []struct {
		name    string
		weights []int
		want    string
	}{
		{"one", []int{1}, "aaa"},
		{"equal", []int{1, 1, 1}, "abcabc"},
		{"3:2:1 is smooth", []int{3, 2, 1}, "abcabaabcaba"},
		{"5:1:1 is smooth", []int{5, 1, 1}, "aabacaa"},
		{"no weight is 1", []int{0, 1}, "abab"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, p, got := crew(tt.weights...), Pointers{}, ""
			for range tt.want {
				got += next(r, PickRequest{Now: noon}, &p)[:1]
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestPickPassesOver(t *testing.T) {
	r := crew(1, 1, 1, 1, 1)
	r.Engineers[0].Away = []Span{{noon.Add(-time.Hour), noon.Add(time.Hour)}}
	r.Engineers[2].Hours = NewHours("Mon 09:00-10:00", []WeekSpan{{540, 600}})
	r.Engineers[3].MaxOpen = 2
	load := map[string]int{"d@x": 2, "e@x": 1000}
	req := PickRequest{Now: noon, Off: Leave{"b@x": {}}, Load: func(k string) int { return load[k] }}
	c, _, ok := Pick(r, req, &Pointers{})
	if !ok || c.Engineer != "e@x" || c.Why != "E is the only one on duty" {
		t.Errorf("got %q because %q", c.Engineer, c.Why)
	}
	outs := []string{}
	for _, x := range c.Considered {
		outs = append(outs, x.Out)
	}
	want := []string{whyAway, whyLeave, whyHours, outFull, ""}
	if !slices.Equal(outs, want) {
		t.Errorf("passed over for %q, want %q", outs, want)
	}
	req.Exclude = []string{"e@x"}
	c, d, ok := Pick(r, req, &Pointers{})
	if ok || c.Why != "nobody can take more: 1 away, 1 marked absent, 1 outside working hours, 1 at the limit of open conversations, 1 already had this one" {
		t.Errorf("got %q because %q", c.Engineer, c.Why)
	}
	if !reflect.DeepEqual(d, Delta{}) {
		t.Errorf("no choice changed %+v", d)
	}
}

func TestPickNobodyOnDuty(t *testing.T) {
	allOff := Leave{"a@x": {}, "b@x": noon.Add(time.Hour)}
	tests := []struct {
		name    string
		policy  NobodyOnDuty
		exclude []string
		want    string
		admins  bool
		why     string
	}{
		{"default waits", "", nil, "", false, "nobody is on duty: 2 marked absent"},
		{"wait", NobodyWait, nil, "", false, "nobody is on duty: 2 marked absent"},
		{"admins", NobodyAdmins, nil, "", true, "nobody is on duty: 2 marked absent"},
		{"anyone", NobodyAnyone, nil, "a@x", false, "A is next of 2 in the file, as nobody is on duty: of 2 whose turn it could be, the one who has had the fewest"},
		{"anyone but one", NobodyAnyone, []string{"a@x"}, "b@x", false, "B is the only one in the file, as nobody is on duty"},
		{"anyone but all", NobodyAnyone, []string{"a@x", "b@x"}, "", false, "nobody can take more: 2 already had this one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := crew(1, 1)
			r.Policy.NobodyOnDuty = tt.policy
			c, _, _ := Pick(r, PickRequest{Now: noon, Off: allOff, Exclude: tt.exclude}, &Pointers{})
			if c.Engineer != tt.want || c.TellAdmins != tt.admins || c.Why != tt.why {
				t.Errorf("got %q, admins %v: %q", c.Engineer, c.TellAdmins, c.Why)
			}
		})
	}
	c, _, ok := Pick(&Rotation{}, PickRequest{Now: noon}, &Pointers{})
	if ok || c.Why != "nobody is in the rotation" {
		t.Errorf("empty rotation: %q", c.Why)
	}
}

func TestPickTopic(t *testing.T) {
	r := crew(1, 1, 1)
	r.Topics = []Topic{{Name: "tls", Subject: []string{"certificate"}}, {Name: "money", Subject: []string{"invoice"}}}
	r.Engineers[1].Topics = []string{"tls"}
	r.Engineers[2].Topics = []string{"TLS", "money"}
	tests := []struct {
		subject, want, topic string
		off                  Leave
	}{
		{"certificate expired", "bcbc", "tls", nil},
		{"invoice and certificate", "bcbc", "tls", nil}, // the first topic of the file that matches
		{"invoice and certificate", "bbbb", "tls", Leave{"c@x": {}}},
		{"invoice", "cccc", "money", nil},
		{"invoice", "abab", "", Leave{"c@x": {}}}, // its owner is away
		{"hello", "abcabc", "", nil},
	}
	for _, tt := range tests {
		p, got, topic := Pointers{}, "", ""
		for range tt.want {
			c, d, _ := Pick(r, PickRequest{Now: noon, Off: tt.off, Subject: tt.subject}, &p)
			p.Apply(d)
			got, topic = got+c.Engineer[:1], c.Topic
		}
		if got != tt.want || topic != tt.topic {
			t.Errorf("%s: got %s for topic %q, want %s for %q", tt.subject, got, topic, tt.want, tt.topic)
		}
	}
}

// Picks by topic and picks among all do not disturb each other's turns, and
// together the overall count decides the ties.
func TestPickTiesGoToTheFewest(t *testing.T) {
	r := crew(1, 1, 1)
	r.Topics = []Topic{{Name: "tls", Subject: []string{"tls"}}}
	r.Engineers[0].Topics = []string{"tls"}
	p := Pointers{}
	got := ""
	for _, subject := range []string{"tls", "tls", "hi", "hi", "hi"} {
		got += next(r, PickRequest{Now: noon, Subject: subject}, &p)[:1]
	}
	if got != "aabca" {
		t.Errorf("got %s: the owner of the topic had two already and is last of the cycle", got)
	}
}

// Whoever was away a long time does not get everything on return, nor does a
// newcomer: in the tie of a new set they stand at the mean of the others.
func TestPickReturnAtMean(t *testing.T) {
	r, p := crew(1, 1, 1, 1), Pointers{}
	for range 31 { // a and b: 16 and 15
		next(r, PickRequest{Now: noon, Off: Leave{"c@x": {}, "d@x": {}}}, &p)
	}
	if got := next(r, PickRequest{Now: noon, Off: Leave{"d@x": {}}}, &p); got != "b@x" {
		t.Errorf("back from leave, c stands at the mean of 15 and 16; the turn went to %s", got)
	}
	if p.Served["c@x"].Share != 31*onePick/2 {
		t.Errorf("c was lifted to %d", p.Served["c@x"])
	}
	r.Engineers = r.Engineers[1:]
	next(r, PickRequest{Now: noon}, &p)
	if _, ok := p.Served["a@x"]; ok {
		t.Error("a left the file and still has a count")
	}
}

func TestPointersForgetOldest(t *testing.T) {
	r, p := crew(1, 1, 1, 1, 1, 1, 1, 1, 1, 1), Pointers{}
	first, _, _ := Pick(r, PickRequest{Now: noon}, &p)
	_ = first
	var used []string
	for n := 1; n < 1023; n++ {
		off := Leave{}
		for i := range 10 {
			if n&(1<<i) != 0 {
				off[r.Engineers[i].Key] = time.Time{}
			}
		}
		_, d, ok := Pick(r, PickRequest{Now: noon, Off: off}, &p)
		if !ok {
			t.Fatal("nobody picked")
		}
		p.Apply(d)
		used = append(used, d.Set)
	}
	if len(p.Sets) != MaxSets {
		t.Fatalf("%d sets remembered", len(p.Sets))
	}
	for _, set := range used[len(used)-MaxSets:] {
		if _, ok := p.Sets[set]; !ok {
			t.Error("one of the latest sets was forgotten")
		}
	}
}

func TestSetKeyIgnoresOrder(t *testing.T) {
	a, b, c := crew(1, 2, 3), crew(1, 2, 3), crew(1, 2, 2)
	slices.Reverse(b.Engineers)
	key := func(r *Rotation) string { s := survey(r, PickRequest{Now: noon}); return s.setKey(s.eligible) }
	if key(a) != key(b) {
		t.Error("another order in the file is another set")
	}
	if key(a) == key(c) {
		t.Error("another weight is the same set")
	}
}

// scene draws a rotation and a run of arrivals among changing presence.
type scene struct {
	r    *Rotation
	reqs []PickRequest
}

func drawScene(t *rapid.T) scene {
	n := rapid.IntRange(1, 7).Draw(t, "engineers")
	weights := rapid.SliceOfN(rapid.IntRange(1, 5), n, n).Draw(t, "weights")
	s := scene{r: crew(weights...)}
	s.r.Policy.NobodyOnDuty = rapid.SampledFrom([]NobodyOnDuty{NobodyWait, NobodyAnyone, NobodyAdmins}).Draw(t, "policy")
	s.r.Topics = []Topic{{Name: "tls", Subject: []string{"tls"}}}
	for i := range s.r.Engineers {
		e := &s.r.Engineers[i]
		if rapid.Bool().Draw(t, "owner") {
			e.Topics = []string{"tls"}
		}
		e.MaxOpen = rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(t, "limit")
		if rapid.IntRange(0, 3).Draw(t, "hours") == 0 {
			e.Hours = office()
		}
	}
	now := noon
	for range rapid.IntRange(1, 120).Draw(t, "arrivals") {
		now = now.Add(time.Duration(rapid.IntRange(1, 600).Draw(t, "minutes")) * time.Minute)
		req := PickRequest{Now: now, Off: Leave{}, Subject: rapid.SampledFrom([]string{"hello", "tls"}).Draw(t, "subject")}
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 2).Draw(t, "leave") {
			req.Off[s.r.Engineers[i].Key] = now.Add(time.Minute)
		}
		load := rapid.SliceOfN(rapid.IntRange(0, 4), n, n).Draw(t, "load")
		req.Load = func(key string) int { return load[key[0]-'a'] }
		s.reqs = append(s.reqs, req)
	}
	return s
}

// Fair: in every set, whatever happens in between, everyone's picks stand
// within one of her share, and after each full cycle exactly at it.
func TestPickFairPerSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawScene(t), Pointers{}
		total := map[string]int{}
		had := map[string]map[string]int{}
		for _, req := range s.reqs {
			c, d, ok := Pick(s.r, req, &p)
			if !ok {
				continue
			}
			p.Apply(d)
			if had[d.Set] == nil {
				had[d.Set] = map[string]int{}
			}
			total[d.Set]++
			had[d.Set][c.Engineer]++
			checkFair(t, c, total[d.Set], had[d.Set])
		}
	})
}

func checkFair(t *rapid.T, c Choice, total int, had map[string]int) {
	sum := 0
	for _, x := range c.Considered {
		if x.Out == "" {
			sum += x.Weight
		}
	}
	lo, hi, equal := total, 0, true
	for _, x := range c.Considered {
		if x.Out != "" {
			continue
		}
		n := had[x.Key]
		lo, hi = min(lo, n), max(hi, n)
		equal = equal && x.Weight*len(c.Considered) == sum
		if low, high := total/sum*x.Weight, (total+sum-1)/sum*x.Weight; n < low || n > high {
			t.Fatalf("%s had %d of %d picks, outside %d to %d of her cycle", x.Key, n, total, low, high)
		}
	}
	if equal && hi-lo > 1 {
		t.Fatalf("picks differ by %d among equals", hi-lo)
	}
}

// Nobody who is off duty, full or excluded is picked, and someone is picked
// whenever anyone can be.
func TestPickOnlyEligible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, p := drawScene(t), Pointers{}
		for _, req := range s.reqs {
			if rapid.Bool().Draw(t, "exclude") {
				req.Exclude = []string{s.r.Engineers[0].Key}
			}
			duty, able := 0, 0
			for _, e := range s.r.Engineers {
				on := s.r.Presence(e.Key, req.Now, req.Off).OnDuty && !slices.Contains(req.Exclude, e.Key)
				if on {
					duty++
				}
				if on && (e.MaxOpen == 0 || req.Load(e.Key) < e.MaxOpen) {
					able++
				}
			}
			got := next(s.r, req, &p)
			if (able > 0) && got == "" || able == 0 && got != "" && (duty > 0 || s.r.Policy.NobodyOnDuty != NobodyAnyone) {
				t.Fatalf("picked %q with %d on duty, %d able", got, duty, able)
			}
			e, ok := s.r.Engineer(got)
			if !ok {
				continue
			}
			if duty > 0 && !s.r.Presence(got, req.Now, req.Off).OnDuty || slices.Contains(req.Exclude, got) {
				t.Fatalf("picked %s, who is off duty or excluded", got)
			}
			if e.MaxOpen > 0 && req.Load(got) >= e.MaxOpen {
				t.Fatalf("picked %s over the limit", got)
			}
		}
	})
}

// The same run gives the same choices, also when the pointers go through
// JSON at any point, or are put together from the deltas alone.
func TestPickDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		var a, b Pointers
		for _, req := range s.reqs {
			ca, da, oka := Pick(s.r, req, &a)
			if rapid.Bool().Draw(t, "restart") {
				b = throughJSON(t, b)
			}
			cb, db, okb := Pick(s.r, req, &b)
			if !reflect.DeepEqual(ca, cb) || oka != okb {
				t.Fatalf("picked %+v and %+v", ca, cb)
			}
			whole := b.TurnAfter(db)
			a.Apply(da)
			b.Apply(throughJSON(t, db))
			if oka && !reflect.DeepEqual(whole, b.Sets[db.Set]) {
				t.Fatalf("TurnAfter says %v, Apply makes %v", whole, b.Sets[db.Set])
			}
		}
		ja, _ := json.Marshal(a)
		jb, _ := json.Marshal(b)
		if string(ja) != string(jb) {
			t.Fatalf("pointers differ:\n%s\n%s", ja, jb)
		}
	})
}

func throughJSON[T any](t *rapid.T, in T) T {
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Looking ahead with a clone changes nothing, and Pick itself never does.
func TestPickChangesNothing(t *testing.T) {
	r, p := crew(2, 1, 1), Pointers{}
	for range 3 {
		next(r, PickRequest{Now: noon}, &p)
	}
	before, _ := json.Marshal(p)
	ahead := p.Clone()
	for range 10 {
		next(r, PickRequest{Now: noon}, &ahead)
	}
	_, _, _ = Pick(r, PickRequest{Now: noon, Off: Leave{"a@x": {}}}, &p)
	if after, _ := json.Marshal(p); string(after) != string(before) {
		t.Errorf("before %s\nafter  %s", before, after)
	}
}

// While half of the people come and go at random, so that hardly a set ever
// repeats, nobody ends up far from the others.
func TestPickFairOverChangingSets(t *testing.T) {
	r, p := crew(make([]int, 20)...), Pointers{}
	counts, state := map[string]int{}, uint64(1)
	const picks = 4000
	for range picks {
		off := Leave{}
		for _, e := range r.Engineers {
			state = state*6364136223846793005 + 1442695040888963407
			if state>>63 == 1 {
				off[e.Key] = time.Time{}
			}
		}
		counts[next(r, PickRequest{Now: noon, Off: off}, &p)]++
	}
	for _, e := range r.Engineers {
		if n := counts[e.Key]; n < picks/20*8/10 || n > picks/20*12/10 {
			t.Errorf("%s had %d of %d; a twentieth is %d", e.Key, n, picks, picks/20)
		}
	}
}

func BenchmarkPick1000(b *testing.B) {
	r := crew()
	for i := range 1000 {
		key := fmt.Sprintf("engineer.%d@acme.example", i)
		r.Engineers = append(r.Engineers, Engineer{Key: key, Name: key, Email: key, Weight: 1 + i%3, Hours: office(), MaxOpen: 300})
	}
	load := func(string) int { return 200 }
	var p Pointers
	b.ReportAllocs()
	for b.Loop() {
		_, d, ok := Pick(r, PickRequest{Now: noon, Load: load}, &p)
		if !ok {
			b.Fatal("nobody")
		}
		p.Apply(d)
	}
}

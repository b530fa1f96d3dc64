package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

const rotationText = `timezone = "UTC"
admins = ["ops@acme.example"]
[[engineer]]
name = "Alice Ng"
email = "alice@acme.example"
max_open = 3
[[engineer]]
name = "Bob Ray"
email = "bob@acme.example"
weight = 2
topics = ["billing"]
[[engineer]]
name = "Carol Yu"
email = "carol@acme.example"
away = ["2026-11-20..2026-11-29"]
[[topic]]
name = "billing"
subject = ["invoice"]
`

// rotated is the store of story with two versions of a rotation file, one
// engineer on leave, and one conversation that waits.
func rotated(t *testing.T) *rig {
	r := story(t)
	r.update(func(tx *store.Tx) error {
		first := strings.Replace(rotationText, "weight = 2\n", "", 1)
		return errors.Join(
			tx.AddRotation(store.RotationVersion{Version: "aaa111", Unix: noon.Unix(), Text: []byte(first)}),
			tx.AddRotation(store.RotationVersion{Version: "abb222", Unix: noon.Add(time.Hour).Unix(), Text: []byte(rotationText), By: "root",
				Changes: []string{"Bob Ray has weight 2, and had 1"}}),
			tx.SetRotationPin(&store.RotationPin{By: "root"}),
			tx.SetAbsence(alice, threads.Absence{Cause: threads.CauseDead, Reason: "550 no such user", Since: noon}),
			tx.SetAbsence(bob, threads.Absence{Cause: threads.CauseAdmin, Reason: "over", Since: noon.Add(-2 * time.Hour), Until: noon}),
		)
	})
	return r
}

// TestStatusOfRotation: who is on duty, why not, until when, and with how much.
func TestStatusOfRotation(t *testing.T) {
	r := rotated(t)
	s, err := StatusOfRotation(r.st, noon)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range s.Engineers {
		got = append(got, fmt.Sprintf("%s %t %d/%d x%d %q leave %t", d.Engineer, d.OnDuty, d.Open, d.MaxOpen, d.Weight, d.Why, d.Leave != nil))
	}
	want := []string{
		`alice@acme.example false 1/3 x1 "without an address that works" leave true`,
		`bob@acme.example true 1/0 x2 "on duty" leave false`,
		`carol@acme.example false 0/0 x1 "away until 30 Nov 2026" leave false`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if s.Version != "abb222" || s.RolledBy != "root" || !s.Since.Equal(noon.Add(time.Hour)) || s.Next != bob || s.Waiting != 0 {
		t.Errorf("head: %+v", s)
	}
	back := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	if s.Changes == nil || !s.Changes.Equal(back) || s.Engineers[2].Until == nil || !s.Engineers[2].Until.Equal(back) {
		t.Errorf("carol comes back at %v, and something changes at %v; want %v", s.Engineers[2].Until, s.Changes, back)
	}
	if l := s.Engineers[0].Leave; l == nil || l.Cause != string(threads.CauseDead) || l.Reason != "550 no such user" || l.Until != nil {
		t.Errorf("alice's leave: %+v", l)
	}
}

func TestNoRotation(t *testing.T) {
	r := newRig(t)
	_, err1 := StatusOfRotation(r.st, noon)
	err2 := NextTurns(r.st, noon, 1, threads.PickRequest{}, nil)
	_, err3 := RotationLog(r.st)
	_, err4 := RotationText(r.st, VersionInForce)
	_, err5 := Trust(r.st)
	for i, err := range []error{err1, err2, err3, err4, err5} {
		if !errors.Is(err, errNoRotation) {
			t.Errorf("question %d before there is a rotation: %v", i+1, err)
		}
	}
}

// TestNextTurns: the next turns as the pick would go, by weight and by topic,
// and who comes when nobody is there.
func TestNextTurns(t *testing.T) {
	r := rotated(t)
	r.update(func(tx *store.Tx) error { return tx.DropAbsence(alice) })
	turns := func(now time.Time, n int, mail threads.PickRequest) (list []string) {
		for _, turn := range collect(t, func(f func(Turn) error) error { return NextTurns(r.st, now, n, mail, f) }) {
			at := ""
			if turn.At != nil {
				at = " " + turn.At.Format("01-02")
			}
			list = append(list, strings.TrimRight(fmt.Sprintf("%d %s %s%s", turn.N, turn.Engineer, turn.Topic, at), " "))
		}
		return list
	}
	off := func(who ...string) {
		for _, key := range who {
			r.update(func(tx *store.Tx) error {
				return tx.SetAbsence(key, threads.Absence{Cause: threads.CauseAdmin, Since: noon})
			})
		}
	}
	if got, want := turns(noon, 2, MailOf(map[string]string{"subject": "An invoice", "to": support})), []string{"1 " + bob + " billing", "2 " + bob + " billing"}; !slices.Equal(got, want) {
		t.Errorf("a mail of the topic: %q, want %q", got, want)
	}
	off(alice)
	if got, want := turns(noon, 2, threads.PickRequest{}), []string{"1 " + bob, "2 " + bob}; !slices.Equal(got, want) {
		t.Errorf("with alice on leave: %q, want %q", got, want)
	}
	off(bob)
	if got, want := turns(noon, 5, threads.PickRequest{}), []string{"1   11-30"}; !slices.Equal(got, want) {
		t.Errorf("with nobody there: %q, want %q", got, want)
	}
	for _, n := range []int{0, -1, maxTurns + 1} {
		if err := NextTurns(r.st, noon, n, threads.PickRequest{}, nil); err == nil || !strings.Contains(err.Error(), "is no number of turns") {
			t.Errorf("%d turns: %v", n, err)
		}
	}
	stop := errors.New("enough")
	if err := NextTurns(r.st, noon, 5, threads.PickRequest{}, func(Turn) error { return stop }); err != stop {
		t.Errorf("a reader's own error comes back as %v", err)
	}
}

func TestRotationText(t *testing.T) {
	r := rotated(t)
	for _, tt := range []struct{ name, version, wrong string }{
		{VersionInForce, "abb222", ""}, {VersionBefore, "aaa111", ""}, {"aaa111", "aaa111", ""}, {"ab", "abb222", ""},
		{"a", "", `"a" begins 2 versions; write more of it`}, {"zzz", "", `there was no version "zzz"`},
	} {
		v, err := RotationText(r.st, tt.name)
		if tt.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.wrong)
			}
		} else if err != nil || v.Version != tt.version || strings.Contains(v.Text, "weight") != (tt.version == "abb222") {
			t.Errorf("%s: %+v, %v; want %s", tt.name, v, err, tt.version)
		}
	}
	one := newRig(t)
	one.update(func(tx *store.Tx) error {
		return tx.AddRotation(store.RotationVersion{Version: "aaa111", Text: []byte(rotationText)})
	})
	if _, err := RotationText(one.st, VersionBefore); err == nil || !strings.Contains(err.Error(), "no other version before the one in force, aaa111") {
		t.Errorf("before the first version: %v", err)
	}
}

// TestWhyOwner: each decision with whom it considered, and no other event.
func TestWhyOwner(t *testing.T) {
	r := rotated(t)
	r.step(1, threads.AdminIn{By: "root", Verb: "close"}, "")
	list, err := WhyOwner(r.st, 1)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	if d := list[0]; d.Kind != "assigned" || d.Engineer != alice || d.How != "turn" || len(d.Considered) != 2 || d.Considered[0].Engineer != alice || d.Considered[1].Engineer != bob {
		t.Errorf("the first decision: %+v", d)
	}
	if d := list[1]; d.Kind != "closed" || d.What != "Closed by root" || len(d.Considered) != 0 {
		t.Errorf("the second decision: %+v", d)
	}
	if _, err := WhyOwner(r.st, 99); !errors.Is(err, ErrNoConversation) {
		t.Errorf("no conversation: %v", err)
	}
	d, ok := decisionOf(1, threads.Event{N: 2, At: noon, Body: threads.Waiting{Why: "w", Poll: &threads.Poll{
		Considered: []threads.Considered{{Key: bob, Out: "away"}}, Others: map[string]int{"away": 7}}}})
	if !ok || d.Why != "w" || d.Considered[0].Out != "away" || d.Others["away"] != 7 {
		t.Errorf("one that waits: %+v", d)
	}
}

func TestTrust(t *testing.T) {
	r := rotated(t)
	r.update(func(tx *store.Tx) error {
		type pin struct {
			By   string `json:"by"`
			Unix int64  `json:"unix"`
		}
		return errors.Join(tx.SetMeta("pinned/"+bob, pin{"acme.example", noon.Unix()}), tx.SetMeta("pinned/left@acme.example", pin{By: "mx.acme.example"}))
	})
	list, err := Trust(r.st)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range list {
		got = append(got, fmt.Sprintf("%s %s %t %q %t", l.Engineer, l.Address, l.Pinned, l.By, l.Since != nil))
	}
	want := []string{
		`alice@acme.example alice@acme.example false "" false`, `bob@acme.example bob@acme.example true "acme.example" true`,
		`carol@acme.example carol@acme.example false "" false`, ` left@acme.example true "mx.acme.example" false`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestRotationVerbs asks a running service, also for what it has not got.
func TestRotationVerbs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rotated(t)
		cfg := config(&asker{})
		cfg.Now = func() time.Time { return noon }
		var rolled []string
		cfg.Rollback = func(_ context.Context, text []byte, by string) error {
			rolled = append(rolled, by+" "+string(text))
			if len(rolled) > 1 {
				return errors.New("the disk is full")
			}
			return nil
		}
		_, c := serve(t, cfg, r.st)
		for _, tt := range []struct {
			verb string
			args map[string]string
			rows int
			has  string
		}{
			{VerbRotationStatus, nil, 1, `"rolled_back_by":"root"`},
			{VerbRotationNext, map[string]string{"count": "3"}, 3, `"n":3,"engineer":"bob@acme.example"`},
			{VerbRotationWhy, map[string]string{"conversation": "1"}, 1, `"how":"turn"`},
			{VerbRotationLog, nil, 2, `"changes":["Bob Ray has weight 2, and had 1"]`},
			{VerbRotationText, map[string]string{"version": "aaa"}, 1, `"version":"aaa111"`},
			{VerbRollback, map[string]string{"version": "before"}, 1, `"version":"aaa111"`},
			{VerbTrust, nil, 3, `"address":"carol@acme.example"`},
			{VerbReport, map[string]string{"from": "2026-11-24T00:00:00Z", "to": "2026-11-25T00:00:00Z"}, 4, `"kind":"all"`},
		} {
			got := lines(t, c, tt.verb, tt.args)
			if len(got) != tt.rows || !strings.Contains(strings.Join(got, "\n"), tt.has) {
				t.Errorf("%s: %d rows %s, want %d with %s", tt.verb, len(got), got, tt.rows, tt.has)
			}
		}
		if len(rolled) != 1 || !strings.HasPrefix(rolled[0], "root timezone") || strings.Contains(rolled[0], "weight") {
			t.Errorf("rolled back to %q", rolled)
		}
		for _, tt := range []struct {
			verb string
			args map[string]string
			want string
		}{
			{VerbRotationNext, map[string]string{"count": "many"}, `"many" is no number of turns`},
			{VerbRotationWhy, map[string]string{"conversation": "99"}, "there is no such conversation"},
			{VerbRotationText, map[string]string{"version": "zzz"}, `there was no version "zzz"`},
			{VerbRollback, map[string]string{"version": "zzz"}, `there was no version "zzz"`},
			{VerbRollback, map[string]string{"version": "aaa"}, "rolling back to version aaa111: the disk is full"},
			{VerbReport, map[string]string{"from": "yesterday", "to": "now"}, `not "yesterday" and "now"`},
			{VerbProbe, nil, "cannot send a probe"},
		} {
			var refused *Refused
			if err := c.Call(context.Background(), tt.verb, tt.args, nil); !errors.As(err, &refused) || !strings.Contains(refused.Reason, tt.want) {
				t.Errorf("%s %v: %v, want %q", tt.verb, tt.args, err, tt.want)
			}
		}
	})
}

// TestRotationPrints holds what admins read of the rotation.
func TestRotationPrints(t *testing.T) {
	r := rotated(t)
	var b bytes.Buffer
	p := Printer{Out: &b, Width: 110}
	s, err1 := StatusOfRotation(r.st, noon)
	why, err2 := WhyOwner(r.st, 1)
	versions, err3 := RotationLog(r.st)
	trust, err4 := Trust(r.st)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	until := noon.Add(30 * time.Hour)
	nobody := RotationStatus{Version: "abb222", Since: noon, Why: "nobody is on duty", Changes: &until, Waiting: 1, Engineers: []Duty{
		{Engineer: bob, Name: "Bob Ray", Weight: 1, Leave: &Leave{Reason: "asked for it", Until: &until}}}}
	two := nobody
	two.Waiting, two.Engineers = 2, nil
	turns := collect(t, func(f func(Turn) error) error {
		return NextTurns(r.st, noon, 2, threads.PickRequest{Subject: "invoice"}, f)
	})
	crowd := Decision{At: noon, What: "It waits: nobody could be given it", Why: "nobody is there", Considered: []Candidate{{Engineer: bob, Out: "away"}},
		Others: map[string]int{"away": 7, "": 2}}
	trust[1].Pinned, trust[1].By, trust[1].Since = true, "acme.example", &noon
	for _, print := range []func() error{
		func() error { return p.RotationStatus(s) },
		func() error { return p.RotationStatus(nobody) },
		func() error { return p.RotationStatus(two) },
		func() error { return p.Turns(append(turns, Turn{N: 3, Why: "nobody is on duty", At: &until})) },
		func() error { return p.Turns(nil) },
		func() error { return p.Decisions(append(why, crowd)) },
		func() error { return p.Decisions(nil) },
		func() error { return p.RotationLog(versions) },
		func() error { return p.Trust(trust) },
		func() error { return p.Trust(nil) },
	} {
		if err := print(); err != nil {
			t.Fatal(err)
		}
		b.WriteString("----\n")
	}
	golden(t, "rotation.txt", b.String())
}

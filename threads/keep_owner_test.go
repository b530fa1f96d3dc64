package threads

import (
	"strings"
	"testing"
	"time"
)

// TestKeepOwner: to whom the customer's second mail goes, by policy and by why
// Alice, who has the first, is not there.
func TestKeepOwner(t *testing.T) {
	const other = "a colleague"
	var (
		here    = func(*World) {}
		holiday = func(w *World) { w.Rotation.Engineers[0].Away = []Span{{monday, monday.Add(48 * time.Hour)}} }
		offWork = func(w *World) {
			w.Rotation.Engineers[0].Hours = NewHours("Sun 10:00-11:00", []WeekSpan{{clock(6, 10, 0), clock(6, 11, 0)}})
		}
		ooo = func(w *World) {
			w.Leave = Leave{aliceKey: monday.Add(24 * time.Hour)}
			w.Absent = Absences{aliceKey: {Cause: CauseReply, Until: monday.Add(24 * time.Hour)}}
		}
		dead = func(w *World) {
			w.Leave = Leave{aliceKey: monday.Add(24 * time.Hour)}
			w.Absent = Absences{aliceKey: {Cause: CauseDead, Until: monday.Add(24 * time.Hour)}}
		}
		full = func(w *World) {
			w.Rotation.Engineers[0].MaxOpen, w.Load = 1, func(string) int { return 1 }
		}
		left = func(w *World) { w.Rotation.Engineers = w.Rotation.Engineers[1:] }
	)
	for _, tt := range []struct {
		name   string
		policy KeepOwner
		change func(*World)
		want   string
	}{
		{"default, there", "", here, aliceKey},
		{"default, on holiday", "", holiday, other},
		{"while-present, there", KeepWhilePresent, here, aliceKey},
		{"while-present, on holiday", KeepWhilePresent, holiday, other},
		{"while-present, outside her hours", KeepWhilePresent, offWork, other},
		{"while-present, out of office", KeepWhilePresent, ooo, other},
		{"while-present, at her limit: this one is hers already", KeepWhilePresent, full, aliceKey},
		{"while-present, left", KeepWhilePresent, left, other},
		{"always, on holiday", KeepAlways, holiday, aliceKey},
		{"always, outside her hours", KeepAlways, offWork, aliceKey},
		{"always, out of office", KeepAlways, ooo, aliceKey},
		{"always, her address is dead", KeepAlways, dead, other},
		{"always, left", KeepAlways, left, other},
		{"never, there", KeepNever, here, other},
		{"never, on holiday", KeepNever, holiday, other},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := started(t)
			r.w.Rotation.Policy.KeepOwner = tt.policy
			tt.change(&r.w)
			cp := effects[SendCopy](r.customer(from("jane@client.example")))
			if len(cp) != 1 {
				t.Fatalf("copies: %+v", cp)
			}
			got := cp[0].Engineer
			if got != aliceKey {
				got = other
			}
			if got != tt.want || cp[0].Engineer != r.c.Owner || cp[0].Story != (got == other) {
				t.Errorf("it went to %s (owner %s, with the story: %v), want %s", cp[0].Engineer, r.c.Owner, cp[0].Story, tt.want)
			}
		})
	}
}

// TestHandedOnFor: who takes over reads why the owner does not go on.
func TestHandedOnFor(t *testing.T) {
	until := monday.Add(24 * time.Hour)
	for want, a := range map[string]Absence{
		"Alice Ng is out of office until 24 Nov":            {Cause: CauseReply, Until: until},
		"Alice Ng is off duty (Alice said so) until 24 Nov": {Cause: CauseAsked, Reason: "Alice said so", Until: until},
		"Alice Ng is off duty (root said so)":               {Cause: CauseAdmin, Reason: "root said so"},
		"mail to Alice Ng comes back":                       {Cause: CauseDead, Until: until},
	} {
		r := started(t)
		r.w.Leave, r.w.Absent = Leave{aliceKey: a.Until}, Absences{aliceKey: a}
		why := ""
		for _, e := range r.customer(from("jane@client.example")).Events {
			if b, ok := e.Body.(Assigned); ok {
				why = b.Why
			}
		}
		if !strings.Contains(why, want) {
			t.Errorf("handed on since %q, want %q", why, want)
		}
	}
}

package threads

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const carolKey = "carol@acme.example"

// teamWorld offers what comes in. Mails of money belong to the team of Bob
// and Carol, mails of tls to Alice alone.
func teamWorld() World {
	w := testWorld()
	r := w.Rotation
	r.Policy = Policy{Mode: ModeOffer, OfferFor: 15 * time.Minute}
	r.Teams = []Team{{Name: "money", Members: []string{bobKey, carolKey}}}
	r.Topics = []Topic{
		{Name: "billing", Team: "money", Subject: []string{"invoice"}, From: []string{"big.example"}},
		{Name: "tls", Subject: []string{"tls"}},
	}
	r.Engineers[0].Topics = []string{"tls"}
	r.Engineers[1].Topics = []string{"billing"}
	r.Engineers[2].Topics = []string{"billing"}
	return w
}

// TestOfferToTeam: what belongs to a team is on offer to those of the team who
// can have it, to everyone only when none of them can; and when nobody takes
// it, one of those who had it on offer gets it.
func TestOfferToTeam(t *testing.T) {
	away := []Span{{monday, monday.Add(48 * time.Hour)}}
	for _, tt := range []struct {
		name          string
		from, subject string
		change        func(w *World)
		want          []string
		why           string
	}{
		{name: "of no topic", from: "jane@client.example", subject: "Hello",
			want: []string{aliceKey, bobKey, carolKey}, why: "3 are on duty"},
		{name: "the subject is the team's", from: "jane@client.example", subject: "Invoice for May",
			want: []string{bobKey, carolKey}, why: `2 of those who own the topic "billing"`},
		{name: "the sender is the team's", from: "cfo@sub.big.example", subject: "Hello",
			want: []string{bobKey, carolKey}, why: `2 of those who own the topic "billing"`},
		{name: "the first topic that matches", from: "cfo@big.example", subject: "TLS fails",
			want: []string{bobKey, carolKey}, why: `"billing"`},
		{name: "of one person", from: "jane@client.example", subject: "TLS fails",
			want: []string{aliceKey}, why: "Alice Ng is the only one"},
		{name: "one of the team is away", from: "jane@client.example", subject: "Invoice",
			change: func(w *World) { w.Rotation.Engineers[1].Away = away },
			want:   []string{carolKey}, why: "Carol Diaz is the only one"},
		{name: "one of the team is out of office", from: "jane@client.example", subject: "Invoice",
			change: func(w *World) { w.Leave = Leave{carolKey: monday.Add(time.Hour)} },
			want:   []string{bobKey}, why: "Bob Stone is the only one"},
		{name: "one of the team has as much as she may", from: "jane@client.example", subject: "Invoice",
			change: func(w *World) { w.Rotation.Engineers[2].MaxOpen = 2; w.Load = func(string) int { return 2 } },
			want:   []string{bobKey}, why: "Bob Stone is the only one"},
		{name: "the whole team is away", from: "jane@client.example", subject: "Invoice",
			change: func(w *World) { w.Rotation.Engineers[1].Away, w.Rotation.Engineers[2].Away = away, away },
			want:   []string{aliceKey}, why: "Alice Ng is the only one on duty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &runner{t: t, c: Conversation{ID: 7}, w: teamWorld()}
			if tt.change != nil {
				tt.change(&r.w)
			}
			m := from(tt.from)
			m.Subject, m.SubjectBase = tt.subject, tt.subject
			res := r.customer(m)
			var got []string
			for _, c := range effects[SendCopy](res) {
				got = append(got, c.Engineer)
			}
			offers := bodies[Offered](res)
			if len(offers) != 1 || !slices.Equal(offers[0].To, tt.want) || !slices.Equal(got, tt.want) {
				t.Fatalf("on offer by %+v, copies to %v; want %v", offers, got, tt.want)
			}
			if !strings.Contains(offers[0].Why, tt.why) {
				t.Errorf("reason %q, want %q", offers[0].Why, tt.why)
			}
			if r.c.Owner != "" || len(effects[TakeTurn](res)) != 0 {
				t.Errorf("it is on offer, yet %q owns it", r.c.Owner)
			}
			r.w.Now = offers[0].Until
			r.step(DueIn{Kind: TimerOffer})
			if r.c.Offer != nil || !slices.Contains(tt.want, r.c.Owner) {
				t.Errorf("after the offer %q owns it, offer %+v; want one of %v", r.c.Owner, r.c.Offer, tt.want)
			}
		})
	}
}

package rotation

import (
	"strings"
	"testing"
	"time"

	"postroom/threads"
)

const before1 = `
timezone = "Europe/Berlin"
admins = ["ops@acme.example"]
[[engineer]]
name = "Alice"
email = "alice@acme.example"
[[engineer]]
name = "Bob Stone"
email = "bob@acme.example"
[[engineer]]
name = "Dave"
email = "dave@acme.example"
`

func mustParse(t testing.TB, file string) *threads.Rotation {
	t.Helper()
	r, _, err := Parse("rotation.toml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDescribe(t *testing.T) {
	now := time.Date(2026, 12, 21, 12, 0, 0, 0, time.UTC)
	bob, dave := `email = "bob@acme.example"`, "[[engineer]]\nname = \"Dave\"\nemail = \"dave@acme.example\"\n"
	with := func(pairs ...string) string {
		out := strings.NewReplacer(pairs...).Replace(before1)
		if out == before1 {
			t.Fatalf("%q changes nothing", pairs)
		}
		return out
	}
	tls := func(team string) string {
		own := ""
		if team == "" {
			own = "\n[[engineer]]\nname = \"Owner\"\nemail = \"owner@acme.example\"\ntopics = [\"tls\"]\n"
		}
		return own + "[[topic]]\nname = \"tls\"\nsubject = [\"tls\"]\n" + team
	}
	const one = "[[engineer]]\nname = \"Eve\"\nemail = \"eve@acme.example\"\n"
	core := func(members string) string { return "[[team]]\nname = \"core\"\nmembers = [" + members + "]\n" }
	tests := []struct{ name, from, to, want string }{
		{"nothing", before1, before1, ""},
		{"looks", before1, before1 + "\n# a comment\n", ""},
		{"away now", before1, with(bob, bob+"\naway = [\"2026-12-20..2027-01-03\"]"), "Bob Stone is off duty until 4 Jan 2027"},
		{"away later", before1, with(bob, bob+"\naway = [\"2026-12-24\"]"), "Bob Stone will be away from 24 Dec 2026 until 25 Dec 2026"},
		{"away in the past", before1, with(bob, bob+"\naway = [\"2026-11-24\"]"), ""},
		{"away in two pieces", before1, with(bob, bob+"\naway = [\"2026-12-20..2026-12-22\", \"2026-12-23..2026-12-27\"]"),
			"Bob Stone is off duty until 28 Dec 2026\nBob Stone will be away from 23 Dec 2026 until 28 Dec 2026"},
		{"back", with(bob, bob+"\naway = [\"2026-12-20..2027-01-03\"]"), before1, "Bob Stone is back (was off duty until 4 Jan 2027)"},
		{"later no more", with(bob, bob+"\naway = [\"2026-12-24\"]"), before1, "Bob Stone will no longer be away from 24 Dec 2026 until 25 Dec 2026"},
		{"joins", before1, before1 + "[[engineer]]\nname = \"Carol\"\nemail = \"c@acme.example\"\nhours = \"Mon 09:00-10:00\"\n", "Carol joins with weight 1, Mon 09:00-10:00"},
		{"leaves", before1, with(dave, ""), "Dave is no longer in the rotation"},
		{"new address", before1, with("dave@", "david@"), "Dave now gets mail at david@acme.example (was dave@acme.example)"},
		{"new case", before1, with("dave@", "Dave@"), "Dave's address is now written Dave@acme.example"},
		{"new name", before1, with("\"Dave\"", "\"David\""), "Dave is now called David"},
		{"weight", before1, with("alice@acme.example\"", "alice@acme.example\"\nweight = 2"), "Alice's weight is now 2 (was 1)"},
		{"limit", before1, with(bob, bob+"\nmax_open = 5"), "Bob Stone's limit is now 5 open conversations (was none)"},
		{"hours", before1, with(bob, bob+"\nhours = \"Mon-Fri 09:00-17:30\""), "Bob Stone's hours are now Mon-Fri 09:00-17:30 (were always)"},
		{"hours left to nobody", one, one + "hours = \"Mon-Fri 09:00-17:30\"\n", "Eve's hours are now Mon-Fri 09:00-17:30 (were always)\n" +
			"nobody is on duty Mon 00:00 to Mon 09:00, Mon 17:30 to Tue 09:00, Tue 17:30 to Wed 09:00, Wed 17:30 to Thu 09:00, Thu 17:30 to Fri 09:00, Fri 17:30 to Mon 00:00 (UTC); mail that comes then waits"},
		{"hours left to nobody no more", one + "hours = \"Sun 10:00-11:00\"\n", one, "Eve's hours are now always (were Sun 10:00-11:00)\nsomebody is on duty at every hour of the week"},
		{"hours left to anyone", one, one + "hours = \"Sun 10:00-11:00\"\n[policy]\nnobody_on_duty = \"anyone\"\n",
			"Eve's hours are now Sun 10:00-11:00 (were always)\nanyone gets new mail while nobody is on duty"},
		{"alias", before1, with(bob, bob+"\naliases = [\"b@acme.example\"]"), "Bob Stone also writes from b@acme.example"},
		{"topic", before1, with(bob, bob+"\ntopics = [\"tls\"]") + "[[topic]]\nname = \"tls\"\nsubject = [\"tls\"]\n", "Bob Stone now owns the topic tls\nthe topic tls is new"},
		{"admins", before1, with("ops@", "it@"), "it@acme.example is an admin now\nops@acme.example is no longer an admin"},
		{"policy", before1, before1 + "[policy]\nnobody_on_duty = \"anyone\"\nkeep_owner = \"never\"\n",
			"anyone gets new mail while nobody is on duty\na customer's next mail goes to whoever has the turn"},
		{"offer", before1, before1 + "[policy]\nmode = \"offer\"\n", "everyone on duty gets new mail, and whoever answers first has it; after 15m it is assigned"},
		{"offer for longer", before1 + "[policy]\nmode = \"offer\"\n", before1 + "[policy]\nmode = \"offer\"\noffer_for = \"1h30m\"\n", "new mail is assigned after 1h30m on offer (was 15m)"},
		{"offer no more", before1 + "[policy]\nmode = \"offer\"\n", before1, "new mail is assigned to whoever has the turn, no longer offered to everyone"},
		{"deadlines", before1 + "[policy]\nnext_reply_within = \"4h\"\n", before1 + "[policy]\nfirst_reply_within = \"2h\"\n",
			"a customer's first mail is to be answered within 2h of business time\na customer's further mail may wait for an answer as long as it takes (was 4h)"},
		{"a deadline", before1 + "[policy]\nnext_reply_within = \"4h\"\n", before1 + "[policy]\nnext_reply_within = \"8h\"\n",
			"a customer's further mail is to be answered within 8h of business time (was 4h)"},
		{"a team", before1 + tls(""), before1 + tls("team = \"core\"\n") + core(`"Alice", "Bob Stone", "Dave"`),
			"Alice now owns the topic tls\nBob Stone now owns the topic tls\nDave now owns the topic tls\nOwner is no longer in the rotation\nthe topic tls now belongs to the team core (was no team)\nthe team core is new: Alice, Bob Stone and Dave"},
		{"in a team", before1 + tls("team = \"core\"\n") + core(`"Alice"`), before1 + tls("team = \"core\"\n") + core(`"Dave"`),
			"Alice no longer owns the topic tls\nDave now owns the topic tls\nDave is in the team core now\nAlice is no longer in the team core"},
		{"team gone", before1 + tls("team = \"core\"\n") + core(`"Alice"`), before1 + tls(""),
			"Alice no longer owns the topic tls\nOwner joins with weight 1, and owns tls\nthe topic tls now belongs to no team (was the team core)\nthe team core is gone"},
		{"zone without hours", before1, with("Europe/Berlin", "Europe/London"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(Describe(mustParse(t, tt.from), mustParse(t, tt.to), now), "\n")
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
	open := func(key string) int { return map[string]int{"bob@acme.example": 3, "dave@acme.example": 1}[key] }
	away := with(bob, bob+"\naway = [\"2026-12-20..2027-01-03\"]")
	for to, want := range map[string]string{
		away: "Bob Stone is off duty until 4 Jan 2027; 3 open conversations stay with Bob Stone until the customer writes again",
		away + "[policy]\nkeep_owner = \"always\"\n": "Bob Stone is off duty until 4 Jan 2027; 3 open conversations stay with Bob Stone, who answers first of all what is there when back\nowners always keep their conversations",
		with(dave, ""): "Dave is no longer in the rotation; 1 open conversation goes to a colleague now",
	} {
		if got := strings.Join(DescribeWith(mustParse(t, before1), mustParse(t, to), now, open), "\n"); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	if got := Describe(nil, mustParse(t, before1), now); len(got) != 4 {
		t.Errorf("out of nothing: %q", got)
	}
}

package threads

import (
	"strings"
	"testing"
)

// TestAuthenticate is promise 2: an engineer is her address and a token made
// for her and this conversation.
func TestAuthenticate(t *testing.T) {
	const alice, bob, jane = "alice@acme.example", "bob@acme.example", "jane@client.example"
	x := newTable()
	mint := func(engineer string, conv ID, gen int) string {
		token := testMinter.Token(TokenReply, engineer, conv, gen)
		x.tokens[token] = Token{Kind: TokenReply, Engineer: engineer, Conversation: conv, Generation: gen}
		return testNames.Address(token)
	}
	aliceAt7, bobAt7, aliceAt8 := mint(alice, 7, 0), mint(bob, 7, 0), mint(alice, 8, 0)
	oldBob := mint(bob, 9, 0)
	x.gens["9"+bob] = 1
	x.ids["<copy7@x>"] = []Known{{Kind: KnownCopy, Conversation: 7, Engineer: alice, Event: 5}}
	x.ids["<token7@x>"] = []Known{{Kind: KnownToken, Conversation: 7, Engineer: alice}}
	x.ids["<bobcopy7@x>"] = []Known{{Kind: KnownCopy, Conversation: 7, Engineer: bob, Event: 5}}
	x.ids["<copy8@x>"] = []Known{{Kind: KnownCopy, Conversation: 8, Engineer: alice, Event: 2}}
	x.ids["<jane1@x>"] = []Known{{Kind: KnownTheirs, Conversation: 7, Event: 2}}
	x.people[7] = []string{jane}

	for _, tt := range []struct {
		name   string
		from   string
		to     string
		irt    string
		refs   string
		proven bool
		conv   ID
		doubt  Why
		as     string
	}{
		{"reply address and id", alice, aliceAt7, "<copy7@x>", "<token7@x> <copy7@x>", true, 7, "", alice},
		{"reply address alone", alice, aliceAt7, "", "", true, 7, "", alice},
		{"reply address in capitals", strings.ToUpper(alice), strings.ToUpper(aliceAt7), "", "", true, 7, "", alice},
		{"our Message-ID alone", alice, "support@acme.example", "<copy7@x>", "", true, 7, "", alice},
		{"token id alone", alice, "support@acme.example", "", "<token7@x>", true, 7, "", alice},
		{"from her alias", "a.ng@acme.example", aliceAt7, "", "", true, 7, "", alice},
		{"forged From, known reference", alice, "support@acme.example", "<jane1@x>", "<jane1@x>", false, 0, WhyUnproven, alice},
		{"forged From, unknown reference", alice, "support@acme.example", "<what@x>", "", false, 0, WhyUnproven, alice},
		{"fresh mail of an engineer", alice, "support@acme.example", "", "", false, 0, "", ""},
		{"token of another engineer", alice, bobAt7, "", "", false, 0, WhyBorrowed, alice},
		{"id of another engineer", alice, "support@acme.example", "<bobcopy7@x>", "", false, 0, WhyBorrowed, alice},
		{"token and reference disagree", alice, aliceAt7, "<copy8@x>", "<copy8@x>", true, 7, WhyAmbiguous, alice},
		{"burnt token", bob, oldBob, "", "", false, 0, WhyUnproven, bob},
		{"right token, wrong From", "mallory@evil.example", aliceAt8, "", "", false, 8, WhyForged, ""},
		{"customer carries a token", jane, aliceAt7, "", "", false, 0, "", ""},
		{"customer answers", jane, "support@acme.example", "<jane1@x>", "", false, 0, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := from(tt.from)
			m.To = []Address{{Addr: tt.to}}
			m.InReplyTo, m.References = strings.Fields(tt.irt), strings.Fields(tt.refs)
			f := Match(x, testNames, m, monday)
			a := Authenticate(x, testNames, testRotation(), m, f)
			if a.Proven != tt.proven || a.Conversation != tt.conv || a.Doubt != tt.doubt || a.Engineer != tt.as {
				t.Errorf("got %+v (found %+v)", a, f)
			}
			if a.Doubt != "" && a.Reason == "" {
				t.Error("a doubt without a reason")
			}
		})
	}

	t.Run("two senders", func(t *testing.T) {
		m := from(alice)
		m.From = append(m.From, Address{Addr: "mallory@evil.example"})
		m.To = []Address{{Addr: aliceAt7}}
		if a := Authenticate(x, testNames, testRotation(), m, Match(x, testNames, m, monday)); a.Proven || a.Doubt != WhyUnproven {
			t.Errorf("got %+v", a)
		}
	})
	t.Run("a burnt token's copy says which mail is answered", func(t *testing.T) {
		x.ids["<copy9@x>"] = []Known{{Kind: KnownCopy, Conversation: 9, Engineer: bob, Event: 4}}
		m := from(bob)
		m.To, m.InReplyTo = []Address{{Addr: oldBob}}, []string{"<copy9@x>"}
		a := Authenticate(x, testNames, testRotation(), m, Match(x, testNames, m, monday))
		if a.Proven || a.Doubt != WhyUnproven || a.View != 4 {
			t.Errorf("got %+v", a)
		}
		m.From = from(alice).From
		if a = Authenticate(x, testNames, testRotation(), m, Match(x, testNames, m, monday)); a.Doubt != WhyBorrowed || a.View != 0 {
			t.Errorf("a colleague's copy: got %+v", a)
		}
	})
	t.Run("a colleague's token, lent", func(t *testing.T) {
		for _, tt := range []struct {
			to, refs string
			lent     bool
			conv     ID
		}{
			{bob, "<bobcopy7@x>", true, 7},
			{bob, "<bobcopy7@x> <copy7@x>", false, 0}, // her own is with it
			{bob, "", false, 0},
			{"support@acme.example", "<bobcopy7@x>", false, 0}, // to nobody of theirs
		} {
			m := from(alice)
			m.To, m.Cc = []Address{{Addr: tt.to}}, []Address{{Addr: bobAt7}}
			m.References = strings.Fields(tt.refs)
			if tt.refs == "" {
				m.Cc = nil
			}
			a := Authenticate(x, testNames, testRotation(), m, Match(x, testNames, m, monday))
			if a.Lent != tt.lent || tt.lent && (a.Conversation != tt.conv || a.Owner != bob || !a.Proven) {
				t.Errorf("to %s with %s: got %+v", tt.to, tt.refs, a)
			}
		}
	})
	t.Run("a customer's copy of a token burns it", func(t *testing.T) {
		m := from(jane)
		m.References = []string{"<token7@x>"}
		a := Authenticate(x, testNames, testRotation(), m, Match(x, testNames, m, monday))
		if len(a.Burn) != 1 || a.Burn[0] != alice {
			t.Errorf("burn: %+v", a)
		}
	})
}

func TestMatchOrder(t *testing.T) {
	x := newTable()
	token := testMinter.Token(TokenBounce, "7.1.0")
	x.tokens[token] = Token{Kind: TokenBounce, Conversation: 1, OutID: "1.1.0"}
	x.ids["<irt@x>"] = []Known{{Kind: KnownTheirs, Conversation: 2}}
	x.ids["<ref@x>"] = []Known{{Kind: KnownAnswer, Conversation: 3}}
	x.ids["<older@x>"] = []Known{{Kind: KnownTheirs, Conversation: 9}}
	x.ids["<never@x>"] = []Known{{Kind: KnownMention, Conversation: 4}}
	x.ids["<root@x>"] = []Known{{Kind: KnownRoot, Conversation: 5}}
	for _, tt := range []struct {
		to, irt, refs, id string
		conv              ID
		reason            Reason
	}{
		{testNames.Address(token), "<irt@x>", "<ref@x>", "", 1, ByReplyAddress},
		{"support@acme.example", "<irt@x>", "<ref@x>", "", 2, ByInReplyTo},
		{"support@acme.example", "<what@x>", "<older@x> <ref@x>", "", 3, ByReferences},
		{"support@acme.example", "<what@x>", "<root@x> <never@x>", "", 4, ByAncestor},
		{"support@acme.example", "", "", "<never@x>", 4, ByAncestor},
		{"support@acme.example", "", "<root@x> <what@x>", "", 5, ByRoot},
		{"support@acme.example", "<IRT@X>", "", "", 2, ByInReplyTo},
		{"support@acme.example", "<what@x>", "", "", 0, ByNothing},
	} {
		m := from("jane@client.example")
		m.To = []Address{{Addr: tt.to}}
		m.InReplyTo, m.References = strings.Fields(tt.irt), strings.Fields(tt.refs)
		if tt.id != "" {
			m.MessageID = tt.id
		}
		if f := Match(x, testNames, m, monday); f.Conversation != tt.conv || f.Reason != tt.reason {
			t.Errorf("%+v: got %d by %s", tt, f.Conversation, f.Reason)
		}
	}
}

func TestOwnAndTwin(t *testing.T) {
	x := newTable()
	sent := from("support@acme.example")
	sent.MessageID, sent.References = "<m.1@acme.example>", []string{"<o.1@acme.example>"}
	k := Known{Kind: KnownAnswer, Conversation: 7, OutID: "7.4.0", MessageID: sent.MessageID, References: ReferencesDigest(sent)}
	x.ids[SentDigest(sent)] = []Known{k}
	own := func(change func(*Mail), w Where, out string) bool {
		m := *sent
		change(&m)
		_, ok := Own(x, testNames, &m, Found{OutID: out}, w)
		return ok
	}
	for _, tt := range []struct {
		name   string
		change func(*Mail)
		where  Where
		out    string
		want   bool
	}{
		{"as sent", func(*Mail) {}, Where{}, "", true},
		{"another body", func(m *Mail) { m.BodyDigest = "b2" }, Where{}, "7.4.0", false},
		{"another sender", func(m *Mail) { m.From[0].Addr = "jane@client.example" }, Where{Sent: true}, "7.4.0", false},
		{"relay's id, to its copy address", func(m *Mail) { m.MessageID = "<ses@amazon>" }, Where{}, "7.4.0", true},
		{"relay's id, in Sent", func(m *Mail) { m.MessageID = "<ses@amazon>" }, Where{Sent: true}, "", true},
		{"relay's id, to the support address itself", func(m *Mail) { m.MessageID = "<ses@amazon>" }, Where{}, "", true},
		{"relay's id, there, another body", func(m *Mail) { m.MessageID, m.BodyDigest = "<ses@amazon>", "b2" }, Where{}, "", false},
		{"relay's id, there, other references", func(m *Mail) { m.MessageID, m.References = "<ses@amazon>", nil }, Where{}, "", false},
		{"relay's id, other references", func(m *Mail) { m.MessageID, m.References = "<ses@amazon>", nil }, Where{Sent: true}, "", false},
	} {
		c := *sent
		sent.From = append([]Address(nil), c.From...)
		if got := own(tt.change, tt.where, tt.out); got != tt.want {
			t.Errorf("%s: own = %v", tt.name, got)
		}
		*sent = c
		sent.From = []Address{{Name: "Jane Doe", Addr: "support@acme.example"}}
	}

	m := from("jane@client.example")
	x.ids[m.MessageID] = []Known{{Kind: KnownTheirs, Conversation: 7, Header: "h1", Body: "b1"}}
	if _, ok := Twin(x, m); !ok {
		t.Error("the same mail is not recognised")
	}
	m.BodyDigest = "b2"
	if _, ok := Twin(x, m); ok {
		t.Error("another mail with the same id was taken for the same")
	}
}

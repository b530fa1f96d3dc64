package threads

import "testing"

// proofs is a table with what two conversations have given away.
func proofs() (*table, func(TokenKind, string, ID) string) {
	x := newTable()
	x.ids["<c1@client.example>"] = []Known{{Kind: KnownTheirs, Conversation: 1}}
	x.ids["<c2@client.example>"] = []Known{{Kind: KnownTheirs, Conversation: 2}}
	x.ids["<k1@acme.example>"] = []Known{{Kind: KnownToken, Conversation: 1, Engineer: aliceKey}}
	x.ids["<m1@acme.example>"] = []Known{{Kind: KnownCopy, Conversation: 1, Engineer: aliceKey, Event: 2, OutID: "1.1.0"}}
	x.ids["<n1@acme.example>"] = []Known{{Kind: KnownNotice, Conversation: 1, Engineer: aliceKey, Hold: "1-5"}}
	x.ids["<ops@acme.example>"] = []Known{{Kind: KnownNotice, Conversation: 1}}
	mint := func(kind TokenKind, engineer string, conv ID) string {
		token := testMinter.Token(kind, engineer, conv)
		x.tokens[token] = Token{Kind: kind, Engineer: engineer, Conversation: conv}
		return testNames.Address(token)
	}
	return x, mint
}

func TestDoubtfulProofs(t *testing.T) {
	x, mint := proofs()
	r1, r2, personal := mint(TokenReply, aliceKey, 1), mint(TokenReply, aliceKey, 2), mint(TokenPersonal, aliceKey, 0)
	bobs := mint(TokenReply, bobKey, 2)
	for _, tt := range []struct {
		name   string
		change func(*Mail)
		doubt  Why
		conv   ID
		hold   string
	}{
		{"her token and the id of its conversation", func(m *Mail) { m.To, m.InReplyTo = addrs(r1), []string{"<c1@client.example>"} }, "", 1, ""},
		{"her copy's id", func(m *Mail) { m.InReplyTo = []string{"<m1@acme.example>"} }, "", 1, ""},
		{"personal token, a known conversation", func(m *Mail) { m.To, m.InReplyTo = addrs(personal), []string{"<c1@client.example>"} }, WhyUnproven, 0, ""},
		{"personal token with a proof for the conversation", func(m *Mail) {
			m.To, m.InReplyTo = addrs(personal), []string{"<m1@acme.example>"}
		}, "", 1, ""},
		{"personal token alone", func(m *Mail) { m.To = addrs(personal) }, "", 0, ""},
		{"her token id of another conversation among References", func(m *Mail) {
			m.InReplyTo, m.References = []string{"<c2@client.example>"}, []string{"<k1@acme.example>", "<c2@client.example>"}
		}, WhyAmbiguous, 1, ""},
		{"two reply addresses of hers", func(m *Mail) { m.To, m.InReplyTo = addrs(r1, r2), []string{"<m1@acme.example>"} }, WhyAmbiguous, 1, ""},
		{"hers and a colleague's", func(m *Mail) { m.To, m.InReplyTo = addrs(r1, bobs), []string{"<m1@acme.example>"} }, WhyAmbiguous, 1, ""},
		{"an admin's notice", func(m *Mail) { m.InReplyTo = []string{"<ops@acme.example>"} }, WhyUnproven, 0, ""},
		{"the notice of a held mail, without any address of ours", func(m *Mail) { m.InReplyTo = []string{"<n1@acme.example>"} }, "", 1, "1-5"},
		{"that notice as the last of References", func(m *Mail) { m.References = []string{"<k1@acme.example>", "<n1@acme.example>"} }, "", 1, "1-5"},
		{"that notice only among References", func(m *Mail) { m.References = []string{"<n1@acme.example>", "<m1@acme.example>"} }, "", 1, ""},
		{"that notice last, below what it answers", func(m *Mail) {
			m.InReplyTo, m.References = []string{"<m1@acme.example>"}, []string{"<m1@acme.example>", "<n1@acme.example>"}
		}, "", 1, ""},
		{"two senders", func(m *Mail) {
			m.To, m.InReplyTo = addrs(r1), []string{"<m1@acme.example>"}
			m.From = append(m.From, Address{Addr: "mallory@evil.example"})
		}, WhyUnproven, 0, ""},
		{"somebody before her in From", func(m *Mail) {
			m.To, m.InReplyTo = addrs(r1), []string{"<m1@acme.example>"}
			m.From = append(addrs("mallory@evil.example"), m.From...)
		}, WhyUnproven, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := from(aliceKey)
			tt.change(m)
			a := Authenticate(x, testNames, testRotation(), m, Match(x, testNames, m, monday))
			if a.Doubt != tt.doubt || a.Hold != tt.hold {
				t.Fatalf("authority: %+v", a)
			}
			if tt.doubt == "" && a.Conversation != tt.conv {
				t.Errorf("conversation %d, want %d", a.Conversation, tt.conv)
			}
			if a.Doubt != "" && a.Reason == "" {
				t.Error("no reason")
			}
		})
	}
}

// TestLeaversTokenIsNobodys: from her address, now a stranger's, it is held.
func TestLeaversTokenIsNobodys(t *testing.T) {
	x, mint := proofs()
	r := testRotation()
	r.Engineers = r.Engineers[1:]
	m := from(aliceKey)
	m.To, m.InReplyTo = addrs(mint(TokenReply, aliceKey, 1)), []string{"<m1@acme.example>"}
	if a := Authenticate(x, testNames, r, m, Match(x, testNames, m, monday)); a.Doubt != WhyForged || a.Proven {
		t.Errorf("authority: %+v", a)
	}
}

func addrs(list ...string) (all []Address) {
	for _, a := range list {
		all = append(all, Address{Addr: a})
	}
	return all
}

// TestTwinOfHistory: of an old mail only the header was read; read again
// whole, it is the same mail.
func TestTwinOfHistory(t *testing.T) {
	x := newTable()
	x.ids["<1@client.example>"] = []Known{{Kind: KnownTheirs, Conversation: 1, Header: "h1"}}
	if k, ok := Twin(x, from("jane@client.example")); !ok || k.Conversation != 1 {
		t.Error("an old mail was taken for new")
	}
	x.ids["<1@client.example>"] = []Known{{Kind: KnownTheirs, Conversation: 1, Header: "h1", Body: "b2"}}
	if _, ok := Twin(x, from("jane@client.example")); ok {
		t.Error("two mails with one header were taken for one")
	}
	x.ids["<1@client.example>"] = []Known{{Kind: KnownMention, Conversation: 1}}
	if _, ok := Twin(x, from("jane@client.example")); ok {
		t.Error("a mention is no mail")
	}
}

// TestOwnInSent: whatever the relay made of the body, our Message-ID in Sent
// is ours; in the inbox it is not.
func TestOwnInSent(t *testing.T) {
	x := newTable()
	x.ids["<m@acme.example>"] = []Known{{Kind: KnownAnswer, Conversation: 1, OutID: "1.2.0", References: "r"}}
	m := from("support@acme.example")
	m.MessageID = "<m@acme.example>"
	if _, ok := Own(x, testNames, m, Found{}, Where{Sent: true}); !ok {
		t.Error("our mail with a disclaimer, in Sent")
	}
	if _, ok := Own(x, testNames, m, Found{}, Where{}); ok {
		t.Error("another body in the inbox is a customer's")
	}
}

// TestCopyAddressIsToldApart: a bounce address is known to every recipient.
func TestCopyAddressIsToldApart(t *testing.T) {
	x := newTable()
	for _, kind := range []TokenKind{TokenBounce, TokenCopy} {
		token := testMinter.Token(kind, "1.2.0")
		x.tokens[token] = Token{Kind: kind, Conversation: 1, OutID: "1.2.0"}
		m := from("support@acme.example")
		m.DeliveredTo = []string{testNames.Address(token)}
		f := Match(x, testNames, m, monday)
		if f.OutID != "1.2.0" || (f.CopyOf != "") != (kind == TokenCopy) {
			t.Errorf("%c: %+v", kind, f)
		}
	}
}

// TestTwinOfNothing: an old mail whose header could not be read is no twin of
// one that has none.
func TestTwinOfNothing(t *testing.T) {
	x := newTable()
	m := &Mail{HeaderDigest: "nothing", BodyDigest: "b1"}
	x.ids[DigestID(m)] = []Known{{Kind: KnownTheirs, Conversation: 1, Header: "nothing"}}
	if _, ok := Twin(x, m); ok {
		t.Error("a mail without a header was taken for another one")
	}
}

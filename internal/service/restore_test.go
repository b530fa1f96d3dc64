package service

import (
	"bytes"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/admin"
	"postroom/internal/mailtest"
	"postroom/internal/store"
)

// backup is the state of the running service as it is now.
func (b *bubble) backup() []byte {
	b.t.Helper()
	var buf bytes.Buffer
	if _, err := b.svc.Store().Backup(&buf, "test", "", time.Now()); err != nil {
		b.t.Fatal(err)
	}
	return buf.Bytes()
}

// putBack puts a backup in place of the state.
func (b *bubble) putBack(backup []byte) {
	b.t.Helper()
	r := store.Restore{Dir: b.cfg.State.Dir, Backup: bytes.NewReader(backup), Replace: true, Now: time.Now(), Random: strings.NewReader("by chance")}
	if _, err := r.PutBack(slog.New(slog.DiscardHandler)); err != nil {
		b.t.Fatal(err)
	}
}

// crash ends the service without letting it put anything in order.
func (b *bubble) crash() {
	b.t.Helper()
	b.stop()
	if err := <-b.done; err != nil {
		b.t.Error(err)
	}
	if err := b.svc.Close(); err != nil {
		b.t.Error(err)
	}
}

// about is the mail an engineer or customer holds with a text in it, and who
// that is.
func (b *bubble) about(text string, among ...string) (*mailtest.Parsed, string) {
	b.t.Helper()
	for _, who := range among {
		for _, p := range slices.Backward(b.inbox(who)) {
			if strings.Contains(flat(p), text) {
				return p, who
			}
		}
	}
	b.t.Errorf("nobody of %v holds %q", among, text)
	return mailtest.MustParse(b.t, []byte("From: ops@acme.example\r\n\r\n")), among[0]
}

// flat is the text of a mail on one line.
func flat(p *mailtest.Parsed) string { return strings.Join(strings.Fields(p.Text), " ") }

// copyWith is the copy of a customer's mail with a text that an engineer holds.
func (b *bubble) copyWith(text string) (*mailtest.Parsed, string) {
	b.t.Helper()
	for _, who := range engineersABC {
		for _, p := range slices.Backward(b.inbox(who)) {
			if strings.Contains(p.Text, text) && p.Get("Auto-Submitted") == "" {
				return p, who
			}
		}
	}
	b.t.Errorf("no engineer has a copy with %q", text)
	return mailtest.MustParse(b.t, []byte("From: ops@acme.example\r\n\r\n")), engineersABC[0]
}

var engineersABC = []string{"alice@acme.example", "bob@acme.example", "carol@acme.example"}

// answers has whoever holds a customer's mail answer it, with commands above.
func (b *bubble) answers(mail, commands, text string) string {
	b.t.Helper()
	p, who := b.copyWith(mail)
	b.write(replyTo(p, who, commands+text))
	b.wait(time.Minute)
	return who
}

// times counts the mails of a person with a text that is not quoted.
func (b *bubble) times(who, text string) (n int) {
	for _, p := range b.inbox(who) {
		for row := range strings.Lines(p.Text) {
			if strings.Contains(row, text) && !strings.HasPrefix(row, ">") {
				n++
				break
			}
		}
	}
	return n
}

func (b *bubble) exported() map[string]admin.Message {
	b.t.Helper()
	all := map[string]admin.Message{}
	if err := admin.Export(b.svc.Store(), func(m admin.Message) error { all[m.MessageID] = m; return nil }); err != nil {
		b.t.Fatal(err)
	}
	return all
}

// TestRestore: a backup is put back after much has happened since. What went out
// then does not go out again, what came then is there, and what is in doubt is
// held and told.
func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, "")
		b.start()
		b.wait(time.Second)
		from := func(who, subject, text string) mailtest.Mail {
			m := b.write(mailtest.Mail{From: who, To: "support@acme.example", Subject: subject, Text: text + "\n"})
			b.wait(time.Minute)
			return m
		}
		first := from("jane@client.example", "The printer burns", "first: smoke everywhere in the room here")
		b.answers("first: smoke", "", "answer one: please pour some water over the whole printer")
		from("kim@third.example", "No light", "second: the lamp is dark since this morning")
		b.answers("second: the lamp", "/note\n", "note one: kim is a difficult person, be patient with everything")

		backup := b.backup()

		b.answers("second: the lamp", "", "answer two: turn the lamp on with the switch at its back")
		a1, _ := b.about("answer one:", "jane@client.example")
		b.write(replyTo(a1, "jane@client.example", "third: the water did not help much at all"))
		b.wait(time.Minute)
		b.answers("third: the water", "", "answer three: then take a blanket and call the people with the hoses")
		from("joe@shop.example", "A bill", "fourth: the bill is too high by a half")
		b.answers("fourth: the bill", "/close\n", "answer four: you are right and the half comes back to you soon")
		from("joe@shop.example", "Another thing", "fifth: where is the manual of the thing")
		fifth := b.copies()
		b.answers("fourth: the bill", "/away 3d", "")
		b.crash()

		// While nothing runs: an answer that never went out, and a new mail.
		owner := b.answers("fifth: where", "", "answer five: the manual lies below the lid of the thing")
		from("kim@third.example", "Late", "sixth: this came while nobody looked at all")

		b.putBack(backup)
		b.start()
		b.wait(time.Hour)
		for text, who := range map[string]string{
			"answer one:": "jane@client.example", "answer two:": "kim@third.example", "answer three:": "jane@client.example", "answer four:": "joe@shop.example",
		} {
			if n := b.times(who, text); n != 1 {
				t.Errorf("%s has %q %d times", who, text, n)
			}
		}
		if n := b.times("joe@shop.example", "answer five:"); n != 0 {
			t.Errorf("what nobody knows of went out %d times", n)
		}
		b.about("sixth: this came", engineersABC...)
		again := b.copies()
		for mail, n := range fifth {
			if again[mail] != n {
				t.Errorf("%s was handed out %d times, and %d times after the return", mail, n, again[mail])
			}
		}
		notice, _ := b.about("answer five:", owner)
		if !strings.Contains(flat(notice), "put back from a backup") {
			t.Errorf("its author reads\n%s", notice.Text)
		}
		told, _ := b.about("was read again from the mailbox", "ops@acme.example")
		if !strings.Contains(flat(told), "/away 3d") || !strings.Contains(flat(told), "3 answers had gone out") {
			t.Errorf("the admins read\n%s", told.Text)
		}
		b.audited()

		// She lets it go, and an answer to a copy of the lost time finds its way.
		b.write(mailtest.Mail{From: owner, To: notice.Addresses("Reply-To")[0], Subject: "Re: " + notice.Get("Subject"), Text: "/send",
			InReplyTo: notice.Get("Message-ID"), References: append(notice.IDs("References"), notice.Get("Message-ID"))})
		b.wait(time.Minute)
		if n := b.times("joe@shop.example", "answer five:"); n != 1 {
			t.Errorf("after /send joe has it %d times", n)
		}
		b.answers("fifth: where", "", "answer seven: and its second edition is on the shelf behind")
		if n := b.times("joe@shop.example", "answer seven:"); n != 1 {
			t.Errorf("an answer to a copy of the lost time came %d times", n)
		}
		all := b.exported()
		if c := all["<"+first.MessageID+">"].Conversation; c == nil || *c != 1 {
			t.Errorf("the first mail is in %v", c)
		}
		groups := map[string]string{}
		for _, m := range all {
			if m.Conversation != nil && m.Direction == "out" {
				groups[m.Conversation.String()] += "answer "
			}
		}
		want := map[string]string{"1": "answer answer ", "2": "answer ", "1026": "answer ", "1027": "answer answer "}
		if !maps.Equal(groups, want) {
			t.Errorf("answers by conversation: %v, want %v", groups, want)
		}
		b.end()
	})
}

// TestLostState: a state directory that is lost is made anew from the mailbox.
// The messages are grouped as they were, and with the key old tokens are good.
func TestLostState(t *testing.T) {
	for _, keep := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := newBubble(t, "imap.closed_folder = \"Archive\"")
			b.start()
			b.wait(time.Second)
			for i, who := range []string{"jane@client.example", "kim@third.example", "joe@shop.example", "jane@client.example"} {
				mark := string(rune('a'+i)) + "mark"
				b.write(mailtest.Mail{From: who, To: "support@acme.example", Subject: "About " + mark, Text: mark + "-mail: something is wrong with it\n"})
				b.wait(time.Minute)
				command := ""
				if i == 1 {
					command = "/close\n"
				}
				b.answers(mark+"-mail:", command, mark+"-answer: this is how to mend it in the end")
				if i != 1 {
					p, _ := b.about(mark+"-answer:", who)
					b.write(replyTo(p, who, mark+"-thanks: that helped, though not with everything"))
					b.wait(time.Minute)
				}
			}
			before := b.exported()
			b.crash()
			key, err := os.ReadFile(b.cfg.State.Dir + "/instance.key")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(b.cfg.State.Dir); err != nil {
				t.Fatal(err)
			}
			if keep {
				if err := os.MkdirAll(b.cfg.State.Dir, 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(b.cfg.State.Dir+"/instance.key", key, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			b.random = "another"
			b.start()
			b.wait(time.Hour)
			sameGroups(t, before, b.exported())
			p, who := b.copyWith("amark-thanks:")
			b.write(replyTo(p, who, "late answer: and here is the rest of the help"))
			b.wait(time.Minute)
			want := 0
			if keep {
				want = 1
			}
			if n := b.times("jane@client.example", "late answer:"); n != want {
				t.Errorf("with the key %v, an answer under an old token came %d times", keep, n)
			}
			if !keep {
				notice, _ := b.about("late answer:", who)
				b.write(mailtest.Mail{From: who, To: notice.Addresses("Reply-To")[0], Subject: "Re: " + notice.Get("Subject"), Text: "/send",
					InReplyTo: notice.Get("Message-ID"), References: append(notice.IDs("References"), notice.Get("Message-ID"))})
				b.wait(time.Minute)
				if n := b.times("jane@client.example", "late answer:"); n != 1 {
					t.Errorf("confirmed, it came %d times", n)
				}
			}
			b.end()
		})
	}
}

// sameGroups compares which messages share a conversation.
func sameGroups(t *testing.T, before, after map[string]admin.Message) {
	t.Helper()
	ids := func(m admin.Message) []string { return []string{m.MessageID, m.AuthorsID} }
	to := map[string]string{}
	from := map[string]string{}
	for _, m := range before {
		if m.Conversation == nil {
			continue
		}
		for _, id := range ids(m) {
			if id == "" {
				continue
			}
			got := after[id]
			if got.Conversation == nil {
				t.Errorf("%s (%s) is in no conversation", id, m.Subject)
				continue
			}
			old, now := m.Conversation.String(), got.Conversation.String()
			if to[old] == "" && from[now] == "" {
				to[old], from[now] = now, old
			}
			if to[old] != now || from[now] != old {
				t.Errorf("%s (%s) was in %s and is in %s with those of %s", id, m.Subject, old, now, from[now])
			}
		}
	}
}

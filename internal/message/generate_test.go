package message

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"postroom/internal/mailtest"
	"postroom/threads"
)

// twelveScripts are words of twelve scripts.
func twelveScripts() [12][]string {
	return [12][]string{
		{"Printer", "on", "fire", "again", "(urgent)", `5"`, "a,b;c", "=?not?=", "J. R.", `back\slash`, "<jane@x.example>", "@home", strings.Repeat("long", 20)},
		{"Größe", "straße", "naïve", "œuvre", "Łódź"}, {"Принтер", "горит", "опять"}, {"Εκτυπωτής", "καίγεται"},
		{"プリンター", "が", "燃えています"}, {"打印机", "着火了", "紧急"}, {"프린터", "불이", "났어요"}, {"الطابعة", "تحترق"},
		{"המדפסת", "בוערת"}, {"प्रिंटर", "जल", "रहा"}, {"เครื่องพิมพ์", "ไหม้"}, {"տպիչը", "այրվում", "😀👩‍💻"},
	}
}

// hostile are what a name or subject may hold to get out of its field.
func hostile() []string {
	return []string{
		"x\r\nBcc: evil@y.example", "a\x00b\x1b[31m", `"quoted" \`, "=?UTF-8?Q?=0D=0ABcc:_evil@y.example?=", "a\u2028b\u202ec", `x" <evil@y.example>, "`, "\xff\xfe broken", "two  blanks",
	}
}

// mint makes the parts of the i-th mail, in the i-th script.
type mint struct {
	*rand.Rand
	words []string
	i     int
}

func newMint(i int) *mint {
	all := twelveScripts()
	return &mint{rand.New(rand.NewPCG(uint64(i), 2)), all[i/len(kinds())%len(all)], i}
}

func (m *mint) phrase(most int) string {
	var list []string
	for range 1 + m.IntN(most) {
		list = append(list, m.words[m.IntN(len(m.words))])
	}
	if m.IntN(8) == 0 {
		list = append(list, hostile()[m.IntN(len(hostile()))])
	}
	return strings.Join(list, " ")
}

// person has a name in one of ten, and an address of one of the kinds there are.
func (m *mint) person() threads.Address {
	local := []string{"jane", "j.doe", "jane+tag", `"jane doe"`, "o'hara", "a_b-c"}[m.IntN(6)]
	if m.IntN(12) == 0 {
		local = "jürgen.猫"
	}
	domain := []string{"x.example", "mail.client.example", "xn--bcher-kva.example", "[192.0.2.1]"}[m.IntN(4)]
	a := threads.Address{Addr: local + "@" + domain}
	if m.IntN(10) > 0 {
		a.Name = m.phrase(6)
	}
	return a
}

func (m *mint) references() []string {
	var list []string
	for k := range m.IntN(40) {
		list = append(list, fmt.Sprintf("<%d.%s@mail.example>", k, strings.Repeat("r", 1+m.IntN(60))))
	}
	return list
}

func (m *mint) outlook() (topic, index string) {
	if m.IntN(2) == 0 {
		return "", ""
	}
	return m.phrase(8), base64.StdEncoding.EncodeToString(append([]byte{1}, strings.Repeat("k", 21+5*m.IntN(40))...))
}

// letter is a mail somebody wrote, with files in the script.
func (m *mint) letter(files ...string) *Message {
	l := mailtest.Mail{From: "someone@x.example", To: "support@acme.example", Subject: "x", MessageID: "in@x.example", Date: at(0), Text: strings.ToValidUTF8(m.phrase(40), "") + "\n"}
	if m.IntN(2) == 0 {
		l.HTML = "<p>" + m.words[0] + "</p>"
	}
	for _, name := range files {
		l.Attachments = append(l.Attachments, mailtest.Attachment{Name: name, Data: []byte("data")})
	}
	return readString(string(l.Bytes()))
}

// files are names as files have them. One with an encoded word in it is left
// out: readers decode that, since many programs write names so.
func (m *mint) files() (list []string) {
	for n := range m.IntN(3) {
		name := strings.NewReplacer("\x00", "", "\x1b", "", "/", "_", `\`, "_", "=?", "_", "\r\n", " ", "\xff\xfe", "").Replace(m.phrase(5))
		list = append(list, fmt.Sprintf("%s %d.pdf", oneLine(name), n))
	}
	return list
}

// kinds are the mails there are.
func kinds() []string {
	return []string{"copy", "answer", "notice", "probe", "copy with its story", "stub", "answer to a command", "notice with a mail", "originals"}
}

// generate composes the i-th mail, and says what readers must find in it.
func generate(t *testing.T, i int) (raw string, want seen) {
	t.Helper()
	m := newMint(i)
	d := newDesk()
	recipe, source, want, err := m.compose(d, kinds()[i%len(kinds())])
	if err != nil {
		t.Fatalf("mail %d: %v", i, err)
	}
	return octetsOf(t, recipe, source), want
}

func (m *mint) compose(d desk, kind string) (*Recipe, *Message, seen, error) {
	c := NewComposer(threads.Address{Name: m.phrase(3), Addr: "support@acme.example"}, "", d.names.Domain)
	id, date := fmt.Sprintf("<m.%d@acme.example>", m.i), at(m.i)
	refs, subject, to := m.references(), m.phrase(14), m.person()
	want := seen{To: named(to), MessageID: id, Subject: headText(subject), Date: date.Unix(), References: strings.Join(trimReferences(refs, 3), " ")}
	answers := ""
	if len(refs) > 0 {
		answers = refs[len(refs)-1]
	}
	want.InReplyTo = answers
	reply := "support+" + strings.Repeat("t", 40) + "@acme.example"
	switch kind {
	case "answer":
		a := Answer{Author: m.phrase(3), To: []threads.Address{to}, Cc: []threads.Address{m.person(), m.person()}, Subject: subject, MessageID: id,
			InReplyTo: answers, References: refs, Date: date, Scrub: d.scrub()}
		a.ThreadTopic, a.ThreadIndex = m.outlook()
		files := m.files()
		l := m.letter(files...)
		r, _, err := c.Answer(l, a)
		want.From = named(threads.Address{Name: a.Author + " at " + headText(c.Support.Name), Addr: c.Support.Addr})
		want.Cc, want.Subject, want.Files = named(a.Cc...), strings.TrimSpace("Re: "+headText(subject)), files
		want.Topic, want.Index, want.References = headText(a.ThreadTopic), a.ThreadIndex, strings.Join(trimReferences(refs, 2), " ")
		return r, l, want, err
	case "copy", "copy with its story", "stub":
		cp := Copy{To: to, Customer: m.person(), ReplyTo: reply, Subject: subject, MessageID: id, InReplyTo: answers, References: refs, Date: date,
			Footer: []string{m.phrase(9), "Reply."}, Links: []Link{{"Close", MailtoURL(reply, m.phrase(3), "/close")}}}
		cp.ThreadTopic, cp.ThreadIndex = m.outlook()
		want.From = named(threads.Address{Name: bareName(shownName(cp.Customer)) + " via " + headText(c.Support.Name), Addr: c.Support.Addr})
		want.ReplyTo, want.Topic, want.Index = named(threads.Address{Addr: reply}), headText(cp.ThreadTopic), cp.ThreadIndex
		if kind == "copy with its story" {
			cp.Story = []StoryItem{{From: m.person(), At: date, Text: m.phrase(60)}}
		}
		files := m.files()
		l := m.letter(files...)
		if kind == "stub" {
			r, err := c.Stub(l, cp, "The relay takes no mail of this size.")
			return r, l, want, err
		}
		want.Files = files
		r, err := c.Copy(l, cp)
		return r, l, want, err
	case "probe":
		r, err := c.Probe(Probe{To: to.Addr, Subject: subject, MessageID: id, References: refs, Date: date})
		want.From, want.To, want.ReplyTo = named(threads.Address{Name: "Postroom", Addr: c.Support.Addr}), named(threads.Address{Addr: to.Addr}), named(threads.Address{Addr: c.Support.Addr})
		return r, nil, want, err
	}
	if kind == "originals" {
		o := Originals{To: to, ReplyTo: reply, Subject: subject, MessageID: id, InReplyTo: answers, References: refs, Date: date,
			Lines: []string{m.phrase(9)}, Mails: []*Message{m.letter()}, Links: []Link{{m.phrase(2), MailtoURL(reply, subject, "/send")}}}
		want.From, want.ReplyTo = named(threads.Address{Name: "Postroom", Addr: c.Support.Addr}), named(threads.Address{Addr: reply})
		want.Subject, want.Files = strings.TrimSpace("Re: "+headText(subject)), []string{"original-1.eml"}
		r, err := c.Originals(o)
		return r, o.Mails[0], want, err
	}
	n := Notice{To: to, ReplyTo: reply, Subject: subject, MessageID: id, InReplyTo: answers, References: refs, Date: date, Paragraphs: []string{m.phrase(50)}}
	want.From, want.ReplyTo = named(threads.Address{Name: "Postroom", Addr: c.Support.Addr}), named(threads.Address{Addr: reply})
	switch kind {
	case "answer to a command":
		n.Quoted, n.Links = m.phrase(80), []Link{{m.phrase(2), MailtoURL(reply, subject, "/send")}}
	case "notice with a mail":
		n.Attach, want.Files = m.letter(), []string{"mail.eml"}
	}
	r, err := c.Notice(n)
	return r, n.Attach, want, err
}

// named are people as their names come out of a header: one line, cut where
// they are too long.
func named(list ...threads.Address) (all []threads.Address) {
	for _, a := range list {
		if needsUTF8(a.Addr) {
			continue // is named, and no address
		}
		addr, _ := WritableAddress(a.Addr)
		all = append(all, threads.Address{Name: shortName(a.Name), Addr: addr})
	}
	return all
}

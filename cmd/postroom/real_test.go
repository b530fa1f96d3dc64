package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/internal/mailtest"
)

const rounds = 3

func TestRealServers(t *testing.T) {
	tw := newTown(t)
	o := newOffice(t, setup{
		imap: "imaps://" + tw.d.IMAPS, smtp: "smtp://" + tw.p.Submission, caFile: tw.d.CA.File,
		engineers: []engineer{{name: "Alice Ng", email: tw.engineers[0].address}, {name: "Bob Ruiz", email: tw.engineers[1].address}},
	})
	svc := o.start()
	svc.ready()
	owners := map[*person]*person{}
	for round := range rounds {
		for i, c := range tw.customers {
			tw.round(round, i, c, owners)
		}
	}
	if owners[tw.customers[0]] == owners[tw.customers[1]] {
		t.Errorf("%s got both of the first two conversations", owners[tw.customers[0]].name)
	}
	tw.filed()
	if s := o.command(0, "status", "--json"); !strings.Contains(s, `"state":"ok"`) {
		t.Errorf("status: %s", s)
	}
	o.command(0, "audit", "--json")
	o.checkExport(tw.customers, owners)
	if took := svc.stop(); took > 2*time.Second {
		t.Errorf("the service took %v to end", took)
	}
	o.settled()
	for _, c := range tw.customers {
		tw.checkCustomer(c, owners[c])
	}
	for _, e := range tw.engineers {
		tw.checkThreads(e.address, e.kept(), owned(owners, e))
	}
	tw.checkShared()
}

func owned(owners map[*person]*person, e *person) (n int) {
	for _, owner := range owners {
		if owner == e {
			n++
		}
	}
	return n
}

// round is one question and its answer.
func (tw *town) round(round, i int, c *person, owners map[*person]*person) {
	t := tw.t
	t.Helper()
	question := fmt.Sprintf("Question %d.%d", i, round)
	raw := tw.question(round, i, c, question)
	tw.send(c, raw)
	e, got := tw.find(question, tw.engineers...)
	if owner := owners[c]; owner != nil && owner != e {
		t.Fatalf("%s: it went to %s, and belongs to %s", question, e.name, owner.name)
	}
	owners[c] = e
	tw.checkCopy(raw, got)

	answer := fmt.Sprintf("Answer %d.%d", i, round)
	m := e.reply(t, got, answer+": have you tried to turn it off and on again?\n\n-- \n"+e.name+"\n"+e.address)
	m.Attachments = attachments(round)
	to := m.To
	if !strings.HasPrefix(to, "support+r") {
		t.Fatalf("an answer would go to %s", to)
	}
	tw.submit(e, to, m.Bytes())
	_, got = tw.find(answer, c)
	checkAttachments(t, m.Attachments, got)
	parsed := mailtest.MustParse(t, got)
	if !strings.Contains(parsed.Text, question) {
		t.Errorf("%s: the customer's own words are not quoted any more:\n%s", answer, parsed.Text)
	}
	if e.html && !strings.Contains(parsed.HTML, answer) {
		t.Errorf("%s: no HTML:\n%s", answer, got)
	}
}

// question is the customer's next mail: of another make in each round.
func (tw *town) question(round, i int, c *person, text string) []byte {
	tw.t.Helper()
	if round > 0 {
		var last []byte
		_, last = tw.find(fmt.Sprintf("Answer %d.%d", i, round-1), c)
		m := c.reply(tw.t, last, text+": no, that is not it.")
		m.Attachments = attachments(round)
		return m.Bytes()
	}
	switch i {
	case 0:
		return eightBit(c, text)
	case 1:
		m := c.write("It does not work", text+": it does not work.\n")
		m.HTML = "<html><body><p>" + text + ": it does <b>not</b> work.</p><img src=\"cid:shot@x\"></body></html>\n"
		m.Attachments = append(attachments(0), mailtest.Attachment{Name: "shot.png", Type: "image/png", ContentID: "shot@x", Data: []byte("\x89PNG\r\n\x1a\nno picture")})
		return m.Bytes()
	}
	m := c.write("Re: something you do not know, with a long subject that has to be folded somewhere: äöü and so on", text+"\n")
	m.Attachments = []mailtest.Attachment{{Name: "forwarded.eml", Type: "message/rfc822", Data: c.write("inner", "inner text\n").Bytes()}}
	return asIs(m)
}

// asIs builds a mail whose attached messages are not encoded, as RFC 2046
// §5.2.1 wants it.
func asIs(m mailtest.Mail) []byte {
	inner := m.Attachments[0]
	m.Attachments = nil
	outer := m.Bytes()
	head, body, _ := bytes.Cut(outer, []byte("Content-Type: "))
	return fmt.Appendf(nil, "%sContent-Type: multipart/mixed;\r\n\tboundary=\"b 1\"\r\n\r\nFor old clients.\r\n--b 1\r\nContent-Type: %s\r\n"+
		"--b 1\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=%q\r\n\r\n%s\r\n--b 1--\r\n", head, body, inner.Name, inner.Data)
}

// eightBit is a mail with one part, in 8-bit UTF-8, that ends in blank lines.
func eightBit(c *person, text string) []byte {
	m := c.write("Größe", "x")
	head, _, _ := bytes.Cut(m.Bytes(), []byte("Content-Type: "))
	return fmt.Appendf(nil, "%sContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"+
		"%s: Grüße,\r\n   mit Einrückung \r\n.ein Punkt\r\nFrom hier an Ende\r\n\r\n\r\n", head, text)
}

func attachments(round int) []mailtest.Attachment {
	all := make([]byte, 0, 2000)
	for i := range cap(all) {
		all = append(all, byte(i*(round+3)))
	}
	return []mailtest.Attachment{
		{Name: "dump.bin", Data: all},
		{Name: "notes.txt", Type: "text/plain; charset=iso-8859-1", Data: []byte("gr\xfc\xdfe\r\nfrom here\r\n")},
	}
}

// checkCopy holds what an engineer got against what the customer sent: every
// part is there as it came, in its order.
func (tw *town) checkCopy(sent, got []byte) {
	tw.t.Helper()
	have := leaves(tw.t, got)
	next := 0
	for _, want := range leaves(tw.t, sent) {
		i := slices.IndexFunc(have[next:], func(l leaf) bool {
			return l.kind == want.kind && l.encoding == want.encoding && l.name == want.name && bytes.Equal(l.raw, want.raw) && bytes.Equal(l.data, want.data)
		})
		if i < 0 {
			tw.t.Fatalf("the part %s %q is not there as it was sent\n--- sent\n%s\n--- got\n%s", want.kind, want.name, sent, got)
		}
		tw.footer(have[next : next+i])
		next += i + 1
	}
	tw.footer(have[next:])
}

// footer remembers what was added for an engineer alone.
func (tw *town) footer(added []leaf) {
	for _, l := range added {
		for line := range strings.Lines(string(l.data)) {
			if line = strings.TrimSpace(line); len(line) > 15 && !strings.HasPrefix(line, "<") {
				tw.footers = append(tw.footers, line)
			}
		}
	}
}

func checkAttachments(t testing.TB, want []mailtest.Attachment, got []byte) {
	t.Helper()
	parsed := mailtest.MustParse(t, got)
	for _, a := range want {
		if !slices.ContainsFunc(parsed.Attachments, func(b mailtest.Attachment) bool {
			return b.Name == a.Name && bytes.Equal(a.Data, b.Data)
		}) {
			t.Errorf("the attachment %s did not arrive as it was sent:\n%s", a.Name, got)
		}
	}
}

// filed waits until our own copies of all mails lie in Sent.
func (tw *town) filed() {
	tw.t.Helper()
	ctx, cancel := context.WithTimeout(tw.t.Context(), 40*time.Second)
	defer cancel()
	want := 2 * rounds * len(tw.customers)
	for _, folder := range []string{"Sent", "INBOX"} {
		if _, err := tw.d.Wait(ctx, supportAddr, folder, func(list []mailtest.Message) bool { return len(list) == want }); err != nil {
			tw.t.Fatalf("waiting for %d mails: %v", want, err)
		}
	}
}

// checkExport sees one conversation for each customer, with all its mails.
func (o *office) checkExport(customers []*person, owners map[*person]*person) {
	o.t.Helper()
	type side struct{ in, out int }
	counts := map[int]*side{}
	of := map[string]int{}
	for _, m := range objects[exported](o.t, o.command(0, "export")) {
		if m.Conversation == nil {
			o.t.Errorf("%s is in no conversation: %+v", m.MessageID, m)
			continue
		}
		n := *m.Conversation
		if counts[n] == nil {
			counts[n] = &side{}
		}
		switch m.Direction {
		case "in":
			counts[n].in++
			if of[m.From.Address] != 0 && of[m.From.Address] != n {
				o.t.Errorf("%s has conversations %d and %d", m.From.Address, n, of[m.From.Address])
			}
			of[m.From.Address] = n
		case "out":
			counts[n].out++
		}
	}
	if len(counts) != len(customers) || len(of) != len(customers) {
		o.t.Errorf("%d conversations with %d people, not %d", len(counts), len(of), len(customers))
	}
	for n, c := range counts {
		if c.in != rounds || c.out != rounds {
			o.t.Errorf("conversation %d: %d in, %d out", n, c.in, c.out)
		}
	}
	for _, row := range objects[listRow](o.t, o.command(0, "list", "--json")) {
		for c, n := range of {
			if n != row.Conversation {
				continue
			}
			i := slices.IndexFunc(customers, func(p *person) bool { return p.address == c })
			if i < 0 || owners[customers[i]].address != row.Owner {
				o.t.Errorf("conversation %d of %s is owned by %q", n, c, row.Owner)
			}
		}
	}
}

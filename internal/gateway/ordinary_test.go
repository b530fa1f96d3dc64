package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/internal/message"
	"postroom/internal/store"
)

// mayStand is what may stand in the header of a mail to a customer, and of its
// parts. It is written down here once more, by hand.
func mayStand(field string, part bool) bool {
	if strings.HasPrefix(field, "Content-") {
		return true
	}
	list := []string{"Date", "From", "To", "Cc", "Subject", "Message-ID", "In-Reply-To", "References", "MIME-Version", "Thread-Topic", "Thread-Index"}
	return !part && slices.Contains(list, field)
}

// TestOrdinaryReplies sends 300 replies as engineers write them: signatures,
// quotations, addresses, links, tables, files. None is held, all that she
// wrote arrives, and of the header fields of her mail nothing does.
func TestOrdinaryReplies(t *testing.T) {
	r := newRig(t, nil)
	texts, heads, shapes := answerTexts(), answerHeads(), answerShapes()
	names := map[string]string{alice: "Alice Ng", bob: "Bob Stone"}
	fields := map[string]int{}
	for i := range 300 {
		r.now = r.now.Add(7 * time.Minute)
		subject := fmt.Sprintf("Question %d about the printer", i)
		extra := []string{"To: support@acme.example"}
		if i%3 == 0 {
			extra = append(extra, "Cc: Joe <joe@shop.example>", "Thread-Topic: "+subject, "Thread-Index: AQHabc==")
		}
		r.comes(r.wrote("Jane Doe <"+jane+">", subject, "It does not print.\nI am at jane@laptop, jane@client.example.", extra...))
		cp := slicesOf(r.due(), store.OutCopy)
		if len(cp) != 1 {
			t.Fatalf("%d: %d copies", i, len(cp))
		}
		r.sendAll()
		her := cp[0].To
		signs := answerSigns(names[her], her)
		sh, text := shapes[i%len(shapes)], texts[i%len(texts)]+signs[(i/3)%len(signs)]
		r.comes(r.answering(cp[0], names[her]+" <"+her+">", heads[i%len(heads)], sh.body(text, cp[0])))
		if h := r.holds(); len(h) > 0 {
			t.Fatalf("reply %d (%s) was held: %s\n%s", i, sh.name, h[len(h)-1].Reason, text)
		}
		answers := slicesOf(r.due(), store.OutAnswer)
		if len(answers) != 1 {
			t.Fatalf("reply %d (%s): %d answers%s", i, sh.name, len(answers), r.dump())
		}
		checkFields(t, answers[0], fields)
		checkText(t, i, sh.name, text, her, answers[0])
		r.noPrivate(answers[0], ".lan", "91.12.29.46", "Autocrypt", "X-", "it is your turn")
		r.sendAll()
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		t.Logf("%4d %s", fields[name], name)
	}
}

// checkFields lists every field of the mail and its parts, as they stand.
func checkFields(t *testing.T, s sent, count map[string]int) {
	t.Helper()
	head, _, _ := strings.Cut(s.raw, "\r\n\r\n")
	for l := range strings.SplitSeq(head, "\r\n") {
		name, _, ok := strings.Cut(l, ":")
		if l[0] == ' ' || l[0] == '\t' {
			continue
		}
		count[name]++
		if !ok || !mayStand(name, false) {
			t.Errorf("the customer gets the field %q", l)
		}
	}
	for _, p := range s.Leaves() {
		for _, f := range p.Header {
			if p != s.Root && !mayStand(f.Name, true) {
				t.Errorf("a part has the field %s: %s", f.Name, f.Value)
			}
		}
	}
}

// checkText wants each line she wrote in the text the customer reads, but for
// her own address.
func checkText(t *testing.T, i int, name, text, her string, s sent) {
	t.Helper()
	var all []string
	for _, p := range s.Leaves() {
		if strings.HasPrefix(p.Type, "text/") && p.Disposition != "attachment" {
			all = append(all, s.TextOf(p))
		}
	}
	got := flat(message.Read(strings.NewReader(s.raw)).Mail.Text)
	for l := range strings.SplitSeq(text, "\n") {
		if want := flat(strings.ReplaceAll(l, her, "support@acme.example")); want != "" && !strings.Contains(got, want) {
			t.Errorf("reply %d (%s): no %q in\n%s", i, name, want, strings.Join(all, "\n----\n"))
		}
	}
}

func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

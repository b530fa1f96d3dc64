package threads_test

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postroom/internal/message"
	"postroom/threads"
)

// damage is what relays and clients do to the header of a reply.
type damage struct {
	name string
	do   func(header string, r *rand.Rand) string
}

func damages() []damage {
	field := func(name string) *regexp.Regexp { return regexp.MustCompile(`(?im)^` + name + `:.*\n([ \t].*\n)*`) }
	refs, irt := field("References"), field("In-Reply-To")
	id := regexp.MustCompile(`<([^<>\s]+@[^<>\s]+)>`)
	re := regexp.MustCompile(`(?im)^(Subject:.*?)\bRe:`)
	marks := []string{"AW:", "SV:", "RES:", "Ynt:", "回复:", "답장:"}
	return []damage{
		{"References dropped", func(h string, _ *rand.Rand) string { return refs.ReplaceAllString(h, "") }},
		{"In-Reply-To dropped", func(h string, _ *rand.Rand) string { return irt.ReplaceAllString(h, "") }},
		{"both dropped", func(h string, _ *rand.Rand) string { return irt.ReplaceAllString(refs.ReplaceAllString(h, ""), "") }},
		{"brackets stripped", func(h string, _ *rand.Rand) string {
			strip := func(f string) string { return id.ReplaceAllString(f, "$1") }
			return irt.ReplaceAllStringFunc(refs.ReplaceAllStringFunc(h, strip), strip)
		}},
		{"both dropped, mark of another language", func(h string, r *rand.Rand) string {
			h = irt.ReplaceAllString(refs.ReplaceAllString(h, ""), "")
			return re.ReplaceAllString(h, "${1}"+marks[r.IntN(len(marks))])
		}},
		{"order of ids shuffled", func(h string, r *rand.Rand) string {
			return refs.ReplaceAllStringFunc(h, func(f string) string {
				ids := id.FindAllString(f, -1)
				r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
				return "References: " + strings.Join(ids, "\n ") + "\n"
			})
		}},
	}
}

// damaged is the archive with a tenth of its replies damaged. The seed names
// the tenth.
func (a *archive) damaged(d damage, seed uint64) ([]*threads.Mail, int) {
	r := rand.New(rand.NewPCG(seed, 1))
	list, n := slices.Clone(a.mails), 0
	for i, m := range a.mails {
		if len(m.InReplyTo)+len(m.References) == 0 || r.IntN(10) != 0 {
			continue
		}
		head, body, _ := bytes.Cut(a.raw[i], []byte("\n\n"))
		raw := d.do(string(head)+"\n", r) + "\n" + string(body)
		list[i] = &message.Read(strings.NewReader(raw)).Mail
		n++
	}
	return list, n
}

// shuffled is the archive with every tenth mail arriving up to twenty places
// late; at says which mail stands where.
func (a *archive) shuffled(seed uint64) (at []int) {
	r := rand.New(rand.NewPCG(seed, 2))
	place := make([]int, len(a.mails))
	for i := range a.mails {
		at = append(at, i)
		place[i] = i * 2
		if r.IntN(10) == 0 {
			place[i] += 2*r.IntN(20) + 1
		}
	}
	slices.SortStableFunc(at, func(i, j int) int { return place[i] - place[j] })
	return at
}

// testDamage damages a tenth of the replies in one way after the other:
// precision must hold, and the loss of recall is told.
func testDamage(t *testing.T, a *archive, seeds int) {
	const first, floor = 20261124, 0.995
	_, whole := bcubed(newMailbox().takeAll(a.mails), a.truth, nil)
	check := func(name string, n, seed int, group []threads.ID) {
		p, r := bcubed(group, a.truth, nil)
		t.Logf("%s, %s, %d mails, seed %d: precision %.5f (floor %.3f), recall %.5f, lost %.5f", a.name, name, n, seed, p, floor, r, whole-r)
		if p < floor {
			t.Errorf("%s, %s: below the floor", a.name, name)
		}
	}
	for seed := first; seed < first+seeds; seed++ {
		for _, d := range damages() {
			mails, n := a.damaged(d, uint64(seed))
			check(d.name, n, seed, newMailbox().takeAll(mails))
		}
		b, group := newMailbox(), make([]threads.ID, len(a.mails))
		for _, i := range a.shuffled(uint64(seed)) {
			group[i] = b.take(a.mails[i])
		}
		check("late arrival", len(a.mails)/10, seed, group)
	}
}

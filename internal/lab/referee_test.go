package lab

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"postroom/internal/mailtest"
)

// referee checks what everybody holds in the end against what everybody
// wrote. It knows nothing of the service's insides here; what the store says
// is looked at in month_store_test.go.
func (l *lab) referee() {
	l.t.Helper()
	l.looseAnswers()
	l.theMailsCame()
	l.customersHold()
	l.answersArrived()
	l.threadsHold()
	l.engineersThreads()
	l.machines()
	l.refereeStore()
	l.end()
	gone := l.orphans()
	l.counts["spool files that nothing referred to"] = len(gone)
	// What a disk took of mail and then refused to record stays until the next
	// start: how much of the record it has after all nobody knows.
	if len(gone) > l.shelf.refused {
		l.broken(pArchive, "the spool held files nothing refers to: %v", gone)
	}
	for _, k := range slices.Sorted(maps.Keys(l.counts)) {
		l.t.Logf("%6d %s", l.counts[k], k)
	}
}

// looseAnswers settles what an answer that names no mail is an answer to: any
// mail of its conversation will do, and then it must fit that one throughout.
func (l *lab) looseAnswers() {
	for _, who := range customers {
		for _, f := range l.boxes[who] {
			w := l.wrote[l.freshAnswer(f)]
			if w == nil || !w.loose || len(f.IDs("In-Reply-To")) != 1 {
				continue
			}
			if of := l.byID[f.IDs("In-Reply-To")[0]]; of != nil && of.talk == w.talk && of.kind == kindMail {
				w.answers = of
			}
		}
	}
}

// theMailsCame: every customer's mail reached an engineer, once, but for what
// was handed on.
func (l *lab) theMailsCame() {
	type key struct{ stamp, who string }
	copies := map[key]map[string]int{}
	reached := map[string]bool{}
	for _, who := range engineerKeys() {
		for _, f := range l.boxes[who] {
			w := l.copyOf(f)
			if w == nil {
				continue
			}
			k := key{w.stamp, who}
			if copies[k] == nil {
				copies[k] = map[string]int{}
			}
			copies[k][l.id(f)]++
			reached[w.stamp] = true
			l.saysTheSame(f, w)
		}
	}
	for _, w := range l.wrote {
		if w.kind == kindMail && w.copies > 0 && !reached[w.stamp] {
			l.broken(pLost, "%s of %s (%v) reached no engineer", w.stamp, w.from, w.at)
		}
	}
	for k, ids := range copies {
		l.counts["copies at engineers"] += len(ids)
		for id, n := range ids {
			if n > 1 {
				l.counts["copies that came twice, with the same Message-ID"] += n - 1
				if !l.withoutCopy()[id] {
					l.broken(pCrash, "%s got %s twice, though our own copy had come back", k.who, k.stamp)
				}
			}
		}
		if len(ids) > 1 {
			l.counts["copies that came to the same engineer under another Message-ID"] += len(ids) - 1
			if !l.handedOn(l.wrote[k.stamp]) {
				l.broken(pCrash, "%s reached %s %d times, though nobody handed it on", k.stamp, k.who, len(ids))
			}
		}
	}
}

// copyOf is the customer's mail that an engineer's mail brings, nil for a
// notice.
func (l *lab) copyOf(f *found) *wrote {
	if f.Get("Auto-Submitted") != "" || !strings.Contains(f.Get("From"), " via Acme Support") {
		return nil
	}
	return l.wrote[firstStamp(f.Text, "Ref: ")]
}

func (l *lab) handedOn(w *wrote) bool { return l.moved()[w.talk] > 0 }

// saysTheSame: a copy has the customer's text, whole.
func (l *lab) saysTheSame(f *found, w *wrote) {
	want := strings.TrimSpace(strings.ReplaceAll(w.text, "\r\n", "\n"))
	if got := strings.ReplaceAll(f.Text, "\r\n", "\n"); !strings.Contains(got, want) {
		l.broken(pLost, "the copy of %s at %s is not what was written:\n%s\n-- instead of --\n%s", w.stamp, f.who, got, want)
	}
}

var allowedHeaders = map[string]bool{
	"Date": true, "From": true, "To": true, "Cc": true, "Subject": true, "Message-ID": true, "In-Reply-To": true, "References": true,
	"MIME-Version": true, "Content-Type": true, "Content-Transfer-Encoding": true, "Thread-Topic": true, "Thread-Index": true,
}

var (
	tokenWord = regexp.MustCompile(`(?i)\b[rphbc][a-z2-7]{26}\b|<[km]\.[a-z2-7]{26}@acme`)
	ownID     = regexp.MustCompile(`^[om]\.[a-z2-7]{26}@acme\.example$`)
)

// customersHold: everything a customer has of us was written by an engineer,
// is what she wrote, and shows nothing internal.
func (l *lab) customersHold() {
	for _, who := range customers {
		ids := map[string]string{}
		for _, f := range l.boxes[who] {
			stamp := l.freshAnswer(f)
			w := l.wrote[stamp]
			if w == nil || w.kind != kindAnswer {
				l.broken(pForged, "%s holds what no engineer wrote to her:\n%s", who, f.raw)
				continue
			}
			l.counts["answers at customers"]++
			if id := ids[stamp]; id != "" {
				l.counts["answers that came twice, with the same Message-ID"]++
				if !w.uncertain && !l.withoutCopy()[id] {
					l.broken(pCrash, "%s got %s twice, though our own copy had come back", who, stamp)
				}
				if id != l.id(f) {
					l.broken(pCrash, "%s got %s under two Message-IDs", who, stamp)
				}
			}
			ids[stamp] = l.id(f)
			if want := engineers[w.from] + " at Acme Support"; !strings.Contains(f.Get("From"), want) {
				l.broken(pForged, "%s of %s came from %s", stamp, w.from, f.Get("From"))
			}
			l.isHers(f, w)
			l.nothingInternal(f)
		}
	}
}

// freshAnswer is the stamp of the answer a mail is: unquoted, and not part of
// an older mail.
func (l *lab) freshAnswer(f *found) string {
	return firstStamp(strings.ReplaceAll(f.Text, "\r\n", "\n"), "Ans: ")
}

// isHers compares a mail with what the engineer wrote: each line of hers is
// there, in order, and nothing else.
func (l *lab) isHers(f *found, w *wrote) {
	want, got := hers(w.text), hers(f.Text)
	if len(want) != len(got) {
		l.broken(pDoubt, "%s arrived with %d lines in place of %d:\n%s\n-- instead of --\n%s", w.stamp, len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
		return
	}
	for i := range want {
		if want[i] != got[i] && !strings.Contains(want[i], "acme.example") && !strings.Contains(want[i], " via Acme Support") {
			l.broken(pDoubt, "%s says %q in place of %q", w.stamp, got[i], want[i])
		}
	}
}

// hers is the lines of a text that a customer is meant to see.
func hers(text string) []string {
	var list []string
	for row := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		bare := strings.TrimLeft(row, "> ")
		if strings.TrimSpace(bare) == "" || strings.HasPrefix(bare, "::") || strings.HasPrefix(bare, ":.:") || strings.HasPrefix(bare, "mailto:support") || strings.HasPrefix(row, "/") {
			continue
		}
		list = append(list, strings.TrimRight(row, " "))
	}
	return list
}

func (l *lab) nothingInternal(f *found) {
	for i, h := range f.Fields {
		if i < 3 {
			continue // what the customer's own server put on top
		}
		if !allowedHeaders[h.Name] {
			l.broken(pLeak, "a mail at %s has the field %s: %s", f.who, h.Name, h.Value)
		}
		// Ids of answers stand there, and nothing else of ours.
		if !slices.Contains([]string{"Message-ID", "In-Reply-To", "References"}, h.Name) {
			l.secrets(f, h.Value)
		}
	}
	l.secrets(f, f.Text)
	l.secrets(f, f.HTML)
	for _, id := range append(f.IDs("References"), f.IDs("In-Reply-To")...) {
		if strings.HasSuffix(id, "@acme.example") && !ownID.MatchString(id) {
			l.broken(pLeak, "a mail at %s names the id %s", f.who, id)
		}
	}
}

func (l *lab) secrets(f *found, text string) {
	if s := tokenWord.FindString(text); s != "" {
		l.broken(pLeak, "a mail at %s shows %s:\n%s", f.who, s, text)
	}
	for _, s := range append([]string{"support+", ":.: ", "Nte: ", "it is your turn", "/send"}, engineerKeys()...) {
		if strings.Contains(text, s) {
			l.broken(pLeak, "a mail at %s shows %q:\n%s", f.who, s, text)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "/close") {
			l.broken(pLeak, "a mail at %s shows a command:\n%s", f.who, text)
		}
		if _, stamp, ok := strings.Cut(line, "Nte: "); ok {
			l.broken(pLeak, "a mail at %s shows the note %s", f.who, stamp)
		}
	}
}

// answersArrived: every answer came to exactly those it is for, or its author
// has it back; what was never to go out did not.
func (l *lab) answersArrived() {
	at := map[string]map[string]bool{} // stamp → customers
	for _, who := range customers {
		for _, f := range l.boxes[who] {
			s := l.freshAnswer(f)
			if at[s] == nil {
				at[s] = map[string]bool{}
			}
			at[s][who] = true
		}
	}
	back, failed := l.notices()
	for _, w := range l.wrote {
		got := at[w.stamp]
		switch w.kind {
		case kindAnswer:
			l.answerArrived(w, got, back[w.stamp], failed[w.stamp])
		default:
			if len(got) > 0 {
				l.broken(pForged, "%s, a %s of %s, reached %v", w.stamp, w.kind, w.from, got)
			}
		}
	}
}

// notices are the answers their authors got back, by stamp: those held, and
// those that did not arrive.
func (l *lab) notices() (back, failed map[string]bool) {
	back, failed = map[string]bool{}, map[string]bool{}
	for _, who := range append(engineerKeys(), "ops@acme.example") {
		for _, f := range l.boxes[who] {
			subject := f.Get("Subject")
			held := strings.HasPrefix(subject, "Not sent yet") || strings.HasPrefix(subject, "Perhaps not sent") ||
				strings.HasPrefix(subject, "Did you write these?") // with the first lines of each
			lost := strings.HasPrefix(subject, "Your answer did not arrive")
			if !held && !lost {
				continue
			}
			for row := range strings.Lines(f.Text) {
				_, stamp, ok := strings.Cut(row, "Ans: ")
				w := l.wrote[strings.TrimSpace(stamp)]
				if !ok || w == nil || w.from != who && who != "ops@acme.example" {
					continue
				}
				if held {
					back[w.stamp] = true
				} else {
					failed[w.stamp] = true
				}
			}
		}
	}
	return back, failed
}

func (l *lab) answerArrived(w *wrote, got map[string]bool, back, failed bool) {
	want := l.recipients(w)
	switch {
	case len(got) == 0 && len(want) == 0: // for nobody but one who refuses mail
	case len(got) == 0 && w.loose && failed: // taken for one to a mail of his
	case len(got) == 0:
		l.counts["answers that did not go out"]++
		if !back && !l.refused(w) {
			l.broken(pDoubt, "%s of %s (%v) reached nobody, and she has no word of it", w.stamp, w.from, w.at)
		}
		if w.released {
			l.broken(pLost, "%s of %s was released, and did not go out", w.stamp, w.from)
		}
		if !w.mustHold && !w.spent && !w.uncertain && l.moved()[w.talk] == 0 {
			l.broken(pDoubt, "%s of %s was held, though nothing was wrong with it", w.stamp, w.from)
		}
	case !maps.Equal(got, want):
		l.broken(pLost, "%s of %s, the answer to %s, reached %v; it was for %v", w.stamp, w.from, w.answers.stamp, got, want)
	case w.discarded && !w.uncertain:
		l.broken(pForged, "%s of %s was thrown away, and went out", w.stamp, w.from)
	case w.mustHold && !w.released:
		l.broken(pForged, "%s of %s was to be held, and went out", w.stamp, w.from)
	}
	if w.answers.from == refusing && len(got) == 0 && !back && !failed {
		l.broken(pDoubt, "%s of %s could not be delivered, and she was not told", w.stamp, w.from)
	}
	if w.lost && !failed {
		l.broken(pDoubt, "%s of %s was reported lost, and she was not told", w.stamp, w.from)
	}
}

// recipients are those an answer is for: who wrote, the other readers of that
// mail, and whose conversation it is.
func (l *lab) recipients(w *wrote) map[string]bool {
	of := w.answers
	set := map[string]bool{of.from: true, of.talk.customer: true}
	for _, a := range of.to {
		set[a] = true
	}
	delete(set, refusing)
	return set
}

// refused: the author was no longer in the rotation, or only one who refuses
// mail would have got it.
func (l *lab) refused(w *wrote) bool { return l.heldForged()[w.messageID] }

// threadsHold: in a customer's mailbox every answer hangs below a mail of its
// conversation, and nothing else does.
func (l *lab) threadsHold() {
	for _, who := range customers {
		for _, f := range l.boxes[who] {
			w := l.wrote[l.freshAnswer(f)]
			if w == nil || w.talk == nil {
				continue
			}
			l.hangsBelow(f, w)
			for _, id := range f.IDs("References") {
				if other := l.byID[id]; other != nil && other.talk != w.talk {
					l.broken(pThread, "%s of conversation %d refers to %s of another", w.stamp, w.talk.n, other.stamp)
				}
			}
			if slices.Contains(f.IDs("References"), f.IDs("Message-ID")[0]) {
				l.broken(pThread, "%s refers to itself", w.stamp)
			}
			if got, want := strings.TrimPrefix(f.Get("Subject"), "Re: "), strings.TrimPrefix(w.talk.subject, "Re: "); got != want && want != "" {
				l.broken(pThread, "%s has the subject %q in the conversation %q", w.stamp, got, want)
			}
		}
	}
}

// engineersThreads: in an engineer's mailbox all mails of a conversation have
// one root, and each but the first that was made for her hangs below one that
// she has.
func (l *lab) engineersThreads() {
	for _, who := range engineerKeys() {
		has := map[string]bool{}
		for _, w := range l.wrote {
			if w.from == who {
				has[w.messageID] = true
			}
		}
		for _, f := range l.boxes[who] {
			has[f.IDs("Message-ID")[0]] = true
			if own := strings.Trim(l.id(f), "<>"); own != f.IDs("Message-ID")[0] {
				has["of "+own] = true
			}
		}
		roots, first := map[string]*talk{}, map[*talk]*found{}
		for _, f := range l.boxes[who] {
			if w := l.copyOf(f); w != nil {
				l.hangs(f, w, has, roots, first)
			}
		}
	}
}

func (l *lab) hangs(f *found, w *wrote, has map[string]bool, roots map[string]*talk, first map[*talk]*found) {
	id, refs, parent := f.IDs("Message-ID")[0], f.IDs("References"), f.IDs("In-Reply-To")
	if len(refs) < 2 || slices.Contains(refs, id) || slices.Contains(parent, id) {
		l.broken(pThread, "a copy of %s, %s, has References %v and In-Reply-To %v", w.stamp, id, refs, parent)
		return
	}
	if t := roots[refs[0]]; t != nil && t != w.talk {
		l.broken(pThread, "two conversations have the root %s at %s", refs[0], f.who)
	}
	roots[refs[0]] = w.talk
	switch o := first[w.talk]; {
	case len(parent) == 0 && o != nil && l.id(o) != l.id(f):
		l.broken(pThread, "a copy of %s at %s hangs below nothing, though she had another one", w.stamp, f.who)
	case len(parent) == 0:
		first[w.talk] = f
	case len(parent) == 1 && has[l.unaliased(f, parent[0])]:
		l.counts["copies below one whose new id was not known yet"]++
	case len(parent) != 1 || !has[parent[0]]:
		l.broken(pThread, "a copy of %s at %s is In-Reply-To %v, which she does not have", w.stamp, f.who, parent)
	}
}

// unaliased is the entry of an id we gave among what somebody has, where the
// relay gave that mail another and Postroom could not know so when it made f.
func (l *lab) unaliased(f *found, id string) string {
	if l.aliased()[strings.Trim(l.id(f), "<>")][id] {
		return "" // it knew
	}
	return "of " + id
}

// hangsBelow: an answer is one to the mail its author answered. Where she named
// it by an id that a relay gave the copy, while it refused our own copy, that
// is the newest she was sent, and any mail of the conversation will do.
func (l *lab) hangsBelow(f *found, w *wrote) {
	of := w.answers
	if of.messageID == "" {
		return
	}
	if rewrites(l.plan.seed) && l.withoutCopy()[l.original(w.below)] {
		l.counts["answers to a mail that could not be known"]++
		for _, id := range f.IDs("In-Reply-To") {
			if other := l.byID[id]; other == nil || other.talk != w.talk {
				l.broken(pThread, "%s answers %s, but is In-Reply-To %s of no mail there", w.stamp, of.stamp, id)
			}
		}
		return
	}
	if !slices.Equal(f.IDs("In-Reply-To"), []string{of.messageID}) {
		l.broken(pThread, "%s answers %s, but is In-Reply-To %v, not %s", w.stamp, of.stamp, f.IDs("In-Reply-To"), of.messageID)
	}
	if !slices.Contains(f.IDs("References"), of.messageID) {
		l.broken(pThread, "%s answers %s, but has References %v without %s", w.stamp, of.stamp, f.IDs("References"), of.messageID)
	}
}

// machines: no automatic mail went to anyone but engineers and admins, and
// what left is in proportion to what came in.
func (l *lab) machines() {
	in := 0
	for _, w := range l.wrote {
		in += w.copies
	}
	all := l.world.Transactions()
	for _, t := range all {
		p := mailtest.MustParse(l.t, t.Raw)
		auto := p.Get("Auto-Submitted") != ""
		notice := strings.HasPrefix(strings.Trim(p.Get("From"), `"`), "Postroom")
		if notice {
			l.counts["notices"]++
		}
		if notice && (!auto || p.Get("Precedence") == "" || p.Get("X-Auto-Response-Suppress") == "") {
			l.broken(pLoop, "a notice to %v does not say that it is automatic", t.To)
		}
		for _, to := range t.To {
			if auto && !isEngineer(to) && !strings.HasPrefix(to, "support") {
				l.broken(pLoop, "an automatic mail went to %s:\n%s", to, t.Raw)
			}
		}
	}
	if l.counts["notices"] == 0 {
		l.broken(pDoubt, "nobody was told anything")
	}
	l.counts["mails into the mailbox"], l.counts["mails out"] = in, len(all)
	if len(all) > 2*in+200 {
		l.broken(pLoop, "%d mails went out for %d that came in", len(all), in)
	}
}

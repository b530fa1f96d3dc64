package threads_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"postroom/internal/message"
)

// groupsOf reads an answer to THREAD (RFC 5256 §4): which of its threads each
// message is in. Who answers whom within one is of no account here.
func groupsOf(answer string) map[int]int {
	of := map[int]int{}
	depth, group, n := 0, 0, 0
	for _, r := range answer {
		if r >= '0' && r <= '9' {
			n = n*10 + int(r-'0')
			continue
		}
		if n > 0 {
			of[n], n = group, 0
		}
		switch r {
		case '(':
			if depth++; depth == 1 {
				group++
			}
		case ')':
			depth--
		}
	}
	return of
}

// TestThreadAnswers compares with what an IMAP server answers to THREAD: our
// conversations with REFERENCES, our base subjects with ORDEREDSUBJECT. SORT
// is about order alone.
//
// Where conversations differ they do by intent, and the floor is what is left:
// thread.mbox has a loop, which the server cuts and we keep as one; in
// thread2.mbox the same mail comes twice, which is one mail to us; in
// thread3.mbox two mails have one id, and in thread4.mbox one names a
// mail nobody saw: the server joins those by subject, we ask who wrote them,
// and they have no From. In thread-orderedsubject.mbox message 5 has tags, of
// "[foo] [bar] b": we keep them in a base subject and pass over them where two
// are compared, but never for one as short as "b".
func TestThreadAnswers(t *testing.T) {
	dir := filepath.Join(corpusDir(t), "imaptest")
	intended := map[string]bool{"thread.mbox": true, "thread2.mbox": true, "thread3.mbox": true, "thread4.mbox": true, "thread-orderedsubject.mbox": true}
	same, all := 0, 0
	for line := range bytes.Lines(readFile(t, filepath.Join(dir, "expected.jsonl"))) {
		var want struct{ Mbox, Algorithm, Expected string }
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(want.Algorithm, "SORT") {
			continue
		}
		all++
		got := groupsLike(want.Algorithm, readFile(t, filepath.Join(dir, want.Mbox)))
		if sameGroups(groupsOf(want.Expected), got) {
			same++
			continue
		}
		t.Logf("%s: %s has %s, ours are %v", want.Mbox, want.Algorithm, want.Expected, got)
		if !intended[want.Mbox] {
			t.Errorf("%s: other threads than the server's", want.Mbox)
		}
	}
	t.Logf("threads as an IMAP server makes them: %d of %d mailboxes alike", same, all)
}

// groupsLike groups the mails of an mbox by our rules, one number each.
func groupsLike(algorithm string, mbox []byte) map[int]int {
	b, bases, got := newMailbox(), map[string]int{}, map[int]int{}
	for i, raw := range bytes.Split(append([]byte("\n"), mbox...), []byte("\nFrom "))[1:] {
		_, raw, _ = bytes.Cut(raw, []byte("\n"))
		m := &message.Read(bytes.NewReader(raw)).Mail
		if algorithm == "REFERENCES" {
			got[i+1] = int(b.take(m))
			continue
		}
		base := strings.ToLower(m.SubjectBase)
		if _, ok := bases[base]; !ok {
			bases[base] = len(bases) + 1
		}
		got[i+1] = bases[base]
	}
	return got
}

// sameGroups reports whether two groupings are one for the messages that the
// first has.
func sameGroups(want, got map[int]int) bool {
	to, from := map[int]int{}, map[int]int{}
	for n, w := range want {
		g := got[n]
		if a, ok := to[w]; ok && a != g {
			return false
		}
		if a, ok := from[g]; ok && a != w {
			return false
		}
		to[w], from[g] = g, w
	}
	return len(want) > 0
}

package threads

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// TestOrderOfArrival: while ids are intact, it does not matter in which order
// the mails of a few threads come: each thread is one conversation.
func TestOrderOfArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var mails []*Mail
		thread := map[string]int{}
		for n := range rapid.IntRange(1, 4).Draw(t, "threads") {
			mails = append(mails, someThread(t, n)...)
		}
		for _, m := range mails {
			var n int
			fmt.Sscanf(m.MessageID, "<%d.", &n)
			thread[m.MessageID] = n
		}
		x := NewMemIndex()
		of := map[int]ID{}
		last := ID(0)
		for _, m := range rapid.Permutation(mails).Draw(t, "order") {
			conv := Match(x, testNames, m, monday).Conversation
			if conv == 0 {
				last++
				conv = last
			}
			if have, ok := of[thread[m.MessageID]]; ok && have != conv || !ok && conv != last {
				t.Fatalf("%s went to conversation %d", m.MessageID, conv)
			}
			of[thread[m.MessageID]] = conv
			taken(x, m, conv, monday)
		}
	})
}

// someThread is a tree of mails: each answers an earlier one and names the
// whole chain above it.
func someThread(t *rapid.T, n int) []*Mail {
	var list []*Mail
	for i := range rapid.IntRange(1, 8).Draw(t, "mails") {
		m := from(fmt.Sprintf("p%d@client.example", rapid.IntRange(0, 3).Draw(t, "person")))
		m.MessageID = fmt.Sprintf("<%d.%d@client.example>", n, i)
		if i > 0 {
			parent := list[rapid.IntRange(0, i-1).Draw(t, "parent")]
			m.InReplyTo = []string{parent.MessageID}
			m.References = append(append([]string{}, parent.References...), parent.MessageID)
		}
		list = append(list, m)
	}
	return list
}

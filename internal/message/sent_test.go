package message

import (
	"bytes"
	"strings"
	"testing"

	"postroom/threads"
)

func TestReadSentIsPartOfRead(t *testing.T) {
	for _, raw := range [][]byte{benchMail(0), benchMail(100 << 10), []byte("From: a@b.example\n\nHello\n"), nil} {
		whole := Read(bytes.NewReader(raw)).Mail
		sent := ReadSent(bytes.NewReader(raw))
		if threads.SentDigest(sent) != threads.SentDigest(&whole) {
			t.Errorf("the digest of a mail of %d octets differs", len(raw))
		}
		if threads.ReferencesDigest(sent) != threads.ReferencesDigest(&whole) || sent.HeaderDigest != whole.HeaderDigest {
			t.Errorf("the header of a mail of %d octets is read otherwise", len(raw))
		}
	}
}

func TestSentIsForeseen(t *testing.T) {
	c := NewComposer(threads.Address{Name: "Acme Support", Addr: "support@acme.example"}, "", "acme.example")
	unfit := "From: a@b.example\r\nContent-Type: text/plain\r\n\r\n" + strings.Repeat("x", 2000) + "\r\n"
	for name, raw := range map[string][]byte{
		"parts":   benchMail(50 << 10),
		"plain":   []byte("From: a@b.example\r\nMessage-ID: <1@b.example>\r\n\r\nHello, \r\n\r\nyou  \r\n"),
		"lf":      []byte("From: a@b.example\n\nHello\nyou\n"),
		"unfit":   []byte(unfit),
		"8bit":    []byte("From: a@b.example\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"),
		"nothing": nil,
	} {
		foreseen := checkForeseen(t, c, name, raw)
		if want := name != "lf" && name != "unfit"; foreseen != want {
			t.Errorf("%s: foreseen is %v", name, foreseen)
		}
	}
}

// checkForeseen composes a copy and compares what was foreseen, if anything
// was, with what is read of it.
func checkForeseen(t *testing.T, c *Composer, name string, raw []byte) bool {
	t.Helper()
	m := Read(bytes.NewReader(raw))
	recipe, err := c.Copy(m, Copy{
		To: threads.Address{Addr: "alice@acme.example"}, Customer: threads.Address{Name: "Jäne", Addr: "j@b.example"}, Subject: "Grüße  und mehr",
		MessageID: "<x@acme.example>", References: []string{"<r@acme.example>"}, Footer: []string{"A footer.  "},
		Story: []StoryItem{{Text: "Before,  \n\nthis."}},
	})
	if err != nil || recipe.Sent() == nil {
		return false
	}
	var out bytes.Buffer
	if err := recipe.Render(&out, []Source{m.Source()}); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	got, want := recipe.Sent(), ReadSent(bytes.NewReader(out.Bytes()))
	if threads.SentDigest(got) != threads.SentDigest(want) || threads.ReferencesDigest(got) != threads.ReferencesDigest(want) {
		t.Errorf("%s: foreseen is not what is read", name)
	}
	return true
}

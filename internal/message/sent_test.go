package message

import (
	"bytes"
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

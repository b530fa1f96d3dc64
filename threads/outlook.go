package threads

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// Outlook is what Outlook groups the mails of a conversation by, beside
// References: Thread-Topic and Thread-Index of a mail. The zero value is a
// mail without them.
type Outlook struct {
	Topic string `json:"topic,omitempty"`
	Index string `json:"index,omitempty"` // base64
}

func outlookOf(m *Mail) Outlook { return Outlook{Topic: m.ThreadTopic, Index: m.ThreadIndex} }

// OutlookOf is what an answer to the mail of an event goes by: that mail's
// own marks, else those of the newest one before it that has any, since the
// customer's side uses Outlook; zero where nobody there does.
func (c *Conversation) OutlookOf(event int) Outlook {
	for _, h := range slices.Backward(c.Mails) {
		if (event == 0 || h.Event <= event) && h.Outlook.Index != "" {
			return h.Outlook
		}
	}
	return Outlook{}
}

// Child is what an answer to a mail with these marks carries: the same topic,
// and the index with one more block (MS-OXOMSG §2.2.1.3). id is the answer's
// Message-ID: it stands in for the random number there, so that the answer is
// the same whenever it is made. Marks that cannot be read have no child.
func (o Outlook) Child(at time.Time, id string) Outlook {
	raw, ok := readIndex(o.Index)
	if !ok {
		return Outlook{}
	}
	if len(raw)+indexChild <= maxIndex {
		raw = append(raw, indexBlock(indexTime(raw), filetime(at), id)...)
	} // else it stands beside its parent: Outlook goes by the part in front
	return Outlook{Topic: o.Topic, Index: base64.StdEncoding.EncodeToString(raw)}
}

// maxIndex bounds an index, in octets: 130 answers deep, 897 letters.
const maxIndex = indexHead + 130*indexChild

func readIndex(index string) ([]byte, bool) {
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(index, "="))
	if err != nil || len(raw) < indexHead || (len(raw)-indexHead)%indexChild != 0 {
		return nil, false
	}
	return raw, true
}

// filetime counts 100 ns from the year 1601 (MS-DTYP §2.3.3).
func filetime(at time.Time) uint64 {
	const unix = 116444736e9 // 1970
	return uint64(max(0, at.Unix()*1e7+unix))
}

// indexTime is the time in the head of an index. Newer software writes a
// reserved octet and five of the time, older the six highest of the time, of
// which the first happens to be the same.
func indexTime(raw []byte) (t uint64) {
	octets, shift := raw[:6], 16
	if raw[1] == 1 {
		octets, shift = raw[1:6], 24
	}
	for _, c := range octets {
		t = t<<8 | uint64(c)
	}
	return t << shift
}

// indexBlock is what one answer adds: how long after the first mail it was
// made, in one of two units, and an octet that tells answers of one moment
// apart.
func indexBlock(first, at uint64, id string) []byte {
	diff := at - min(first, at)
	delta := uint32(diff>>18) & (1<<31 - 1)
	if diff>>49 != 0 { // over 1.7 years
		delta = uint32(diff>>23)&(1<<31-1) | 1<<31
	}
	sum := sha256.Sum256([]byte(id))
	return []byte{byte(delta >> 24), byte(delta >> 16), byte(delta >> 8), byte(delta), sum[0]}
}

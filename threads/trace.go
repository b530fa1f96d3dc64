package threads

import (
	"crypto/sha256"
	"strings"
	"unicode"
)

const traceOctets = 17

// Trace is what mails of one conversation have in common beside ids: a kind
// and a digest, 17 octets.
type Trace string

const (
	traceSubject = 's' // a person and a base subject
	traceIndex   = 'i' // what mails of one Thread-Index share
	traceAnswer  = 'a' // a person we answered under a base subject
	traceQuote   = 'q' // words said under a base subject
	traceOwn     = 'w' // and who said them
	traceDigest  = 'd' // a digest that was answered under a base subject
	traceAnew    = 'n' // an old conversation that was continued under a base subject
)

func trace(kind byte, parts ...string) Trace {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	var sum [1 + sha256.Size]byte
	sum[0] = kind
	h.Sum(sum[1:1])
	return Trace(sum[:traceOctets])
}

// SubjectTrace is the trace of a person under a base subject; "" when the
// subject is too general to tell anything.
func SubjectTrace(person, base string) Trace { return personTrace(traceSubject, person, base) }

func personTrace(kind byte, person, base string) Trace {
	topic := topicOf(base)
	if topic == "" || person == "" {
		return ""
	}
	return trace(kind, AddressKey(person), topic)
}

// Sizes of a Thread-Index, in octets: the part all mails of a conversation
// share, and what each answer adds (MS-OXOMSG §2.2.1.3).
const (
	indexHead  = 22
	indexChild = 5
)

// IndexTrace is the trace of a Thread-Index, and whether it is that of an
// answer; "" for none that can be read.
func IndexTrace(index string) (t Trace, answer bool) {
	raw, ok := readIndex(index)
	if !ok {
		return "", false
	}
	return trace(traceIndex, string(raw[:indexHead])), len(raw) > indexHead
}

// topicOf folds a base subject for comparison: no tags at its front, one
// case, words without what stands between them. It is "" for a subject that
// many unrelated mails have.
func topicOf(base string) string {
	words := strings.FieldsFunc(strings.ToLower(withoutTags(base)), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r)
	})
	topic := strings.Join(words, " ")
	if generic(words, topic) || digest(words) {
		return ""
	}
	return topic
}

// SameSubject reports whether two base subjects are one, whatever tags, case
// and punctuation clients made of it.
func SameSubject(a, b string) bool {
	x, y := topicOf(a), topicOf(b)
	if x == "" && y == "" {
		return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
	}
	return x == y
}

// withoutTags takes "[name of a list]" off the front.
func withoutTags(s string) string {
	for {
		s = strings.TrimSpace(s)
		if !strings.HasPrefix(s, "[") {
			return s
		}
		_, rest, ok := strings.Cut(s, "]")
		if !ok || strings.TrimSpace(rest) == "" {
			return s
		}
		s = rest
	}
}

package message

import "strings"

// reportWords is what the words of a report say: each text is looked through
// once, word by word, without a copy of it.
type reportWords struct {
	text    string // of the report, shown or not
	failure bool   // it has the words of one
}

// How far into a report its words count, in octets. What is judged by a few
// words stands further up than what tells that there is a report at all.
const (
	reportHead = 6 << 10
	actionHead = 3 << 10
)

func newReportWords(text string) *reportWords {
	head := clip(text, reportHead)
	return &reportWords{text: text, failure: atWords(head, failureAt) || !asciiText(head) && foreignFailure(head)}
}

// foreignFailure looks for the words of a report in languages whose letters
// are not ASCII.
func foreignFailure(text string) bool {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, w := range []string{"n'a pas été", "não pôde", "não foi entregue", "не было доставлено", "не доставлено", "невозможно доставить", "не может быть доставлено",
		"配信できません", "送信できません", "届きません", "お届けできません", "見つかりません", "無法", "无法", "退信", "배달되지", "보내지 못", "전송하지 못"} {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// action judges a report that has no fields. Success counts without a "not"
// before the same words anywhere.
func (w *reportWords) action(subject string) string {
	var said, denied uint
	judge := func(s string) (delayed bool) {
		switch s[0] | 0x20 {
		case 'n':
			if saysAt(s, "not ") {
				denied |= successAt(s[4:])
			}
		case 's', 'w', 'd', 'r', '(':
			said |= successAt(s)
		default:
			return false
		}
		return delayAt(s)
	}
	switch {
	case atWords(subject, judge), atWords(clip(w.text, actionHead), judge):
		return "delayed"
	case said&^denied != 0:
		return "delivered"
	}
	return "failed"
}

// atWords asks about every place in a text where a word can begin, up to the
// first yes: at its start, and behind whatever is no letter or digit.
func atWords(text string, found func(rest string) bool) bool {
	for i := 0; i < len(text); i++ {
		if text[i] <= ' ' {
			continue
		}
		if found(text[i:]) {
			return true
		}
		for i < len(text) && isAlnum(text[i]) {
			i++ // to the end of the word
		}
	}
	return false
}

// saysAt reports a text that goes on with one of the phrases, which are in
// lower case: in any case, and with any white space between its words.
func saysAt(text string, phrases ...string) bool {
	for _, p := range phrases {
		if samePhrase(text, p) {
			return true
		}
	}
	return false
}

func samePhrase(text, p string) bool {
	i := 0
	for j := 0; j < len(p); j++ {
		if p[j] == ' ' {
			from := i
			for i < len(text) && (text[i] == ' ' || text[i] >= '\t' && text[i] <= '\r') {
				i++
			}
			if i == from {
				return false
			}
			continue
		}
		if i >= len(text) || lowerOctet(text[i]) != p[j] {
			return false
		}
		i++
	}
	return true
}

func lowerOctet(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// failureAt reports the words of a report of failure or delay.
func failureAt(s string) bool {
	switch lowerOctet(s[0]) {
	case 'a':
		return saysAt(s, "are not member")
	case 'c':
		return saysAt(s, "could not be delivered", "couldn't be delivered", "could not deliver", "couldn't deliver", "cannot be delivered", "can not be delivered", "could not be sent")
	case 'd':
		return saysAt(s, "delivery failed", "delivery has failed", "delivery to the following", "delivery to these recipients", "delivery of your message", "delivery status notification", "delivery error", "delayed", "did not reach", "does not exist")
	case 'e':
		return saysAt(s, "error occurred while")
	case 'f':
		return saysAt(s, "failed to deliver", "failed permanently", "following address", "following recipient", "fatal errors", "final-recipient:")
	case 'h':
		return saysAt(s, "has not been delivered", "have failed", "has failed", "host unknown")
	case 'i':
		return saysAt(s, "is not a member", "i'm sorry to have to inform you", "impossibile")
	case 'k':
		return saysAt(s, "konnte nicht")
	case 'm':
		return saysAt(s, "message returned", "mailbox unavailable", "mailbox is full", "message was rejected", "mail system at host")
	case 'n':
		return saysAt(s, "not been delivered", "nicht zugestellt", "nicht erreicht", "n'a pas pu", "no such user", "no pudo", "no se pudo", "niet worden bezorgd", "not our customer")
	case 'o':
		return saysAt(s, "over quota")
	case 'p':
		return saysAt(s, "permanent error", "permanent fatal error", "permanent failure")
	case 'r':
		return saysAt(s, "returned to sender", "returned unopened", "rejected by the recipient", "retry")
	case 's':
		return saysAt(s, "successfully delivered", "still being retried")
	case 't':
		return saysAt(s, "transaction failed", "transcript of session")
	case 'u':
		return saysAt(s, "unable to deliver", "undeliverable", "undelivered", "unknown user", "user unknown", "unrouteable", "unzustellbar")
	case 'w':
		return saysAt(s, "was not delivered", "wasn't delivered", "wasn't able to deliver", "was unable to deliver")
	}
	return false
}

// delayAt reports the words of a report of delay.
func delayAt(s string) bool {
	switch lowerOctet(s[0]) {
	case '(':
		return saysAt(s, "(delay)")
	case 'd':
		return saysAt(s, "delayed mail", "delivery attempts will continue", "do not need to resend")
	case 'n':
		return saysAt(s, "no action is required", "notification: warning")
	case 's':
		return saysAt(s, "still being retried", "still trying")
	case 'w':
		return saysAt(s, "warning: message", "will continue trying", "will keep trying", "will retry")
	}
	return false
}

// successAt tells which phrase of success a text goes on with.
func successAt(s string) uint {
	for i, p := range [...]string{"successfully delivered", "was delivered", "delivery successful", "relayed to", "(success)"} {
		if s != "" && lowerOctet(s[0]) == p[0] && samePhrase(s, p) {
			return 1 << i
		}
	}
	return 0
}

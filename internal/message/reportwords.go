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
	return hasAny(text, "n'a pas été", "n’a pas pu", "n’a pas été", "não pôde", "não foi entregue", "não foi possível", "não pode ser entregue", "non è stato recapitato", "non è stato possibile", "nie została dostarczona", "nie można dostarczyć",
		"nie mogła zostać", "nie udało się dostarczyć", "nepodařilo doručit", "nebyla doručena", "nelze doručit", "nepodarilo doručiť", "nem sikerült kézbesíteni", "nem kézbesíthető", "nu a putut fi livrat", "gick inte att leverera",
		"не было доставлено", "не доставлено", "не доставлен", "невозможно доставить", "не удалось доставить", "не может быть доставлен", "не вдалося доставити", "не може бути доставлен", "δεν παραδόθηκε", "δεν ήταν δυνατή", "αδύνατη η παράδοση",
		"配信できません", "配送できません", "送信できません", "届きません", "お届けできません", "見つかりません", "無法", "无法", "未能送达", "未能送達", "投递失败", "退信", "배달되지", "배달하지 못", "배달할 수 없", "보내지 못", "전송하지 못", "전달되지",
		"teslim edilemedi", "iletilemedi", "לא ניתן היה", "לא נמסר", "تعذر تسليم", "لم يتم تسليم", "ไม่สามารถส่ง", "không thể gửi", "không gửi được")
}

func hasAny(s string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// failureSubject looks for the words of a report in a subject.
func failureSubject(s string) bool {
	return hasAny(strings.ToLower(s), "undeliver", "undelivered", "returned mail", "failure notice", "delivery failure", "delivery fail", "delivery has failed", "delivery status", "delivery notification", "delivery report", "mail failure", "mail failed", "mail delivery", "mail system error", "message delivery", "failed mail", "failed delivery", "failure delivery", "not delivered", "could not be delivered", "could not send",
		"delayed mail", "delayed 24 hours", "message delayed", "non-delivery", "nondeliverable", "non delivery", "non remis", "returned to sender", "returning message", "returning to sender", "unable to deliver", "error sending your mail", "errors from", "bounce", "ndr", "mail error", "there was an error", "delivery problem", "delivery incomplete", "delivery error", "deliver mail", "permanent error", "user unknown", "mailbox full", "status notification", "rejected",
		"unzustellbar", "nicht zugestellt", "zustellung", "unzustellbare", "fehlgeschlagen", "non distribu", "échec", "no se puede entregar", "no entregado", "no se ha podido entregar", "devuelto", "não entregue", "não foi possível", "não é possível entregar", "mancata consegna", "mancato recapito", "non recapitabile", "onbestelbaar", "niet bestelbaar", "niet bezorgd", "olevererbar", "kan inte leverera", "inte att leverera", "ikke leveret", "ikke levert", "kan ikke leveres",
		"ei voi toimittaa", "ei voida toimittaa", "toimittamaton", "toimitus epäonnistui", "nie dostarczono", "niedostarczona", "niedostarczaln", "nie można dostarczyć", "nedoručiteln", "nedoručiteľn", "nelze doručit", "kézbesíthetetlen", "nem kézbesíthető", "nelivrabil", "nelivrat", "neisporučivo", "nedostavljiv", "nepristatom", "nepiegādāj", "kättetoimetamatu", "δεν παραδόθηκε", "μη παραδοτέο", "αδύνατη η παράδοση",
		"не доставлено", "недоставлен", "недоставимо", "невозможно доставить", "не удалось доставить", "не удается доставить", "не вдалося доставити", "配信不能", "配信できません", "配信エラー", "配送エラー", "返送", "送信できません", "退信", "系统退信", "未送达", "未送達", "未傳遞", "無法傳遞", "无法送达", "无法投递", "投递失败", "배달", "반송", "전송 실패",
		"teslim edilemedi", "teslim edilemez", "iletilemedi", "לא ניתן למסירה", "غير قابل للتسليم", "تعذر التسليم", "ส่งไม่ได้", "không thể gửi", "tidak dapat terkirim")
}

// delaySubject reports the word for delay that stands in front of a subject in
// the reports of Exchange.
func delaySubject(s string) bool {
	word, _, ok := strings.Cut(strings.ToLower(s), ":")
	if !ok {
		return false
	}
	switch strings.TrimSpace(word) {
	case "delayed", "delivery delayed", "verzögert", "retardé", "différé", "retrasado", "ritardato", "posticipato", "vertraagd", "atrasado", "försenat", "försenad", "forsinket", "viivästynyt", "opóźniono", "opóźnione", "zpožděno", "opožděno", "késleltetve", "gecikti", "задержано", "задержка", "отложено", "затримано", "延迟", "延遲", "遅延", "지연됨", "지연":
		return true
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
	case delaySubject(subject), atWords(subject, judge), atWords(clip(w.text, actionHead), judge):
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
		return saysAt(s, "delivery failed", "delivery has failed", "delivery to the following", "delivery to these recipients", "delivery of your message", "delivery status notification", "delivery error", "delayed", "did not reach", "does not exist", "delivery was not successful", "delivery is not possible")
	case 'e':
		return saysAt(s, "error occurred while", "ei voitu toimittaa")
	case 'f':
		return saysAt(s, "failed to deliver", "failed permanently", "following address", "following recipient", "fatal errors", "final-recipient:")
	case 'h':
		return saysAt(s, "has not been delivered", "have failed", "has failed", "host unknown")
	case 'i':
		return saysAt(s, "is not a member", "i'm sorry to have to inform you", "impossibile", "ikke leveres", "inte levereras")
	case 'k':
		return saysAt(s, "konnte nicht", "kunne ikke leveres", "kunde inte levereras", "konnten nicht", "kon niet")
	case 'm':
		return saysAt(s, "message returned", "mailbox unavailable", "mailbox is full", "message was rejected", "mail system at host")
	case 'n':
		return saysAt(s, "not been delivered", "nicht zugestellt", "nicht erreicht", "n'a pas pu", "no such user", "no pudo", "no se pudo", "niet worden bezorgd", "not our customer", "niet afgeleverd", "niet bezorgd", "no ha podido ser entregado", "no se ha podido", "nicht ausgeliefert", "non recapitabil", "n'ont pas pu")
	case 'o':
		return saysAt(s, "over quota")
	case 'p':
		return saysAt(s, "permanent error", "permanent fatal error", "permanent failure")
	case 'r':
		return saysAt(s, "returned to sender", "returned unopened", "rejected by the recipient", "retry")
	case 's':
		return saysAt(s, "successfully delivered", "still being retried")
	case 't':
		return saysAt(s, "transaction failed", "transcript of session", "tidak dapat dikirim", "teslim edilemedi", "toimitus ep")
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

package message

import (
	"strings"
	"unicode/utf8"
)

// headerBlockAt looks for the block that Outlook and its like put above the
// mail they answer: From, Sent, To and Subject on lines of their own, in any
// language, with or without a rule above. It returns the lines it takes, 0
// for none. prefix is the number of those that are a rule.
func headerBlockAt(lines []string, i int) int { return findBlock(lines, i, false) }

// findBlock is headerBlockAt; below a separator the subject may come first.
func findBlock(lines []string, i int, separated bool) int {
	at := i
	if ruleLine(lines[at]) {
		for at++; at < len(lines) && at < i+3 && strings.TrimSpace(lines[at]) == ""; at++ {
		}
		if at >= len(lines) {
			return 0
		}
	}
	label, rest := blockLabel(lines[at])
	if label == labelNone || label == labelSubject && at == i && !separated {
		return 0
	}
	seen := map[blockField]bool{label: true}
	last := at
	if rest == "" && at+1 < len(lines) {
		if l, _ := blockLabel(lines[at+1]); l == labelNone {
			at++
		}
	}
	for j := at + 1; j < len(lines) && j <= i+16; j++ {
		l, _ := blockLabel(lines[j])
		switch {
		case l != labelNone:
			seen[l] = true
			last = j
		case strings.TrimSpace(lines[j]) == "":
			if len(seen) >= 3 {
				return done(seen, last, i)
			}
		case j-last > 6:
			return done(seen, last, i)
		}
	}
	return done(seen, last, i)
}

// bareBlockAt looks for the block that eM Client puts below its separator:
// labels without colons, a sender first.
func bareBlockAt(lines []string, i int) int {
	n := 0
	for n < 8 && i+n < len(lines) && !blankLine(lines[i+n]) {
		word, _, _ := strings.Cut(strings.TrimSpace(lines[i+n]), " ")
		if label, _ := blockLabel(word + ":"); n == 0 && label != labelFrom || label == labelNone && n < 3 {
			return 0
		}
		n++
	}
	if n < 3 {
		return 0
	}
	return n
}

// done accepts a block that names a sender and two things more.
func done(seen map[blockField]bool, last, i int) int {
	if seen[labelFrom] && len(seen) >= 3 && (seen[labelDate] || seen[labelSubject]) {
		return last - i + 1
	}
	return 0
}

// plainBlock reports a block of English labels, or none at all.
func plainBlock(lines []string) bool {
	for _, l := range lines {
		if label, _ := blockLabel(l); label != labelNone {
			t := strings.ToLower(strings.TrimLeft(l, " \t*_\u00a0>|"))
			return strings.HasPrefix(t, "from") || strings.HasPrefix(t, "sent") || strings.HasPrefix(t, "date") || strings.HasPrefix(t, "to:") || strings.HasPrefix(t, "subject")
		}
	}
	return true
}

type blockField int

const (
	labelNone blockField = iota
	labelFrom
	labelDate
	labelTo
	labelSubject
	labelOther
)

// blockLabel reads "From:" and its like at the start of a line.
func blockLabel(s string) (label blockField, rest string) {
	if strings.IndexByte(s, ':') < 0 && !strings.Contains(s, "：") {
		return labelNone, "" // most lines: no need to look closer
	}
	s = strings.TrimLeft(s, " \t*_\u00a0\u200e\u200f>|")
	i := strings.IndexAny(s, ":：")
	if i <= 0 || i > 40 {
		return labelNone, ""
	}
	word := strings.ToLower(strings.Trim(s[:i], " \t*_\u00a0"))
	rest = strings.Trim(s[i:], ":：*_ \t\u00a0")
	switch word {
	case "from", "von", "de", "da", "van", "från", "fra", "lähettäjä", "od", "от", "від", "kimden", "gönderen", "feladó", "odesílatel", "odosielateľ", "expéditeur", "remitente", "mittente",
		"afzender", "de la", "από", "від кого", "от кого", "发件人", "寄件者", "寄件人", "差出人", "送信者", "보낸 사람", "보낸사람", "발신", "từ", "จาก", "من", "מאת", "dari", "nuo", "no", "saatja", "sender", "remetente", "expeditor", "desde", "avsändare", "pošiljatelj", "šalje", "frá", "از":
		return labelFrom, rest
	case "sent", "date", "message du", "gesendet", "datum", "envoyé", "envoyé le", "enviado", "enviado el", "enviada em", "enviado em", "enviada", "inviato", "data", "verzonden", "skickat", "sendt", "dato", "lähetetty", "päivä", "päiväys", "wysłano", "odesláno",
		"odoslané", "отправлено", "дата", "надіслано", "tarih", "gönderildi", "gönderilme", "gönderme tarihi", "elküldve", "küldve", "dátum", "trimis", "στάλθηκε", "ημερομηνία", "发送时间", "日期", "寄件日期", "傳送時間", "時間", "时间", "发送日期", "送信日時", "日付", "日時", "보낸 날짜", "보낸날짜", "날짜", "fecha", "đã gửi", "ngày", "วันที่", "ส่ง", "التاريخ", "تاريخ الإرسال", "נשלח", "תאריך", "dikirim", "tanggal", "poslano", "sent on", "date sent", "skrevet", "erstellt", "saadetud", "nosūtīts", "išsiųsta", "poslato", "изпратено", "enviat el", "ارسال", "ارسال شده", "gönderme zamanı", "sendt den", "date d'envoi":
		return labelDate, rest
	case "to", "an", "à", "a", "para", "aan", "till", "til", "vastaanottaja", "do", "komu", "кому", "kime", "alıcı", "címzett", "către", "προς", "pre", "destinataire", "destinatario", "destinatário", "收件人", "收件者", "宛先", "받는 사람", "받는사람", "수신", "đến", "ถึง", "إلى", "אל", "kepada", "per", "za", "adressaat", "kam", "до", "per a", "prima", "به":
		return labelTo, rest
	case "subject", "betreff", "objet", "sujet", "asunto", "oggetto", "onderwerp", "ämne", "emne", "aihe", "temat", "předmět", "predmet", "тема", "konu", "tárgy", "subiect", "θέμα", "assunto", "主题", "主旨", "標題", "件名", "제목", "chủ đề", "เรื่อง", "الموضوع", "נושא", "perihal", "subjek", "tema", "zadeva", "teema", "tēma", "naslov", "относно", "assumpte", "efni", "موضوع":
		return labelSubject, rest
	case "cc", "kopie", "kopia", "copie", "копия", "抄送", "副本", "참조", "bilgi", "organization", "reply-to", "importance", "priority", "wichtigkeit", "antwort an", "attachments", "anlagen", "copia":
		return labelOther, rest
	}
	return labelNone, ""
}

// ruleLine reports a line of underscores, hyphens or equals signs alone.
func ruleLine(s string) bool {
	s = strings.Trim(s, " \t>*")
	if len(s) < 5 || s[0] != '_' && s[0] != '-' && s[0] != '=' && s[0] < utf8.RuneSelf {
		return false
	}
	return strings.Trim(s, "_") == "" || strings.Trim(s, "-") == "" || strings.Trim(s, "=") == "" || strings.Trim(s, "─━—–") == ""
}

// separatorLine reports "-----Original Message-----" and its like.
func separatorLine(s string) bool {
	t := strings.TrimSpace(s)
	if len(t) < 8 || len(t) > 120 || !strings.ContainsRune("-_*=>", rune(t[0])) && t[0] < utf8.RuneSelf {
		return false
	}
	bare := strings.Trim(t, "-_=*> \t—–─‐")
	if len(t)-len(bare) < 4 || !(strings.HasPrefix(t, "-") || strings.HasPrefix(t, "_") || strings.HasPrefix(t, "*") || strings.HasPrefix(t, "—") || strings.HasPrefix(t, "‐") || strings.HasPrefix(t, "=") || strings.HasPrefix(t, ">")) {
		return false
	}
	bare = strings.ToLower(strings.Join(strings.Fields(bare), " "))
	switch bare {
	case "original message", "original mail", "original email", "original e-mail", "originalnachricht", "ursprüngliche nachricht", "urspr. nachricht", "original-nachricht", "ursprungliche nachricht", "message d'origine", "message original", "message initial", "mensaje original", "mensagem original", "messaggio originale",
		"messaggio originale originale", "oorspronkelijk bericht", "originalmeddelande", "ursprungligt meddelande", "oprindelig meddelelse", "oprindelig besked", "original meddelelse", "opprinnelig melding", "alkuperäinen viesti", "oryginalna wiadomość", "wiadomość oryginalna", "původní zpráva", "pôvodná správa", "исходное сообщение", "оригинальное сообщение", "original message follows",
		"orijinal mesaj", "orijinal ileti", "özgün ileti", "eredeti üzenet", "mesaj original", "αρχικό μήνυμα", "原始邮件", "原始郵件", "邮件原件", "元のメッセージ", "original message from", "원본 메시지", "원본 메일", "thư gốc", "ข้อความต้นฉบับ", "الرسالة الأصلية", "הודעה מקורית", "pesan asli", "izvirno sporočilo", "izvorna poruka", "reply message", "ursprüngliche mail", "antwort":
		return true
	}
	return strings.HasPrefix(bare, "original message ") || strings.HasPrefix(bare, "ursprüngliche nachricht ")
}

// plainOriginal reports the separator that says "Original" alone: people write
// such lines too, so that a sender must follow it.
func plainOriginal(lines []string, i, next int) bool {
	t := strings.TrimSpace(lines[i])
	if len(t) < 20 || !strings.HasPrefix(t, "------") || !strings.EqualFold(strings.Trim(t, "- \u00a0"), "original") || next >= len(lines) {
		return false
	}
	label, _ := blockLabel(lines[next])
	return label == labelFrom
}

// forwardLine reports a line that starts a forwarded mail.
func forwardLine(s string) bool {
	t := strings.ToLower(strings.Trim(s, "-_=*> \t:"))
	switch strings.Join(strings.Fields(t), " ") {
	case "forwarded message", "begin forwarded message", "weitergeleitete nachricht", "message transféré", "message transmis", "mensaje reenviado", "mensagem encaminhada", "messaggio inoltrato", "doorgestuurd bericht", "vidarebefordrat meddelande",
		"videresendt meddelelse", "videresendt melding", "przekazana wiadomość", "wiadomość przekazana", "přeposlaná zpráva", "пересылаемое сообщение", "переадресованное сообщение", "転送されたメッセージ", "轉寄郵件", "转发邮件", "전달된 메시지", "iletilen mesaj", "továbbított üzenet", "anfang der weitergeleiteten nachricht", "début du message transféré", "inizio messaggio inoltrato":
		return true
	}
	return false
}

package threads

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// generic reports whether a folded subject says too little to tell one
// conversation from another: nothing, a few letters, or only words that
// anybody's mail may have.
func generic(words []string, topic string) bool {
	if utf8.RuneCountInString(topic) < 2 {
		return true
	}
	for _, w := range words {
		if !genericWord(w) {
			return false
		}
	}
	return true
}

// genericWord reports whether a word of a subject says nothing about what the
// mail is about. Numbers alone say nothing either.
func genericWord(w string) bool {
	switch w {
	case "a", "an", "and", "about", "for", "from", "in", "me", "my", "no", "of", "on", "our", "please", "pls", "plz", "the", "this", "to", "us", "with", "you", "your",
		"der", "die", "das", "ein", "eine", "mein", "meine", "bitte", "zu", "von", "el", "la", "le", "les", "un", "une", "una", "de", "del", "des", "du", "mi", "mon", "ma",
		"answer", "contact", "email", "enquiry", "error", "feedback", "form", "hello", "help", "hey", "hi", "hallo", "important", "info", "information", "inquiry", "issue", "mail",
		"message", "new", "none", "note", "problem", "problems", "query", "question", "questions", "quick", "reply", "request", "service", "subject", "support", "test", "testing",
		"thanks", "thank", "ticket", "untitled", "update", "urgent", "asap",
		"anfrage", "betreff", "dringend", "fehler", "frage", "fragen", "hilfe", "kein", "kontakt", "nachricht", "problemen", "wichtig", "danke",
		"aide", "bonjour", "demande", "erreur", "merci", "objet", "probleme", "problème", "sans", "sujet", "urgence",
		"asunto", "ayuda", "consulta", "gracias", "hola", "mensaje", "pregunta", "problema", "sin", "solicitud", "urgente",
		"ajuda", "assunto", "dúvida", "duvida", "mensagem", "olá", "ola", "pergunta", "sem", "aiuto", "ciao", "domanda", "messaggio", "oggetto", "richiesta", "senza",
		"hulp", "onderwerp", "vraag", "vragen", "hjälp", "fråga", "ämne", "pytanie", "temat", "brak", "pomoc", "yardım", "soru", "konu",
		"вопрос", "помощь", "проблема", "без", "темы", "тема", "срочно", "здравствуйте", "привет", "обращение", "запрос",
		"问题", "你好", "您好", "咨询", "求助", "无主题", "請問", "请问", "問題", "帮助", "质问", "質問", "お問い合わせ", "件名なし", "こんにちは", "문의", "질문", "안녕하세요", "제목", "없음":
		return true
	}
	for _, r := range w {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}

// digest reports the subject of a list's digest: what answers one is about
// any of the mails in it.
func digest(words []string) bool {
	if !slices.Contains(words, "digest") && !slices.Contains(words, "sammelband") {
		return false
	}
	return slices.ContainsFunc(words, func(w string) bool {
		switch w {
		case "vol", "volume", "issue", "number", "no", "nr", "band", "ausgabe":
			return true
		}
		return false
	})
}

// ofDigest reports an id that a list's own mails have, digests among them:
// two mails that answer one need not have anything in common.
func ofDigest(id string) bool { return strings.HasPrefix(id, "<mailman.") }

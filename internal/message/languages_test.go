package message

import (
	"strings"
	"testing"

	"postroom/threads"
)

// attributions are the lines that mail clients put above a quotation, as they
// write them in their languages.
func attributions() []string {
	return []string{
		// Gmail
		"On Mon, Mar 2, 2026 at 10:02 AM Jane Doe <jane@x.example> wrote:",
		"Am Mo., 2. März 2026 um 10:02 Uhr schrieb Jane Doe <jane@x.example>:",
		"Le lun. 2 mars 2026 à 10:02, Jane Doe <jane@x.example> a écrit :",
		"El lun, 2 mar 2026 a las 10:02, Jane Doe (<jane@x.example>) escribió:",
		"Il giorno lun 2 mar 2026 alle ore 10:02 Jane Doe <jane@x.example> ha scritto:",
		"Em seg., 2 de mar. de 2026 às 10:02, Jane Doe <jane@x.example> escreveu:",
		"Jane Doe <jane@x.example> escreveu (segunda, 2/03/2026 à(s) 10:02):",
		"Op ma 2 mrt 2026 om 10:02 schreef Jane Doe <jane@x.example>:",
		"Den mån 2 mars 2026 kl 10:02 skrev Jane Doe <jane@x.example>:",
		"man. 2. mar. 2026 kl. 10:02 skrev Jane Doe <jane@x.example>:",
		"Den man. 2. mar. 2026 kl. 10.02 skrev Jane Doe <jane@x.example>:",
		"ma 2. maalisk. 2026 klo 10.02 Jane Doe (jane@x.example) kirjoitti:",
		"pon., 2 mar 2026 o 10:02 Jane Doe <jane@x.example> napisał(a):",
		"po 2. 3. 2026 v 10:02 odesílatel Jane Doe <jane@x.example> napsal:",
		"po 2. 3. 2026 o 10:02 Jane Doe <jane@x.example> napísal(a):",
		"Jane Doe <jane@x.example> ezt írta (időpont: 2026. márc. 2., H, 10:02):",
		"În lun., 2 mar. 2026 la 10:02, Jane Doe <jane@x.example> a scris:",
		"На пн, 2.03.2026 г. в 10:02 Jane Doe <jane@x.example> написа:",
		"пн, 2 мар. 2026 г. в 10:02, Jane Doe <jane@x.example>:",
		"пн, 2 бер. 2026 р. о 10:02 Jane Doe <jane@x.example> пише:",
		"Jane Doe <jane@x.example>, 2 Mar 2026 Pzt, 10:02 tarihinde şunu yazdı:",
		"Στις Δευ 2 Μαρ 2026 στις 10:02 π.μ., ο χρήστης Jane Doe <jane@x.example> έγραψε:",
		"2026年3月2日(月) 10:02 Jane Doe <jane@x.example>:",
		"Jane Doe <jane@x.example> 于2026年3月2日周一 10:02写道：",
		"Jane Doe <jane@x.example> 於 2026年3月2日 週一 上午10:02寫道：",
		"2026년 3월 2일 (월) 오전 10:02, Jane Doe <jane@x.example>님이 작성:",
		"Vào Th 2, 2 thg 3, 2026 vào lúc 10:02 Jane Doe <jane@x.example> đã viết:",
		"ในวันที่ จ. 2 มี.ค. 2026 เวลา 10:02 Jane Doe <jane@x.example> เขียนว่า:",
		"\u202bفي الاثنين، 2 مارس 2026 في 10:02 ص تمت كتابة ما يلي بواسطة \u202aJane Doe\u202c\u200f <\u202ajane@x.example\u202c\u200f>:\u202c",
		"\u202bבתאריך יום ב׳, 2 במרץ 2026 ב-10:02 מאת \u202aJane Doe\u202c\u200f <\u202ajane@x.example\u202c\u200f>:\u202c",
		"Pada tanggal Sen, 2 Mar 2026 pukul 10.02 Jane Doe <jane@x.example> menulis:",
		"pon, 2. ožu 2026. u 10:02 Jane Doe <jane@x.example> napisao je:",
		"V V pon., 2. mar. 2026 ob 10:02 je oseba Jane Doe <jane@x.example> napisala:",
		"2026-03-02, pr, 10:02 Jane Doe <jane@x.example> rašė:",
		"pirmd., 2026. g. 2. marts, plkst. 10:02 — lietotājs Jane Doe (<jane@x.example>) rakstīja:",
		"Kasutaja Jane Doe (<jane@x.example>) kirjutas kuupäeval E, 2. märts 2026 kell 10:02:",
		"Missatge de Jane Doe <jane@x.example> del dia dl., 2 de març 2026 a les 10:02:",
		"در تاریخ دوشنبه ۲ مارس ۲۰۲۶،\u200f ۱۰:۰۲ Jane Doe <jane@x.example> نوشت:",
		"सोम, 2 मार्च 2026 को 10:02 am बजे को Jane Doe <jane@x.example> ने लिखा:",
		// Apple
		"On Mar 2, 2026, at 10:02, Jane Doe <jane@x.example> wrote:",
		"On 2 Mar 2026, at 10:02 AM, Jane Doe <jane@x.example> wrote:",
		"Am 02.03.2026 um 10:02 schrieb Jane Doe <jane@x.example>:",
		"Le 2 mars 2026 à 10:02, Jane Doe <jane@x.example> a écrit :",
		"2026/03/02 10:02、Jane Doe <jane@x.example>のメール:",
		"2026/03/02 10:02、Jane Doe <jane@x.example> のメッセージ:",
		"El 2 mar 2026, a la(s) 10:02 a. m., Jane Doe <jane@x.example> escribió:",
		"在 2026年3月2日，10:02，Jane Doe <jane@x.example> 写道：",
		"2026. 3. 2. 오전 10:02, Jane Doe <jane@x.example> 작성:",
		"2 марта 2026 г., в 10:02, Jane Doe <jane@x.example> написал(а):",
		"Op 2 mrt 2026, om 10:02 heeft Jane Doe <jane@x.example> het volgende geschreven:",
		"2 mars 2026 kl. 10:02 skrev Jane Doe <jane@x.example>:",
		"Wiadomość napisana przez Jane Doe <jane@x.example> w dniu 2 mar 2026, o godz. 10:02:",
		"Jane Doe <jane@x.example> şunları yazdı (2 Mar 2026 10:02):",
		"2. 3. 2026 v 10:02, Jane Doe <jane@x.example>:",
		"Jane Doe <jane@x.example> kirjoitti 2.3.2026 kello 10.02:",
		"El 2 mar 2026, a las 10:02, Jane Doe <jane@x.example> escribió:",
		"Em 2 de mar. de 2026, à(s) 10:02, Jane Doe <jane@x.example> escreveu:",
		// Thunderbird
		"On 02/03/2026 10:02, Jane Doe wrote:",
		"Am 02.03.26 um 10:02 schrieb Jane Doe:",
		"Le 02/03/2026 à 10:02, Jane Doe a écrit :",
		"Il 02/03/2026 10:02, Jane Doe ha scritto:",
		"El 2/3/26 a las 10:02, Jane Doe escribió:",
		"Em 02/03/2026 10:02, Jane Doe escreveu:",
		"Op 02-03-2026 om 10:02 schreef Jane Doe:",
		"W dniu 2.03.2026 o 10:02, Jane Doe pisze:",
		"02.03.2026 10:02, Jane Doe пишет:",
		"Dne 02. 03. 26 v 10:02 Jane Doe napsal(a):",
		"Den 2026-03-02 kl. 10:02, skrev Jane Doe:",
		"Jane Doe kirjoitti 2.3.2026 klo 10.02:",
		"2026-03-02 10:02 keltezéssel, Jane Doe írta:",
		// others
		"On Monday, March 2, 2026 at 10:02:00 AM GMT+1, Jane Doe <jane@x.example> wrote:",
		"El lunes, 2 de marzo de 2026, 10:02:00 GMT+1, Jane Doe <jane@x.example> escribió:",
		"Am Montag, 2. März 2026, 10:02:00 MEZ hat Jane Doe <jane@x.example> Folgendes geschrieben:",
		"2026年3月2日 10:02:00 JST、Jane Doe <jane@x.example> より:",
		"2026年3月2日月曜日 10:02 に Jane Doe <jane@x.example> が作成:",
		"2026-03-02 10:02 に Jane Doe さんは書きました:",
		"El El lun, 2 mar 2026 a las 10:02, Jane Doe <\njane@x.example> escribió:",
		"Jane Doe <jane@x.example> schrieb am 10:02 Montag, 2.März 2026:",
		"---- On Mon, 02 Mar 2026 10:02:00 +0100 Jane Doe <jane@x.example> wrote ----",
		"‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐\nOn Monday, March 2nd, 2026 at 10:02, Jane Doe <jane@x.example> wrote:",
		"Понедельник, 2 марта 2026, 10:02 +03:00 от Jane Doe <jane@x.example>:",
		"02.03.2026, 10:02, \"Jane Doe\" <jane@x.example>:",
		"At 2026-03-02 10:02:00, \"Jane Doe\" <jane@x.example> wrote:",
		"Jane Doe <jane@x.example> wrote on 03/02/2026 10:02:00 AM:",
		"On 2 Mar 2026 at 10:02 +0100, Jane Doe <jane@x.example>, wrote:",
		"On Mon, Mar 2, 2026 at 10:02 AM Jane Doe <\njane@x.example> wrote:",
		"Le lun. 2 mars 2026 à 10:02, Jane Doe via Support <jane@x.example>\na écrit :",
		"Jane Doe via Acme Support <jane@x.example> schrieb am Mo., 2. März\n2026, 10:02:",
	}
}

// blocks are the headers that Outlook and others copy above a quotation.
func blocks() []string {
	outlook := func(from, sent, to, subject string) string {
		return from + ": Jane Doe <jane@x.example>\n" + sent + ": 2026-03-02 10:02\n" + to + ": Acme Support <support@acme.example>\n" + subject + ": printer on fire"
	}
	return []string{
		outlook("From", "Sent", "To", "Subject"), outlook("Von", "Gesendet", "An", "Betreff"), outlook("De", "Envoyé", "À", "Objet"), outlook("De", "Enviado", "Para", "Asunto"),
		outlook("Da", "Inviato", "A", "Oggetto"), outlook("De", "Enviada em", "Para", "Assunto"), outlook("Van", "Verzonden", "Aan", "Onderwerp"), outlook("Från", "Skickat", "Till", "Ämne"),
		outlook("Fra", "Sendt", "Til", "Emne"), outlook("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"), outlook("Od", "Wysłano", "Do", "Temat"), outlook("Od", "Odesláno", "Komu", "Předmět"),
		outlook("Feladó", "Elküldve", "Címzett", "Tárgy"), outlook("De la", "Trimis", "Către", "Subiect"), outlook("От", "Отправлено", "Кому", "Тема"), outlook("Від", "Надіслано", "Кому", "Тема"),
		outlook("Kimden", "Gönderildi", "Kime", "Konu"), outlook("Από", "Στάλθηκε", "Προς", "Θέμα"), outlook("差出人", "送信日時", "宛先", "件名"), outlook("发件人", "发送时间", "收件人", "主题"),
		outlook("寄件者", "寄件日期", "收件者", "主旨"), outlook("보낸 사람", "보낸 날짜", "받는 사람", "제목"), outlook("Từ", "Đã gửi", "Đến", "Chủ đề"), outlook("จาก", "ส่ง", "ถึง", "เรื่อง"),
		outlook("*From*", "*Sent*", "*To*", "*Subject*"), outlook("От кого", "Дата", "Кому", "Тема"), outlook("Pošiljatelj", "Poslano", "Za", "Zadeva"), outlook("Saatja", "Saadetud", "Adressaat", "Teema"),
		"-----Ursprüngliche Nachricht-----\nVon: Jane Doe\nGesendet: Montag, 2. März 2026 10:02\nAn: support@acme.example\nBetreff: printer",
		"-----Original-Nachricht-----\nBetreff: printer\nDatum: 2026-03-02T10:02:00+0100\nVon: \"Jane Doe\" <jane@x.example>\nAn: support@acme.example",
		"Gesendet: Montag, 2. März 2026 um 10:02 Uhr\nVon: \"Jane Doe\" <jane@x.example>\nAn: support@acme.example\nBetreff: printer",
		"-------- Original message --------\nFrom: Jane Doe <jane@x.example>\nDate: 02/03/2026 10:02 (GMT+01:00)\nTo: support@acme.example\nSubject: printer",
		"------------------ 原始邮件 ------------------\n发件人: \"Jane Doe\" <jane@x.example>;\n发送时间: 2026年3月2日(星期一) 上午10:02\n收件人: \"support\"<support@acme.example>;\n主题: printer",
		"-------- Messaggio originale --------\nDa: Jane Doe <jane@x.example>\nData: 02/03/26 10:02 (GMT+01:00)\nA: support@acme.example\nOggetto: printer",
		"________________________________\nFrom: Jane Doe <jane@x.example>\nSent: Monday, March 2, 2026 10:02:00 AM\nTo: support@acme.example\nSubject: printer",
		"From:        Jane Doe <jane@x.example>\nTo:        support@acme.example,\nDate:        02.03.2026 10:02\nSubject:        printer",
	}
}

func TestLanguages(t *testing.T) {
	const answer = "My answer is here.\n\nBest, Jo"
	for _, lead := range append(attributions(), blocks()...) {
		for name, text := range map[string]string{
			"marked":   answer + "\n\n" + lead + "\n\n> The question was this.\n> And this: too.\n",
			"at once":  answer + "\n\n" + lead + "\n> The question was this.\n",
			"unmarked": answer + "\n\n" + lead + "\n\nThe question was this.\nAnd this: too.\n",
		} {
			if got := newText(text); got != answer {
				t.Errorf("%s, %q:\n%q", name, lead, got)
			}
		}
		// An answer below a quotation is never lost.
		if got := newText(lead + "\n> The question was this.\n\n" + answer); got != answer {
			t.Errorf("below, %q:\n%q", lead, got)
		}
		if got := newText("Hello,\n" + lead + "\n> one\nanswer one\n> two\nanswer two\n"); !strings.Contains(got, "answer one") || !strings.Contains(got, "answer two") {
			t.Errorf("between, %q:\n%q", lead, got)
		}
	}
}

// What people write of themselves introduces their own words as well as a
// quotation: without marks below it, nothing is taken out.
func TestOwnWordsStay(t *testing.T) {
	for _, line := range []string{
		"On Monday at 9:00 I wrote:", "On 2 March 2026 at 10:02 you wrote:", "Am 2. März 2026 um 10:02 schrieb ich:", "Le 2 mars 2026 à 10:02 je vous ai écrit :",
		"On Monday at 9:30 the printer wrote:", "------------------ Original ------------------",
		"2026年3月2日の予定は次のとおりです：", "2026年3月2日(月)の勤務は、次のとおりでよいですか：", "2026/03/02 10:02 の予定は次のメール:",
	} {
		text := "Dear team,\n\n" + line + "\nplease send it.\n\nJane"
		if got := newText(text); got != text {
			t.Errorf("%s: %q", line, got)
		}
	}
}

// Webmail names whom it quotes, and QQ whose mail follows.
func TestQuotingLines(t *testing.T) {
	for _, line := range []string{
		"Quoting Jane Doe <jane@x.example>:\n\n> Hello", "Zitat von Jane Doe <jane@x.example>:\n\n> Hello", "Citeren Jane Doe <jane@x.example>:\n> Hello", "Цитирую Jane Doe <jane@x.example>:\n> Hello",
		"------------------ Original ------------------\nFrom:  \"Jane\"<jane@x.example>;\nDate:  Mon, Mar 2, 2026 10:02 AM\nTo:  \"Joe\"<joe@x.example>;\nSubject:  Printer\n\nHello",
	} {
		if got := newText("It burns.\n\n" + line + "\n"); got != "It burns." {
			t.Errorf("%.40s: %q", line, got)
		}
	}
	const said = "Quoting the manual:\nturn it off.\n\nIt did not help."
	if got := newText(said); got != said {
		t.Errorf("a sentence: %q", got)
	}
}

// Vacation programs say so in the subject, in their languages.
func TestVacationLanguages(t *testing.T) {
	for _, s := range []string{"Automatic reply: P", "Автоматичен отговор: P", "Automatinis atsakymas: P", "Automātiskā atbilde: P", "Automaatvastus: P", "Аутоматски одговор: P", "Resposta automàtica: P", "पहले"} {
		m := readMail("From: Jane <jane@x.example>\nTo: support@acme.example\nSubject: " + s + "\nAuto-Submitted: auto-generated\n\nAway.\n")
		want := threads.ClassAutoReply
		if s == "पहले" {
			want = threads.ClassAutoGenerated
		}
		if m.Mail.Class != want {
			t.Errorf("%s: %s", s, m.Mail.Class)
		}
	}
}

package message

import (
	"fmt"
	"testing"

	"postroom/threads"
)

// Reports without machine parts, from a sender who need not be a machine, in
// the words that mail systems use in their languages.
func TestBounceLanguages(t *testing.T) {
	for language, c := range map[string]struct{ subject, text string }{
		"de": {"Unzustellbar: Re: Printer on fire", "Diese Nachricht wurde automatisch erstellt.\n\nIhre E-Mail konnte an folgende Empfänger nicht zugestellt werden:\n\n  bob@dest.example\n    550 5.1.1 Benutzer unbekannt"},
		"fr": {"Non remis : Re: Printer on fire", "Votre message n'a pas pu être remis aux destinataires suivants :\n\n  bob@dest.example\n    550 5.1.1 Utilisateur inconnu"},
		"es": {"No se puede entregar: Re: Printer on fire", "No se pudo entregar el mensaje a los siguientes destinatarios:\n\n  bob@dest.example\n    550 5.1.1 Usuario desconocido"},
		"pt": {"Não é possível entregar: Re: Printer on fire", "Não foi possível entregar a sua mensagem aos seguintes destinatários:\n\n  bob@dest.example\n    550 5.1.1 Usuário desconhecido"},
		"it": {"Mancato recapito: Re: Printer on fire", "Il messaggio non è stato recapitato ai seguenti destinatari:\n\n  bob@dest.example\n    550 5.1.1 Utente sconosciuto"},
		"nl": {"Niet bestelbaar: Re: Printer on fire", "Uw bericht is niet afgeleverd bij de volgende ontvangers:\n\n  bob@dest.example\n    550 5.1.1 Onbekende gebruiker"},
		"pl": {"Nie można dostarczyć: Re: Printer on fire", "Wiadomość nie została dostarczona do następujących adresatów:\n\n  bob@dest.example\n    550 5.1.1 Nieznany użytkownik"},
		"ru": {"Недоставлено: Re: Printer on fire", "Ваше сообщение не удалось доставить следующим получателям:\n\n  bob@dest.example\n    550 5.1.1 Пользователь не найден"},
		"ja": {"配信不能: Re: Printer on fire", "以下の宛先にメールを配信できませんでした。\n\n  bob@dest.example\n    550 5.1.1 User unknown"},
		"zh": {"未送达: Re: Printer on fire", "您的邮件无法投递给以下收件人：\n\n  bob@dest.example\n    550 5.1.1 用户不存在"},
		"ko": {"배달되지 않음: Re: Printer on fire", "다음 받는 사람에게 메시지를 배달하지 못했습니다.\n\n  bob@dest.example\n    550 5.1.1 사용자를 찾을 수 없음"},
		"tr": {"Teslim edilemedi: Re: Printer on fire", "Mesajınız aşağıdaki alıcılara teslim edilemedi:\n\n  bob@dest.example\n    550 5.1.1 Kullanıcı bilinmiyor"},
		"sv": {"Går inte att leverera: Re: Printer on fire", "Ditt meddelande kunde inte levereras till följande mottagare:\n\n  bob@dest.example\n    550 5.1.1 Okänd användare"},
		"da": {"Kan ikke leveres: Re: Printer on fire", "Din meddelelse kunne ikke leveres til følgende modtagere:\n\n  bob@dest.example\n    550 5.1.1 Ukendt bruger"},
		"fi": {"Ei voida toimittaa: Re: Printer on fire", "Viestiäsi ei voitu toimittaa seuraaville vastaanottajille:\n\n  bob@dest.example\n    550 5.1.1 Tuntematon käyttäjä"},
		"cs": {"Nedoručitelné: Re: Printer on fire", "Vaši zprávu se nepodařilo doručit následujícím příjemcům:\n\n  bob@dest.example\n    550 5.1.1 Neznámý uživatel"},
		"hu": {"Kézbesíthetetlen: Re: Printer on fire", "Üzenetét nem sikerült kézbesíteni a következő címzetteknek:\n\n  bob@dest.example\n    550 5.1.1 Ismeretlen felhasználó"},
		"el": {"Δεν παραδόθηκε: Re: Printer on fire", "Το μήνυμά σας δεν παραδόθηκε στους ακόλουθους παραλήπτες:\n\n  bob@dest.example\n    550 5.1.1 Άγνωστος χρήστης"},
		"uk": {"Не доставлено: Re: Printer on fire", "Ваше повідомлення не вдалося доставити таким одержувачам:\n\n  bob@dest.example\n    550 5.1.1 Користувача не знайдено"},
		"ro": {"Nelivrat: Re: Printer on fire", "Mesajul dumneavoastră nu a putut fi livrat următorilor destinatari:\n\n  bob@dest.example\n    550 5.1.1 Utilizator necunoscut"},
		"he": {"לא ניתן למסירה: Re: Printer on fire", "לא ניתן היה למסור את ההודעה לנמענים הבאים:\n\n  bob@dest.example\n    550 5.1.1 User unknown"},
		"ar": {"تعذر التسليم: Re: Printer on fire", "تعذر تسليم رسالتك إلى المستلمين التاليين:\n\n  bob@dest.example\n    550 5.1.1 User unknown"},
	} {
		mail := fmt.Sprintf("Return-Path: <>\nFrom: Outlook <postmaster@dest.example>\nTo: support@acme.example\nSubject: %s\nDate: Tue, 3 Mar 2026 10:01:00 +0000\nMessage-ID: <1@dest.example>\nContent-Type: text/plain; charset=utf-8\n\n%s\n", c.subject, c.text)
		m := readMail(mail)
		b := m.Mail.Bounce
		if m.Mail.Class != threads.ClassBounce || b == nil || b.Action != "failed" {
			t.Errorf("%s: %s (%s), %+v", language, m.Mail.Class, m.Mail.Evidence, b)
			continue
		}
		if len(b.Recipients) != 1 || b.Recipients[0].Address != "bob@dest.example" || b.Recipients[0].Status != "5.1.1" {
			t.Errorf("%s: recipients %+v", language, b.Recipients)
		}
		if words := newReportWords(c.text); !words.failure {
			t.Errorf("%s: the text alone is not known for a report", language)
		}
		if !failureSubject(c.subject) {
			t.Errorf("%s: the subject alone is not known for one", language)
		}
	}
}

// Exchange puts the word for delay in front of the subject.
func TestDelayLanguages(t *testing.T) {
	for subject, want := range map[string]string{
		"Delayed: Re: Printer": "delayed", "Verzögert: Re: Printer": "delayed", "Retardé : Re: Printer": "delayed", "延迟: Printer": "delayed",
		"Undeliverable: Delayed: where is my order": "failed", "Delayed order": "failed",
	} {
		if got := newReportWords("bob@dest.example").action(subject); got != want {
			t.Errorf("%s: %s, want %s", subject, got, want)
		}
	}
}

// An administrator is a person who writes about mail, too.
func TestAdministratorIsAPerson(t *testing.T) {
	const mail = "%sFrom: \"System Administrator\" <sysadmin@client.example>\nTo: support@acme.example\nSubject: Mailbox full on your product\nDate: Tue, 3 Mar 2026 10:01:00 +0000\nMessage-ID: <1@client.example>\n\nHi, your product says \"mailbox is full\" all the time. Can you help?\n"
	for path, want := range map[string]threads.Class{
		"Return-Path: <sysadmin@client.example>\n": threads.ClassCustomer,
		"Return-Path: <>\n":                        threads.ClassBounce,
	} {
		if m := readMail(fmt.Sprintf(mail, path)); m.Mail.Class != want {
			t.Errorf("%q: %s (%s)", path, m.Mail.Class, m.Mail.Evidence)
		}
	}
}

package message

import (
	"strings"
	"testing"

	"postroom/threads"
)

// bounceKinds are reports as mail systems write them that do not follow
// RFC 3464: sender and subject, text, and what is to be read.
func bounceKinds() []struct{ name, from, subject, text, want string } {
	const returned = "\n\nReceived: from us.example by mx.example; Mon, 2 Mar 2026 10:00:00 +0000\nMessage-ID: <1@us.example>\nFrom: support@us.example\nTo: jane@x.example\nSubject: hello\n\nhello\n"
	return []struct{ name, from, subject, text, want string }{
		{"qmail", "MAILER-DAEMON@x.example", "failure notice", "Hi. This is the qmail-send program at x.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<jane@x.example>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 User unknown\nGiving up on 192.0.2.1.\n\n--- Below this line is a copy of the message.\n" + returned, "failed jane@x.example 5.1.1"},
		{"postfix, text alone", "MAILER-DAEMON@x.example (Mail Delivery System)", "Undelivered Mail Returned to Sender", "This is the mail system at host x.example.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients.\n\n<jane@x.example>: host mx.x.example[192.0.2.1] said: 550 5.7.1 blocked\n    (in reply to RCPT TO command)\n", "failed jane@x.example 5.7.1"},
		{"exim", "Mail Delivery System <Mailer-Daemon@x.example>", "Mail delivery failed: returning message to sender", "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  jane@x.example\n    SMTP error from remote mail server after RCPT TO:<jane@x.example>:\n    host mx.x.example [192.0.2.1]: 550 5.1.1 <jane@x.example>: unknown\n\n------ This is a copy of the message, including all the headers. ------\n" + returned, "failed jane@x.example 5.1.1"},
		{"exim, delay", "Mail Delivery System <Mailer-Daemon@x.example>", "Warning: message 1abcde-000001-AB delayed 24 hours", "This message was created automatically by mail delivery software.\nA message that you sent has not yet been delivered to one or more of its\nrecipients after more than 24 hours on the queue.\n\nThe address to which the message has not yet been delivered is:\n\n  jane@x.example\n\nNo action is required on your part. Delivery attempts will continue for\nsome time.\n", "delayed jane@x.example "},
		{"gmx", "MAILER-DAEMON@gmx.example", "Mail delivery failed: returning message to sender", "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of\nits recipients. This is a permanent error. The following address\nfailed:\n\n\"jane@x.example\":\nSMTP error from remote server after RCPT command:\nhost: mx.x.example\n5.2.2 mailbox full\n\n--- The header of the original message is following. ---\n" + returned, "failed jane@x.example 5.2.2"},
		{"t-online", "mailer-daemon@t-online.example", "Mail delivery failed: returning message to sender", "|------------------------- Message log follows: -------------------------|\n no valid recipients were found for this message\n|------------------------- Failed addresses follow: ---------------------|\n <jane@x.example> ... unknown user\n|------------------------- Message text follows: ------------------------|\n" + returned, "failed jane@x.example "},
		{"sendmail 5", "Mail Delivery Subsystem <MAILER-DAEMON@x.example>", "Returned mail: User unknown", "   ----- Transcript of session follows -----\nWhile talking to mx.x.example:\n>>> RCPT To:<jane@x.example>\n<<< 550 5.1.1 <jane@x.example>... User unknown\n550 <jane@x.example>... User unknown\n\n   ----- Unsent message follows -----\n" + returned, "failed jane@x.example 5.1.1"},
		{"sendmail 8, text alone", "Mail Delivery Subsystem <MAILER-DAEMON@x.example>", "Returned mail: see transcript for details", "The original message was received at Mon, 2 Mar 2026 10:00:00 GMT\nfrom us.example [192.0.2.9]\n\n   ----- The following addresses had permanent fatal errors -----\n<jane@x.example>\n    (reason: 553 5.1.2 unknown host)\n\n   ----- Transcript of session follows -----\n550 5.1.2 <jane@x.example>... Host unknown\n", "failed jane@x.example 5.1.2"},
		{"exchange 2003", "System Administrator <postmaster@x.example>", "Undeliverable: hello", "Your message\n\n  To:      jane@x.example\n  Subject: hello\n  Sent:    Mon, 2 Mar 2026 10:00:00 -0000\n\ndid not reach the following recipient(s):\n\njane@x.example on Mon, 2 Mar 2026 10:00:01 -0000\n    The e-mail account does not exist at the organization this message was sent to.\n    <mx.x.example #5.1.1>\n", "failed jane@x.example 5.1.1"},
		{"exchange, German", "Systemadministrator <postmaster@x.example>", "Unzustellbar: hello", "Ihre Nachricht hat einige oder alle Empfänger nicht erreicht.\n\n      Betreff:  hello\n      Gesendet am:  02.03.2026 10:00\n\nFolgende(r) Empfänger kann/können nicht erreicht werden:\n\n      jane@x.example am 02.03.2026 10:00\n            Die E-Mail-Adresse ist unbekannt.\n            <mx.x.example #5.1.1>\n", "failed jane@x.example 5.1.1"},
		{"exchange online, German", "postmaster@x.example", "Unzustellbar: hello", "Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Gruppen:\n\njane@x.example<mailto:jane@x.example>\nDie eingegebene E-Mail-Adresse konnte nicht gefunden werden.\n\nDiagnoseinformationen für Administratoren:\n\nGenerierender Server: mx.x.example\n\njane@x.example\nRemote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound'\n", "failed jane@x.example 5.1.10"},
		{"exchange online, French", "postmaster@x.example", "Non remis : hello", "Échec de la remise à ces destinataires ou groupes :\n\njane@x.example<mailto:jane@x.example>\nL'adresse de messagerie est introuvable.\n\njane@x.example\nRemote Server returned '550 5.1.1 RESOLVER.ADR.RecipNotFound'\n", "failed jane@x.example 5.1.1"},
		{"exchange online, Spanish", "postmaster@x.example", "No se puede entregar: hello", "No se pudo entregar el mensaje a los siguientes destinatarios o grupos:\n\njane@x.example<mailto:jane@x.example>\n\njane@x.example\nRemote Server returned '550 5.1.1 not found'\n", "failed jane@x.example 5.1.1"},
		{"domino", "postmaster@x.example", "DELIVERY FAILURE: User jane (jane@x.example) not listed in Domino Directory", "Your message\n\n  Subject: hello\n\nwas not delivered to:\n\n  jane@x.example\n\nbecause:\n\n  User jane (jane@x.example) not listed in Domino Directory\n", "failed jane@x.example "},
		{"gmail", "Mail Delivery Subsystem <mailer-daemon@googlemail.example>", "Delivery Status Notification (Failure)", "This is an automatically generated Delivery Status Notification\n\nDelivery to the following recipient failed permanently:\n\n     jane@x.example\n\nTechnical details of permanent failure: \nGoogle tried to deliver your message, but it was rejected by the recipient domain. The error that the other server returned was: 550 550 5.1.1 <jane@x.example>: no such user (state 14).\n\n----- Original message -----\n" + returned, "failed jane@x.example 5.1.1"},
		{"gmail, delay", "Mail Delivery Subsystem <mailer-daemon@googlemail.example>", "Delivery Status Notification (Delay)", "This is an automatically generated Delivery Status Notification\n\nTHIS IS A WARNING MESSAGE ONLY.\n\nYOU DO NOT NEED TO RESEND YOUR MESSAGE.\n\nDelivery to the following recipient has been delayed:\n\n     jane@x.example\n\nMessage will be retried for 2 more day(s)\n", "delayed jane@x.example "},
		{"yahoo", "MAILER-DAEMON@yahoo.example", "Failure Notice", "Sorry, we were unable to deliver your message to the following address.\n\n<jane@x.example>:\n554: delivery error: dd This user doesn't have a yahoo.example account (jane@x.example) [0] - mta1.yahoo.example\n\n--- Below this line is a copy of the message.\n" + returned, "failed jane@x.example "},
		{"mail.ru", "mailer-daemon@corp.mail.ru.example", "Mail failure.", "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. The following address(es) failed:\n\n  jane@x.example\n    SMTP error from remote mail server after RCPT TO:<jane@x.example>:\n    550 5.2.1 account is disabled\n", "failed jane@x.example 5.2.1"},
		{"Russian", "MAILER-DAEMON@x.example", "Недоставленное сообщение", "Это письмо создано автоматически почтовой системой.\n\nВаше сообщение не может быть доставлено одному или нескольким получателям:\n\n  jane@x.example\n    550 5.1.1 Пользователь не найден\n", "failed jane@x.example 5.1.1"},
		{"yandex", "mailer-daemon@yandex.example", "Недоставленное сообщение", "Это письмо отправлено почтовым сервером yandex.example.\n\nК сожалению, мы вынуждены сообщить Вам о том, что Ваше письмо не может\nбыть отправлено одному или нескольким адресатам. Технические подробности можно найти ниже.\n\nПожалуйста, не отвечайте на это сообщение.\n\n<jane@x.example>: host mx.x.example[192.0.2.1] said: 550 5.1.1 no such user\n", "failed jane@x.example 5.1.1"},
		{"Japanese", "postmaster@x.example", "メールを配信できません", "次のあて先へのメッセージはエラーのため送信できませんでした。\n送信先メールアドレスが見つからないか、\n送信先メールサーバの事由により送信できませんでした。\n\n<jane@x.example>\n550 5.1.1 unknown\n", "failed jane@x.example 5.1.1"},
		{"docomo", "mail_system_error@x.example", "宛先不明 / Undeliverable", "以下の宛先にメールを送信できませんでした。\n\nRecipient: <jane@x.example>\n>>> RCPT TO:<jane@x.example>\n<<< 550 Unknown user jane@x.example\n", "failed jane@x.example "},
		{"Chinese", "PostMaster@x.example", "系统退信", "很抱歉，您的邮件未能投递到以下收件人：\n\njane@x.example\n\n退信原因: 550 5.1.1 收件人不存在\n", "failed jane@x.example 5.1.1"},
		{"Chinese, 163", "Postmaster@163.example", "系统退信/Systems bounce", "抱歉，您的邮件被退回来了……\n原邮件信息：\n时  间\t2026-03-02 10:00:00\n主  题\thello\n收件人\tjane@x.example\n\n退信原因：\n无法发送到 jane@x.example\nSMTP error, RCPT TO: 550 5.1.1 User unknown\n", "failed jane@x.example 5.1.1"},
		{"Korean", "postmaster@x.example", "[반송] 메일이 반송되었습니다", "보내신 메일이 다음 수신자에게 배달되지 못했습니다.\n\n<jane@x.example>\n550 5.1.1 No such user\n", "failed jane@x.example 5.1.1"},
		{"Portuguese", "MAILER-DAEMON@x.example", "Mensagem não entregue", "Sua mensagem não foi entregue ao seguinte destinatário:\n\n<jane@x.example>: 550 5.1.1 usuário inexistente\n", "failed jane@x.example 5.1.1"},
		{"Italian", "Postmaster@x.example", "Mancata consegna", "Il messaggio non può essere consegnato al seguente destinatario, impossibile trovare:\n\n<jane@x.example>\n    550 5.1.1 utente sconosciuto\n", "failed jane@x.example 5.1.1"},
		{"Polish", "MAILER-DAEMON@x.example", "Niedostarczona wiadomość", "Wiadomość nie została dostarczona do:\n\n<jane@x.example>: 550 5.1.1 nie ma takiego użytkownika\n", "failed jane@x.example 5.1.1"},
		{"Dutch", "postmaster@x.example", "Onbestelbaar: hello", "Uw bericht kon niet worden bezorgd bij de volgende geadresseerden:\n\njane@x.example<mailto:jane@x.example>\n550 5.1.1 onbekend\n", "failed jane@x.example 5.1.1"},
		{"Turkish", "postmaster@x.example", "Teslim edilemedi: hello", "İletiniz şu alıcılara teslim edilemedi:\n\njane@x.example<mailto:jane@x.example>\n550 5.1.1 bulunamadı\n", "failed jane@x.example 5.1.1"},
		{"Czech", "MAILER-DAEMON@x.example", "Nedoručitelné: hello", "Vaši zprávu se nepodařilo doručit těmto příjemcům:\n\njane@x.example<mailto:jane@x.example>\n550 5.1.1 neexistuje\n", "failed jane@x.example 5.1.1"},
		{"courier", "\"Courier mail server at x.example\" <@>", "NOTICE: mail delivery status.", "This is a delivery status notification from x.example,\nrunning the Courier mail server, version 1.0.\n\nThe original message was received on Mon, 2 Mar 2026\n\n---------------------------------------------------------------------------\n\n                           UNDELIVERABLE MAIL\n\nYour message to the following recipients cannot be delivered:\n\n<jane@x.example>:\n    <<< 550 5.1.1 User unknown.\n", "failed jane@x.example 5.1.1"},
		{"hmailserver", "mailer-daemon@x.example", "Message undeliverable: hello", "Your message did not reach some or all of the intended recipients.\n\n   Sent: Mon, 2 Mar 2026 10:00:00 +0000\n   Subject: hello\n\nThe following recipient(s) could not be reached:\n\njane@x.example\n   Error Type: SMTP\n   Remote server (192.0.2.1) issued an error.\n   hMailServer sent: RCPT TO:<jane@x.example>\n   Remote server replied: 550 5.1.1 unknown\n\nhMailServer\n", "failed jane@x.example 5.1.1"},
		{"mdaemon", "MAILER-DAEMON@x.example", "Permanent Delivery Failure", "The attached message had PERMANENT fatal delivery errors!\n\nFailed address: jane@x.example\n\n--- Session Transcript ---\n <-- 550 5.1.1 unknown\n --- End Transcript ---\n", "failed jane@x.example 5.1.1"},
		{"communigate", "MAILER-DAEMON@x.example", "Undeliverable mail: hello", "Failed to deliver to '<jane@x.example>'\nSMTP module(domain x.example) reports:\n host mx.x.example says:\n 550 5.1.1 unknown\n", "failed jane@x.example 5.1.1"},
		{"mimecast", "postmaster@x.example", "[Postmaster] Email Delivery Failure", "This is a delivery failure notification message indicating that\nan email you addressed to email address :\n-- jane@x.example\n\ncould not be delivered. The problem appears to be :\n-- Recipient email server rejected the message\n\nAdditional information follows :\n-- 5.1.1 no such user\n", "failed jane@x.example 5.1.1"},
		{"smtp2go", "MAILER-DAEMON@x.example", "Delivery Status Notification", "Delivery to the following recipients was aborted after 0 second(s):\n\n  * jane@x.example\n\n550 5.1.1 no\n", "failed jane@x.example 5.1.1"},
		{"success", "MAILER-DAEMON@x.example", "Successful Mail Delivery Report", "This is the mail system at host x.example.\n\nYour message was successfully delivered to the destination(s)\nlisted below.\n\n<jane@x.example>: delivery via mx: 250 2.1.5 Ok\n", "delivered jane@x.example 2.1.5"},
	}
}

func TestBounceKinds(t *testing.T) {
	for _, c := range bounceKinds() {
		m := readMail("Return-Path: <>\nFrom: " + c.from + "\nTo: support@us.example\nSubject: " + c.subject + "\nContent-Type: text/plain; charset=utf-8\n\n" + c.text).Mail
		if m.Class != threads.ClassBounce {
			t.Errorf("%s: %s %q", c.name, m.Class, m.Evidence)
			continue
		}
		got := m.Bounce.Action
		for _, r := range m.Bounce.Recipients {
			got += " " + r.Address + " " + r.Status
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if strings.Contains(c.text, "<1@us.example>") && m.Bounce.OriginalMessageID != "<1@us.example>" {
			t.Errorf("%s: original id %q", c.name, m.Bounce.OriginalMessageID)
		}
	}
}

package gateway

import (
	"encoding/base64"
	"fmt"
	"html"
	"strings"

	"postroom/internal/message"
	"postroom/internal/store"
)

// answerTexts are what engineers write: nothing of it is a secret.
func answerTexts() []string {
	return []string{
		"Hi Jane,\n\nplease update to 2.1, that mends the export.",
		"Dear Jane,\n\nyour invoice goes to billing@client.example, and a copy to you.",
		"Hello,\n\nwrite to sales@vendor.example or call +49 (0)30 1234-567, extension 12.",
		"/etc/hosts is where I would look first:\n\n127.0.0.1 localhost\n::1 localhost ip6-localhost\n203.0.113.7 printer.client.example",
		"Thanks. Bob will have a look at it tomorrow, he built that part.",
		"See https://docs.acme.example/export?lang=en&user=jane%40client.example#step-3 for all of it.",
		"The checksum is 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08,\nthe id 123e4567-e89b-12d3-a456-426614174000.",
		"Run this:\n\n    $ sudo systemctl restart acme-export\n    $ journalctl -u acme-export | tail\n\nand send me what it prints.",
		"1. Open the settings.\n2. Switch \"Export\" on.\n3. Wait a minute.\n\nThat is all.",
		"| plan | price |\n|------|-------|\n| S    | 10 €  |\n| L    | 25 €  |",
		"Guten Tag Frau Doe,\n\ndie Lieferung kommt am 3. Dezember. Rückfragen gern an support@acme.example.",
		"Bonjour Jane,\n\nc’est réglé : il suffit de redémarrer. Merci de votre patience !",
		"こんにちは。\n\nバージョン2.1で直りました。",
		"Yes.",
		"No, sorry: that needs version 3, which comes in spring.",
		"std::vector<int> v; // as in C++\n:: a comment in a batch file\nf :: Int -> Int",
		"Could you reply with a screenshot? You can also drop it at ftp://ftp.acme.example/incoming/.",
		"I have closed the port; in the chat you may use /close or /help, they do the same.",
		"On Monday I wrote: \"it is fixed\". It was not. I am sorry.",
		"The server said:\n\n554 5.7.1 <jane@client.example>: Recipient address rejected\n\nso the mail never reached us.",
		"Please send the key as ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJl3dIeudNqd0DMROwBB0YG7m0vq4uO0mP7yLkV5 jane@laptop.",
		"git clone git@code.example:acme/export.git\ncd export && make",
		"Carol and I tried it with both of your files, and it works here:\n\n> export finished in 3.2 s\n\nMay I have the third?",
		"As agreed on the phone (Tuesday, 14:30): 20 % off, valid until 2026-12-31.",
		"{\n  \"export\": {\"format\": \"csv\", \"user\": \"jane@client.example\"}\n}",
		"Dear all,\n\nI put Joe in copy, he has the printer.",
	}
}

// answerSigns are how they sign.
func answerSigns(name, addr string) []string {
	return []string{
		"",
		"\n\n" + name,
		"\n\nBest regards,\n" + name + "\n-- \n" + name + " · Acme Ltd · " + addr + " · +49 30 1234567",
		"\n\n-- \n" + name + "\nSenior Engineer\nAcme Ltd, 12 Example Street, Berlin\nhttps://acme.example/\nMail: <mailto:" + addr + ">",
		"\n\nSent from my iPhone",
		"\n\nViele Grüße\n" + name + "\n\n-- \nAcme GmbH · Geschäftsführer: Bob Stone · HRB 12345 B",
		"\n\n" + name + "\n\nThis message is confidential. If you are not its addressee, please tell us and delete it; nothing in it binds Acme Ltd.",
		"\n\nCheers, " + name + " (for Bob, who is on holiday)",
	}
}

// answerHeads are fields that mail programs and servers of hers add.
func answerHeads() []string {
	return []string{
		"Received: from alice-t480.home.lan (p5b0c1d2e.isp.example [91.12.29.46]) by smtp.acme.example with ESMTPSA; Mon, 23 Nov 2026 09:00:00 +0000\nUser-Agent: Mozilla Thunderbird\nAutocrypt: addr=alice@acme.example; keydata=abc",
		"X-Mailer: Apple Mail (2.3774.300.61.1.2)\nX-Universally-Unique-Identifier: 0A1B\nX-Uniform-Type-Identifier: com.apple.mail-draft",
		"X-Originating-IP: [91.12.29.46]\nX-MS-Has-Attach: yes\nAccept-Language: en-GB\nThread-Topic: Printer\nThread-Index: AQHabc==\nmsip_labels: x",
		"X-Gm-Message-State: AOJu0Yx\nX-Google-Smtp-Source: AGHT\nX-Received: by 2002:a05:6000:1 with SMTP id x",
		"DKIM-Signature: v=1; a=rsa-sha256; d=acme.example; s=s; b=abc\nARC-Seal: i=1\nReturn-Path: <alice@acme.example>\nDelivered-To: support@acme.example",
		"Sender: alice@acme.example\nDisposition-Notification-To: alice@acme.example\nReturn-Receipt-To: alice@acme.example\nOrganization: Acme",
		"Importance: high\nPriority: urgent\nX-Priority: 1\nSensitivity: company-confidential\nKeywords: printer\nComments: for alice@acme.example",
		"List-Unsubscribe: <mailto:alice@acme.example>\nX-Spam-Status: No\nX-Virus-Scanned: by av.acme.example\nFace: iVBOR\nX-Face: abc\nOpenPGP: id=abc",
		"Resent-From: alice@acme.example\nResent-To: support@acme.example\nX-Originating-Client: x\nMail-Followup-To: alice@acme.example\nBcc: bob@acme.example",
	}
}

// shape is how a mail program lays an answer and the mail it quotes out.
type shape struct {
	name string
	body func(text string, cp sent) string // Content-Type and what follows
}

func answerShapes() []shape {
	return []shape{
		{"plain, on top", func(text string, cp sent) string { return plainPart(text + "\n\n" + quotedBelow(cp)) }},
		{"plain, below", func(text string, cp sent) string { return plainPart(quotedBelow(cp) + "\n\n" + text) }},
		{"flowed", func(text string, cp sent) string {
			return strings.Replace(plainPart(text+"\n\n"+quotedBelow(cp)), "charset=utf-8", "charset=utf-8; format=flowed", 1)
		}},
		{"base64", func(text string, cp sent) string {
			return "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + wrapped(text+"\n\n"+quotedBelow(cp))
		}},
		{"alternative", func(text string, cp sent) string {
			return multipart("alternative", plainPart(text+"\n\n"+quotedBelow(cp)), richPart(text, cp))
		}},
		{"HTML alone", richPart},
		{"with a PDF", func(text string, cp sent) string {
			return multipart("mixed", plainPart(text+"\n\n"+quotedBelow(cp)), "Content-Type: application/pdf; name=manual.pdf\nContent-Disposition: attachment; filename=manual.pdf; size=8; creation-date=\"Mon, 23 Nov 2026 09:00:00 GMT\"\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQK")
		}},
		{"with a picture", func(text string, cp sent) string {
			rich := strings.Replace(richPart(text, cp), "</body>", `<img src="cid:image001.png@01DB3E5F.1C2D3E4F"></body>`, 1)
			return multipart("related", rich, "Content-Type: image/png; name=image001.png\nContent-Disposition: inline; filename=image001.png\nContent-ID: <image001.png@01DB3E5F.1C2D3E4F>\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=")
		}},
		{"with a customer's vCard", func(text string, cp sent) string {
			return multipart("mixed", plainPart(text+"\n\n"+quotedBelow(cp)), "Content-Type: text/vcard; name=acme.vcf\nContent-Disposition: attachment; filename=acme.vcf\n\nBEGIN:VCARD\nVERSION:3.0\nFN:Acme Support\nEMAIL:support@acme.example\nTEL:+49301234567\nEND:VCARD")
		}},
		{"with an invitation", func(text string, cp sent) string {
			return multipart("mixed", plainPart(text+"\n\n"+quotedBelow(cp)), "Content-Type: text/calendar; method=REQUEST; charset=utf-8\n\nBEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:4711\nDTSTART:20261201T100000Z\nORGANIZER:mailto:support@acme.example\nATTENDEE:mailto:jane@client.example\nEND:VEVENT\nEND:VCALENDAR")
		}},
		{"with a log", func(text string, cp sent) string {
			return multipart("mixed", plainPart(text+"\n\n"+quotedBelow(cp)), "Content-Type: text/x-log; name=\"export.log\"; x-unix-mode=0644\nContent-Disposition: attachment; filename=export.log\n\n2026-11-23 09:00:01 export of jane@client.example begins\n2026-11-23 09:00:09 done")
		}},
		{"with a mail", func(text string, cp sent) string {
			return multipart("mixed", plainPart(text+"\n\n"+quotedBelow(cp)), "Content-Type: message/rfc822\nContent-Disposition: attachment\n\nFrom: jane@client.example\nTo: support@acme.example\nSubject: An older one\nMessage-ID: <older@client.example>\n\nAs I wrote in March.")
		}},
	}
}

func plainPart(text string) string {
	return "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + text + "\n"
}

func quotedBelow(cp sent) string {
	return "On Monday, 23 November 2026, " + cp.Mail.Sender().Name + " <support@acme.example> wrote:\n> " +
		strings.ReplaceAll(strings.TrimSpace(cp.Mail.Text), "\n", "\n> ")
}

func richPart(text string, cp sent) string {
	quoted := strings.ReplaceAll(html.EscapeString(strings.TrimSpace(cp.Mail.Text)), "\n", "<br>\n")
	return "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n<html><body><div>" +
		strings.ReplaceAll(html.EscapeString(text), "\n", "</div>\n<div>") + "</div><br>\n<div class=\"attr\">On Monday, " +
		html.EscapeString(cp.Mail.Sender().Name) + " &lt;<a href=\"mailto:support@acme.example\">support@acme.example</a>&gt; wrote:</div>\n<blockquote type=\"cite\" cite=\"mid:" +
		strings.Trim(cp.MessageID, "<>") + "\">" + quoted + "</blockquote></body></html>\n"
}

func multipart(kind string, parts ...string) string {
	const b = "----=_part_7"
	return fmt.Sprintf("Content-Type: multipart/%s; boundary=\"%s\"\n\n--%s\n%s\n--%s--\n", kind, b, b, strings.Join(parts, "\n--"+b+"\n"), b)
}

func wrapped(text string) string {
	all := base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
	var b strings.Builder
	for len(all) > 76 {
		b.WriteString(all[:76] + "\n")
		all = all[76:]
	}
	return b.String() + all + "\n"
}

// answering is a reply to a copy with the head and body given, as her mail
// program would send it.
func (r *rig) answering(cp sent, from, head, body string) string {
	r.ids++
	to := cp.header("Reply-To")
	if to == "" {
		to = "support@acme.example"
	}
	if head != "" {
		head = strings.TrimSpace(head) + "\n"
	}
	return head + fmt.Sprintf("From: %s\nTo: %q <%s>\nSubject: Re: %s\nDate: %s\nMessage-ID: <h%d@alice-t480.home.lan>\nIn-Reply-To: %s\nReferences: %s %s\nMIME-Version: 1.0\n",
		from, cp.Mail.Sender().Name, to, cp.Mail.Subject, r.at(0), r.ids, cp.MessageID, cp.header("References"), cp.MessageID) + body
}

// due is what is queued and not sent, rendered; sendAll gets it out of the way.
func (r *rig) due() []sent {
	r.t.Helper()
	var list []sent
	r.view(func(tx *store.Tx) error {
		return tx.EachOut(func(m store.OutMail) error {
			if m.State != store.OutQueued {
				return nil
			}
			m, _, err := tx.Out(m.ID)
			if err == nil {
				raw := r.render(m)
				list = append(list, sent{m, message.Read(strings.NewReader(raw)), raw})
			}
			return err
		})
	})
	return list
}

func (r *rig) sendAll() {
	r.t.Helper()
	for _, s := range r.due() {
		r.settle(s, store.OutSent)
	}
}

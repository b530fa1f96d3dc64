package message

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

const noteText = "The customer has not paid since March, be careful what you promise him, says Bob from accounting."

func (d desk) rules() Rules {
	return Rules{Scrub: d.scrub(), Notes: []string{noteText}}
}

// composed is a mail to a customer, put together without a Composer, so that
// it can hold what one would take out.
func (d desk) composed(rest string) *Message {
	head := "Date: Tue, 24 Nov 2026 09:20:00 +0000\r\nFrom: \"Alice Ng at Acme Support\" <support@acme.example>\r\nTo: Jane Doe <jane@x.example>\r\n" +
		"Message-ID: " + d.answerID + "\r\nReferences: " + d.root + "\r\nMIME-Version: 1.0\r\n"
	token, _, _ := strings.Cut(strings.TrimPrefix(d.reply, "support+"), "@")
	return readString(strings.NewReplacer("{TOKEN}", token, "{PERCENT}", strings.NewReplacer("+", "%2B", "@", "%40").Replace(d.reply),
		"{TWICE}", strings.NewReplacer("+", "%252B", "@", "%2540").Replace(d.reply), "{ENTITY}", strings.NewReplacer("+", "&#43;", "@", "&#x40;").Replace(d.reply),
		"{FOLDED}", d.reply[:20]+"\r\n "+d.reply[20:], "{BROKEN}", d.reply[:20]+"<wbr>"+d.reply[20:], "{BOLD}", d.reply[:20]+"<b>"+d.reply[20:30]+"</b><i></i>"+d.reply[30:], "{UPPER}", strings.ToUpper(d.reply), "{ZERO}", d.reply[:15]+"&#8203;"+d.reply[15:],
		"{BASE64MAIL}", base64.StdEncoding.EncodeToString([]byte("From: x@x.example\r\n\r\nsee "+d.reply)), "{BASE64}", base64.StdEncoding.EncodeToString([]byte("see "+d.reply))).Replace(head + d.fill(strings.ReplaceAll(rest, "\n", "\r\n"))))
}

func TestLeaks(t *testing.T) {
	d := newDesk()
	plain := "Content-Type: text/plain; charset=utf-8\n\n"
	html := "Content-Type: text/html; charset=utf-8\n\n"
	file := func(fields, body string) string {
		return "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhi\n--b\n" + fields + "\n\n" + body + "\n--b--\n"
	}
	for name, tc := range map[string]struct {
		mail       string
		releasable bool
	}{
		"text":              {plain + "write to {REPLY}", false},
		"upper case":        {plain + "write to {UPPER}", false},
		"token alone":       {plain + "it is {TOKEN}.", false},
		"token id":          {plain + "see {TOKENID}", false},
		"copy id":           {plain + "see {COPYID}", false},
		"base64":            {"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n{BASE64}", false},
		"HTML text":         {html + "<p>write to {REPLY}</p>", false},
		"HTML link":         {html + `<a href="mailto:{PERCENT}?subject=x">x</a>`, false},
		"escaped twice":     {html + `<a href="https://x.example/?u={TWICE}">x</a>`, false},
		"entities":          {html + `<a title='{ENTITY}'>x</a>`, false},
		"comment":           {html + "<p>hi</p><!-- {REPLY} -->", false},
		"broken up":         {html + "<p>{BROKEN}</p>", false},
		"broken by bold":    {html + "<p>{BOLD}</p>", false},
		"hidden":            {html + "<p>x</p><span style=\"display:none\">{BOLD}</span>", false},
		"style":             {html + "<style>.x:after{content:'{REPLY}'}</style><p>x</p>", false},
		"mid":               {html + `<blockquote cite="mid:{COPYLEFT}">x</blockquote>`, false},
		"header":            {"Subject: =?utf-8?q?{REPLY}?=\n" + plain + "x", false},
		"references":        {"In-Reply-To: {TOKENID}\n" + plain + "x", false},
		"foreign header":    {"X-Mailer: x\n" + plain + "x", false},
		"file name":         {file("Content-Type: image/png\nContent-Disposition: attachment; filename=\"{TOKEN}.png\"", "x"), false},
		"vCard":             {file("Content-Type: text/vcard; name=a.vcf", "BEGIN:VCARD\nEMAIL:{FOLDED}\nEND:VCARD"), false},
		"calendar":          {file("Content-Type: text/calendar; method=REQUEST", "ORGANIZER:mailto:{REPLY}"), false},
		"calendar address":  {file("Content-Type: text/calendar; method=REQUEST", "ORGANIZER:mailto:alice@acme.example"), true},
		"attached header":   {file("Content-Type: message/rfc822", "From: x@x.example\nReply-To: {REPLY}\n\nx"), false},
		"attached text":     {file("Content-Type: message/rfc822", "From: x@x.example\n\nsee {REPLY}"), false},
		"attached way":      {file("Content-Type: message/rfc822", "Received: from a by b\nFrom: x@x.example\n\nx"), true},
		"attached file":     {file("Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=x.EML\nContent-Transfer-Encoding: base64", "{BASE64MAIL}"), false},
		"attached, x-eml":   {file("Content-Type: application/x-eml\nContent-Disposition: attachment; filename=x.eml", "From: x@x.example\nContent-Transfer-Encoding: base64\n\n{BASE64}"), false},
		"attached, plain":   {file("Content-Type: text/plain\nContent-Disposition: attachment; filename=x.eml", "From: x@x.example\nContent-Transfer-Encoding: base64\n\n{BASE64}"), false},
		"vCard, no type":    {file("Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=a.vcf", "BEGIN:VCARD\nEMAIL:{FOLDED}\nEND:VCARD"), false},
		"calendar, no type": {file("Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=A.ICS", "ORGANIZER:mailto:{REPLY}"), false},
		"HTML, no type":     {file("Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=a.html", "<p>{BROKEN}</p>"), false},
		"note, no type":     {file("Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=n.txt", noteText), false},
		"attached deep":     {file("Content-Type: message/rfc822", "From: x@x.example\nContent-Type: message/rfc822\n\nFrom: y@x.example\n\nsee {REPLY}"), false},
		"log":               {file("Content-Type: text/x-log\nContent-Disposition: attachment; filename=a.log", "to={REPLY}"), false},
		"zero width":        {html + "<p>write to {ZERO}</p>", false},
		"soft hyphen":       {html + "<p>him: bob@ac&shy;me.example</p>", true},
		"own address":       {plain + "me: Alice@Acme.example", true},
		"colleague":         {plain + "him: bob@acme.example", true},
		"footer":            {plain + "> :.: Reply to this mail", true},
		"footer, blank":     {plain + "Yours, Jane :.:\u00a0Reply to this mail", true},
		"note":              {plain + "By the way: the customer has not paid since March, be careful!", false},
		"note, wrapped":     {plain + "> the customer has NOT\n> paid since March -- be\n> careful what", false},
		"note, HTML":        {html + "<p>the <b>customer</b> has not<br>paid since March, be careful</p>", false},
		"note, file":        {file("Content-Type: text/plain; name=n.txt\nContent-Disposition: attachment", noteText), false},
	} {
		t.Run(name, func(t *testing.T) {
			m := d.composed(tc.mail)
			r := d.rules()
			r.Internal = func(id string) bool { return id == d.tokenID || id == d.copyID }
			got := Leaks(m, r)
			if len(got) == 0 {
				t.Fatal("nothing found")
			}
			hard := false
			for _, f := range got {
				hard = hard || !f.Releasable
			}
			if hard == tc.releasable {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestLeaksPassOrdinaryMail(t *testing.T) {
	d := newDesk()
	r := d.rules()
	r.Allowed = []string{"bob@acme.example"}
	r.Seen = []string{"You wrote: the customer has not paid since March, be careful what you promise"}
	for name, rest := range map[string]string{
		"plain":         "Content-Type: text/plain\n\nHi Jane,\nwrite to support@acme.example or jane@x.example.\n\n> bob@acme.example told me so\n",
		"seen":          "Content-Type: text/plain\n\nthe customer has not paid since March, be careful what you promise\n",
		"seven words":   "Content-Type: text/plain\n\ncareful what you promise him, says Bob of accounting: careful\n",
		"long words":    "Content-Type: text/plain\n\nbetriebswirtschaftsstudium pneumonoultramicroscopics hottentottenstottertrottelm\n",
		"hash":          "Content-Type: text/plain\n\nsha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n",
		"colons":        "Content-Type: text/plain\n\nstd::vector and a :: b\n",
		"image":         "Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n<img src=\"cid:p1.abc@acme.example\">\n--b\nContent-Type: image/png\nContent-ID: <p1.abc@acme.example>\n\nx\n--b--\n",
		"signed by us":  "DKIM-Signature: v=1; a=rsa-sha256; d=acme.example; b=abcdefghijklmnopqrstuvwxyza\n\nx\n",
		"base64":        "Content-Type: text/plain\n\nkey rAbcdeFghij2lmnopqRstuvwxyZ=\n",
		"other plus":    "Content-Type: text/plain\n\nwrite to sales+news@acme.example\n",
		"mixed headers": "Thread-Topic: Export\nThread-Index: AQHabc==\nCc: bob@acme.example\n\nx\n",
	} {
		if got := Leaks(d.composed(rest), r); len(got) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestLeaksOtherScripts: what counts is words, in scripts that write their
// vowels as marks, and in those without blanks a stretch as long.
func TestLeaksOtherScripts(t *testing.T) {
	d := newDesk()
	for name, tc := range map[string]struct {
		note, answer string
		leak         bool
	}{
		"Hindi":              {"ग्राहक ने मार्च से भुगतान नहीं किया है, कृपया सावधान रहें", "हमारे ग्राहक ने मार्च से भुगतान नहीं किया है", true},
		"Hindi, few words":   {"कृपया ग्राहक को बताइए कि मरम्मत हो गई", "कृपया ग्राहक को बताइए कि", false},
		"Chinese":            {"客户从三月起就没有付款，请注意在电话里不要向他们承诺任何事情。", "> 客户从三月起就没有付款，请\n> 注意在电话里", true},
		"Chinese, a formula": {"非常感谢您的耐心等待。客户没有付款。", "非常感谢您的耐心等待。我们来了。", false},
		"Japanese":           {"このお客様は三月からお支払いがありませんのでご注意ください", "このお客様は三月からお支払いがありませんので", true},
		"Thai":               {"ลูกค้ารายนี้ไม่ได้ชำระเงินตั้งแต่เดือนมีนาคม", "ลูกค้ารายนี้ไม่ได้ชำระเงินตั้งแต่เดือน", true},
		"Thai, a greeting":   {"สวัสดีครับ ลูกค้าไม่จ่าย", "สวัสดีครับ เครื่องพิมพ์", false},
	} {
		r := d.rules()
		r.Notes = []string{tc.note}
		m := d.composed("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + tc.answer + "\n")
		if got := Leaks(m, r); (len(got) > 0) != tc.leak {
			t.Errorf("%s: %+v", name, got)
		}
		r.Seen = []string{tc.answer}
		if got := Leaks(m, r); len(got) > 0 {
			t.Errorf("%s, which she has seen: %+v", name, got)
		}
	}
}

func TestLeaksTokenAsked(t *testing.T) {
	d := newDesk()
	r := d.rules()
	var asked []string
	r.Token = func(token string) bool { asked = append(asked, token); return false }
	if got := Leaks(d.composed("Content-Type: text/plain\n\nthe word {TOKEN} is none\n"), r); len(got) > 0 || len(asked) == 0 {
		t.Errorf("got %+v, asked %v", got, asked)
	}
}

// TestCheckLongText: what is too long to be read in the composed mail is read
// when it is composed.
func TestCheckLongText(t *testing.T) {
	d := newDesk()
	body := strings.Repeat("an ordinary line of a log, nothing to see\r\n", maxRead/40) + "to=" + d.reply + "\r\n"
	m := readString("From: Alice <alice@acme.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\nContent-Type: text/x-log; name=a.log\r\n\r\n" + body + "--b--\r\n")
	r, findings, err := d.composer.Answer(m, d.answer())
	if err != nil {
		t.Fatal(err)
	}
	found, err := d.composer.Check(r, []Source{m.src}, d.rules())
	if err != nil {
		t.Fatal(err)
	}
	if all := append(findings, found...); len(all) != 1 || all[0].Releasable {
		t.Errorf("got %+v", all)
	}
}

// TestLeaksTime looks at a large mail with large notes: the time must not be
// a product of both.
func TestLeaksTime(t *testing.T) {
	d := newDesk()
	r := d.rules()
	for i := range 300 {
		r.Notes = append(r.Notes, strings.Repeat("some words of note number "+itoa(i)+" ", 50))
		r.Seen = append(r.Seen, strings.Repeat("words the customer saw, mail "+itoa(i)+" ", 50))
	}
	m := d.composed("Content-Type: text/html\n\n" + strings.Repeat("<p>a line with an address, x@y.example, and @ signs @@@ %40 &amp; more", 5000))
	begun := time.Now()
	if got := Leaks(m, r); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

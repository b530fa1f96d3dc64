package gateway

import (
	"crypto/sha256"
	"fmt"
	"html"
	"mime"
	"strings"
	"testing"
	"time"
	"unicode"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

const leakedNote = "The customer has not paid since March so be careful what you promise them on the phone."

// leakPlaces are where something internal may stand in a reply. Each makes the
// body of a mail around the secret, which is one line.
func leakPlaces() map[string]func(secret string) string {
	attached := func(fields, body string) string {
		return multipart("mixed", plainPart("Hi Jane, see below."), fields+"\n\n"+body)
	}
	rich := func(inner string) string {
		return "Content-Type: text/html; charset=utf-8\n\n<html><body><p>Hi Jane.</p>" + inner + "</body></html>\n"
	}
	return map[string]func(string) string{
		"text":       func(s string) string { return plainPart("Hi Jane,\n\n" + s + "\n\nAlice") },
		"upper case": func(s string) string { return plainPart("Hi Jane,\n\n" + strings.ToUpper(s) + "\n") },
		"quotation": func(s string) string {
			return plainPart("Hi Jane.\n\nOn Monday somebody wrote:\n> " + s + "\n> more\n")
		},
		"base64 text": func(s string) string {
			return "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + wrapped("Hi Jane,\n"+s)
		},
		"HTML text":      func(s string) string { return rich("<p>" + html.EscapeString(s) + "</p>") },
		"HTML attribute": func(s string) string { return rich(`<p title="` + html.EscapeString(s) + `">x</p>`) },
		"HTML link":      func(s string) string { return rich(`<a href="https://x.example/?q=` + urlQuery(s) + `">x</a>`) },
		"HTML comment":   func(s string) string { return rich("<!-- " + s + " -->") },
		"HTML hidden":    func(s string) string { return rich(`<div style="display:none">` + html.EscapeString(s) + "</div>") },
		"HTML data":      func(s string) string { return rich(`<div data-note="` + html.EscapeString(s) + `">x</div>`) },
		"vCard": func(s string) string {
			return attached("Content-Type: text/vcard; name=a.vcf\nContent-Disposition: attachment; filename=a.vcf", "BEGIN:VCARD\nFN:Alice\nNOTE:"+folded(s)+"\nEND:VCARD")
		},
		"calendar": func(s string) string {
			return attached("Content-Type: text/calendar; method=REQUEST", "BEGIN:VCALENDAR\nDESCRIPTION:"+folded(s)+"\nEND:VCALENDAR")
		},
		"attached text": func(s string) string {
			return attached("Content-Type: text/x-log; name=a.log\nContent-Disposition: attachment; filename=a.log", "line\n"+s+"\nline")
		},
		"attached JSON": func(s string) string {
			return attached("Content-Type: application/json; name=a.json\nContent-Transfer-Encoding: base64", wrapped(fmt.Sprintf("{%q: %q}", "x", s)))
		},
		"attached mail": func(s string) string {
			return attached("Content-Type: message/rfc822", "From: x@x.example\nSubject: x\n\n"+s)
		},
		"header of an attached mail": func(s string) string {
			return attached("Content-Type: message/rfc822", "From: x@x.example\nSubject: "+mime.QEncoding.Encode("utf-8", "é "+s)+"\n\nhi")
		},
		"file name": func(s string) string {
			return attached("Content-Type: application/pdf\nContent-Disposition: attachment; filename=\""+strings.ReplaceAll(s, `"`, "")+".pdf\"", another("name"+s))
		},
		"list item, flowed": func(s string) string {
			return strings.Replace(plainPart("Hi Jane,\n\n - one\n - "+s+"\n\nAlice"), "charset=utf-8", "charset=utf-8; format=flowed", 1)
		},
		"description": func(s string) string {
			return attached("Content-Type: application/pdf; name=a.pdf\nContent-Description: "+s, another(s))
		},
	}
}

// another is the content of a file that no other secret comes with: the same
// mail twice would be held for that.
func another(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }

func urlQuery(s string) string {
	return strings.NewReplacer("@", "%40", "+", "%2B", " ", "%20", "<", "%3C", ">", "%3E", `"`, "%22").Replace(s)
}

// folded breaks a line as RFC 6350 §3.2 has it.
func folded(s string) string {
	if len(s) < 20 {
		return s
	}
	return s[:15] + "\n " + s[15:]
}

// TestLeaks puts each kind of secret into each place of a reply. What goes to
// the customer does not show it; else the reply is held, and says why.
func TestLeaks(t *testing.T) {
	r := newRig(t, nil)
	r.comes(r.wrote("Joe <joe@shop.example>", "Another matter", "Something else."))
	elsewhere := r.due()
	r.sendAll()
	r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns."))
	cp := slicesOf(r.due(), store.OutCopy)[0]
	r.sendAll()
	her, colleague := cp.To, alice
	if her == alice {
		colleague = bob
	}
	r.comes(r.reply(cp, her, "/note\n\n"+leakedNote))
	r.sendAll()
	token, _ := r.g.names.Token(cp.header("Reply-To"))
	secrets := map[string]string{
		"her reply address":         cp.header("Reply-To"),
		"a token alone":             token,
		"a token id":                strings.Fields(cp.header("References"))[1],
		"the id of her copy":        cp.MessageID,
		"her own address":           her,
		"a colleague's address":     colleague,
		"a line of a footer":        ":.: " + "Alice, it is your turn. This is conversation 2.",
		"a note":                    leakedNote,
		"an id of another customer": "<m1@client.example>",
		"a copy of another":         elsewhere[0].MessageID,
		"the name of her machine":   "alice-t480.home.lan",
	}
	scrubbed, held, fields := 0, 0, map[string]int{}
	for kind, secret := range secrets {
		for place, body := range leakPlaces() {
			r.now = r.now.Add(31 * time.Minute)
			head := "Received: from alice-t480.home.lan (host.isp.example [91.12.29.46]) by smtp.acme.example"
			r.comes(r.answering(cp, her, head, body(secret)))
			answers := slicesOf(r.due(), store.OutAnswer)
			switch h := r.holds(); {
			case len(answers) == 1 && len(h) == 0:
				scrubbed++
				if shows(answers[0], secret) {
					t.Errorf("%s in %s goes out:\n%s", kind, place, answers[0].raw)
				}
				checkFields(t, answers[0], fields)
			case len(answers) == 0 && len(h) == 1:
				held++
				if h[0].Why != threads.WhyLeak && h[0].Why != threads.WhyEmpty || h[0].Reason == "" {
					t.Errorf("%s in %s: held as %q: %s", kind, place, h[0].Why, h[0].Reason)
				}
				if err := r.ask(VerbDiscard, "hold", h[0].ID); err != nil {
					t.Fatal(err)
				}
			default:
				t.Fatalf("%s in %s: %d answers, %d held", kind, place, len(answers), len(h))
			}
			r.sendAll()
		}
	}
	t.Logf("%d replies: %d scrubbed, %d held", scrubbed+held, scrubbed, held)
	if scrubbed == 0 || held < 50 || scrubbed+held < 200 {
		t.Errorf("%d scrubbed, %d held", scrubbed, held)
	}
}

// shows looks for a secret in a mail as it stands and in all it decodes to,
// words alone, whatever is between them.
func shows(s sent, secret string) bool {
	words := func(text string) string {
		return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), " ")
	}
	return strings.Contains(words(everything(s.Message, s.raw, 0)), words(secret))
}

// everything is all that can be read in a mail, in whatever layers.
func everything(m *message.Message, raw string, depth int) string {
	all := raw + "\n"
	for _, f := range m.Header {
		dec := mime.WordDecoder{}
		if v, err := dec.DecodeHeader(f.Value); err == nil {
			all += v + "\n"
		}
	}
	for _, p := range m.Leaves() {
		text := decodedPart(m, p)
		all += text + "\n" + strings.NewReplacer("\r\n ", "", "\n ", "").Replace(text) + "\n" + html.UnescapeString(text) + "\n" +
			strings.NewReplacer("%40", "@", "%2B", "+", "%20", " ", "%3C", "<", "%3E", ">").Replace(text) + "\n" + p.Filename + "\n"
		if p.Type == "message/rfc822" && depth < 3 {
			all += everything(message.Read(strings.NewReader(text)), "", depth+1)
		}
	}
	return all
}

func decodedPart(m *message.Message, p *message.Part) string {
	var b strings.Builder
	buf := make([]byte, 4096)
	r := m.Open(p)
	for {
		n, err := r.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			break
		}
	}
	return b.String()
}

// TestLeakExceptions: what the customer's side knows already is no leak.
func TestLeakExceptions(t *testing.T) {
	for name, tt := range map[string]struct{ theirs, answer string }{
		"a colleague's address she wrote herself": {"Cc: " + bob, "Hi Jane,\n\nBob (" + bob + ") is on holiday."},
		"words of a note that are hers":           {"", "You wrote: the printer burns since Monday and nobody of you has come to look at it."},
		"the support address":                     {"", "Write to support@acme.example."},
		"a machine she named":                     {"", "Then alice-t480.home.lan is the one you saw in the log."},
		"her own id":                              {"", "Your mail <m1@client.example> is here."},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			extra := []string{"X-Nothing: 1"}
			if tt.theirs != "" {
				extra = append(extra, tt.theirs)
			}
			r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "the printer burns since Monday and nobody of you has come to look at it, alice-t480.home.lan says the log", extra...))
			cp := r.one(store.OutCopy, alice)
			r.gone()
			r.comes(r.reply(cp, alice, "/note\n\nShe says the printer burns since Monday and nobody of you has come to look at it."))
			r.gone()
			r.comes(r.answering(cp, alice, "Received: from alice-t480.home.lan (x) by smtp.acme.example", plainPart(tt.answer)))
			if h := r.holds(); len(h) != 0 || r.answers() != 1 {
				t.Errorf("held: %+v", h)
			}
		})
	}
}

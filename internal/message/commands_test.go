package message

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postroom/threads"
)

func commandsOf(m *threads.Mail) string {
	var list []string
	for _, c := range m.Commands {
		list = append(list, strings.TrimSpace(c.Word+" "+c.Arg))
	}
	return strings.Join(list, "|")
}

// TestCommandsAsClientsWriteThem: what keyboards, autocorrection and the plain
// text of HTML mail make of a command line.
func TestCommandsAsClientsWriteThem(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("they owe us money and ", 60)) // a phone breaks no lines
	for text, want := range map[string]string{
		"/close":                                "close",
		"/Close":                                "close",
		"/CLOSE.":                               "close",
		"\u00a0/close\u00a0":                    "close",
		"\ufeff/close":                          "close",
		"\u200b/close\u200b":                    "close",
		"\u202a/close\u202c":                    "close",
		"\u2067\u200f/close\u2069":              "close",
		"\u00ad/close":                          "close",
		"\ufffc\ufe0f/close":                    "close",
		"/note:call me":                         "note call me",
		"/note,\u00a0call: me":                  "note call: me",
		"/NOTE\uff1acall me":                    "note call me",
		"/etc:x":                                "",
		"\\note call me":                        "note call me",
		"\\server":                              "",
		"\\\\close\\share":                      "",
		"\\note{a}":                             "",
		"*/close*":                              "close",
		"`/close`":                              "close",
		"\uff0fclose":                           "close",
		"\uff0f\uff43\uff4c\uff4f\uff53\uff45":  "close",
		"/ close":                               "close",
		"/ etc":                                 "",
		"/answer \u201creset\u201d":             "answer reset",
		"/answer \u00abreset\u00bb":             "answer reset",
		"/answer \u2018reset\u2019":             "answer reset",
		"/assign\u00a0Bob\u00a0Stone":           "assign Bob Stone",
		"/assign  Bob   Stone":                  "assign Bob Stone",
		"/subject The \u201cred\u201d light":    "subject The \u201cred\u201d light",
		"/cc a@b.example, c@d.example":          "cc a@b.example, c@d.example",
		"/tag x\n/close\n\nHello":               "tag x|close",
		"/tag x\n\n\n/close\n":                  "tag x|close",
		"/close\n-- \nAlice":                    "close",
		"/close\n\nSent from my iPhone":         "close",
		"/note call her\nand him":               "note call her",
		"/note " + long + "\nand him":           "note " + long,
		"/etc/hosts is missing":                 "",
		"/a/b":                                  "",
		"//close":                               "",
		"/":                                     "",
		"Hello\n/close":                         "",
		"> /close\n\nOn Monday somebody wrote:": "",
		"/24 is a net":                          "",
		"/close https://acme.example/a\n\nHello.": "close https://acme.example/a",
	} {
		m := Read(strings.NewReader("From: a@acme.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + strings.ReplaceAll(text, "\n", "\r\n") + "\r\n"))
		if got := commandsOf(&m.Mail); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestCommandsInHTML are found and taken out alike, whatever lines are made of.
func TestCommandsInHTML(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("they owe us money and ", 60))
	for html, want := range map[string]string{
		`<div>/note ` + long + `</div><div>Hello</div>`:                                                "note " + long,
		`<div>/close</div><div><br></div><div>Hello</div>`:                                             "close",
		`/close<br><br>Hello`:                                                                          "close",
		`<p>/tag x</p><p>/close</p><p>Hello</p>`:                                                       "tag x|close",
		`<div dir="auto">/Close&nbsp;</div><div dir="auto"><br></div><div dir="auto">Hello</div>`:      "close",
		`<div class=WordSection1><p class=MsoNormal>/assign&nbsp;bob<o:p></o:p></p><p>Hello</p></div>`: "assign bob",
		`<div><b>/close</b></div><div>Hello</div>`:                                                     "close",
		`<div>/<span>close</span></div><div>Hello</div>`:                                               "close",
		`<div>/cc <a href="mailto:a@b.example">a@b.example</a></div><div>Hello</div>`:                  "cc a@b.example",
		"<div>/close\n</div>\n<p>Hello</p>":                                                            "close",
		`<table><tr><td>/close</td></tr><tr><td>Hello</td></tr></table>`:                               "close",
		`<blockquote type="cite">/close</blockquote><div>Hello</div>`:                                  "",
		`<div>Hello</div><div>/close</div><div>is what to type.</div>`:                                 "",
	} {
		raw := "From: a@acme.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><head><style>p {}</style></head><body>" + html + "</body></html>\r\n"
		m := Read(strings.NewReader(raw))
		if got := commandsOf(&m.Mail); got != want {
			t.Errorf("%s: %q, want %q (text %q)", html, got, want, m.Mail.NewText)
		}
		if want == "" {
			continue
		}
		clean := newScrubber(Scrub{Names: threads.NewNames("support@acme.example", "")}).cleanHTML(html, "HTML")
		if shown := strings.TrimSpace(flattenHTML(clean, 1000)); shown != "Hello" {
			t.Errorf("%s: the customer reads %q", html, shown)
		}
	}
}

func TestSubjectCommand(t *testing.T) {
	for subject, want := range map[string]string{
		"/close": "close", "Re: /close": "close", "AW: /Close": "close", "Re: Re: /snooze 2d": "snooze 2d",
		"Re: /etc/hosts": "", "Re: /frobnicate": "", "Re: close": "", "[EXT] Re: /close": "close",
	} {
		m := Read(strings.NewReader("From: a@acme.example\r\nSubject: " + subject + "\r\n\r\n\r\n"))
		got := ""
		if c := m.Mail.SubjectCommand; c != nil {
			got = strings.TrimSpace(c.Word + " " + c.Arg)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", subject, got, want)
		}
	}
}

func TestStray(t *testing.T) {
	for text, want := range map[string]string{
		"Hello\n/close":                    "/close",
		"Hello\n/close\n/tag x":            "/close",
		"Hello\n/note secret\nmore":        "/note secret",
		"Hello\n/close\n\n-- \n/note":      "/note",
		"Hello\n-- \nAlice\n/note secret":  "/note secret",
		"Hello\n-- \nAlice\n/close":        "",
		"Hello\n/close\nHello":             "",
		"Hello\n/close\nSent from my iPad": "/close",
		"Hello\n\u200b/note secret":        "\u200b/note secret",
		"Hello\n\u202b/note secret\u202c":  "/note secret",
		"Hello\n/note:secret":              "/note:secret",
		"Hello\n\\note secret":             `\note secret`,
		"Hello\n/usr/bin":                  "",
		"Hello\n/frobnicate":               "",
		"Hello":                            "",
	} {
		if got := stray(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// FuzzCommands: whatever stands at the top of what is new, what is read as a
// command is taken out of the answer, and nothing else is.
func FuzzCommands(f *testing.F) {
	for _, s := range []string{"/close\n\nHello", "\uff0fclose\n", "*/close*\nx", "/ close", "/a/b", "/note x\n/y\nz", "/answer “x”", ":: footer\n/close", "> x\n/close\ny", "/tag x\n> y\n\n/close\nz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4000 {
			return
		}
		commands, rest := readCommands(newText(text))
		left := StripAnswer(text)
		if again, _ := readCommands(newText(left)); len(again) > 0 && len(commands) < maxCommands {
			t.Errorf("%q: %v is still there in %q", text, again, left)
		}
		for _, c := range commands {
			if c.Word == "" || strings.ContainsAny(c.Arg, "\r\n") {
				t.Errorf("%q: %+v", text, c)
			}
		}
		if len(commands) == 0 && !slices.ContainsFunc(strings.Split(text, "\n"), footerLine) && left != text {
			t.Errorf("%q became %q", text, left)
		}
		_ = fmt.Sprint(rest, stray(rest))
	})
}

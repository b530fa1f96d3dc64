package message

import (
	"strings"
	"testing"
)

// TestCommandsAreNotRead: what is obeyed as a command, or meant for one, is
// nothing the customer reads, wherever an engineer writes.
func TestCommandsAreNotRead(t *testing.T) {
	const quoted = "On Monday, 23 November 2026, Jane Doe <jane@x.example> wrote:\n> It burns.\n"
	const rich = `<div>On Monday, Jane Doe wrote:</div><blockquote type="cite">It burns.</blockquote>`
	for name, tt := range map[string]struct {
		plain, html string
		want        string // the plain text
		found       string // a part of what is found
		releasable  bool
	}{
		"below the quotation":       {plain: quoted + "\n/close\n/tag x\n\nUse water.\n", want: quoted + "\nUse water.\n"},
		"above and below":           {plain: "/close\n" + quoted + "\n/tag x\n\nUse water.\n", want: quoted + "\nUse water.\n"},
		"below it, in HTML":         {html: rich + "<div>/close</div><div>Use water.</div>", want: "On Monday, Jane Doe wrote:\n\n> It burns.\nUse water."},
		"in both":                   {plain: quoted + "\n/close\n\nUse water.\n", html: rich + "<div>/close</div><div>Use water.</div>", want: quoted + "\nUse water.\n"},
		"a path":                    {plain: quoted + "\n/etc/hosts it is.\n", want: quoted + "\n/etc/hosts it is.\n"},
		"quoted":                    {plain: "Type /close.\n> /note\n", want: "Type /close.\n> /note\n"},
		"in the HTML alone":         {plain: "This mail is HTML.\n", html: "<p>/note</p><p>They never pay.</p>", found: "in its HTML and not in its plain text: /note"},
		"a note in what is quoted":  {plain: "See below.\n\n-----Original Message-----\nFrom: Jane Doe\nSent: Monday\nTo: x@acme.example\nSubject: Fire\n\nIt burns.\n\n/note\nThey never pay.\n", found: "a command of yours, /note", releasable: true},
		"one again, far below":      {plain: "/close\n\nUse water.\n/close\nHello\n", found: "a command of yours, /close", releasable: true},
		"one again, in a later one": {plain: "/close\n\nUse water.\n", html: "<p>Use water.</p><p>/close</p><p>Hello</p>", found: "a command of yours, /close", releasable: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			plain := "Content-Type: text/plain; charset=utf-8\n\n" + tt.plain
			html := "Content-Type: text/html; charset=utf-8\n\n" + tt.html
			body := plain
			switch {
			case tt.plain == "":
				body = html
			case tt.html != "":
				body = "Content-Type: multipart/alternative; boundary=b\n\n--b\n" + plain + "\n--b\n" + html + "\n--b--\n"
			}
			m := readString(strings.ReplaceAll("From: Alice Ng <alice@acme.example>\n"+body, "\n", "\r\n"))
			out, findings := answerFor(t, d, m, d.answer())
			if tt.found != "" {
				if len(findings) == 0 || !strings.Contains(findings[0].What, tt.found) || findings[0].Releasable != tt.releasable {
					t.Errorf("found %+v in\n%s", findings, out)
				}
				return
			}
			got := strings.TrimRight(readString(out).Mail.Text, "\n")
			if got != strings.TrimRight(tt.want, "\n") || len(findings) > 0 || strings.Contains(out, ">/close") {
				t.Errorf("%q, want %q; found %+v in\n%s", got, tt.want, findings, out)
			}
		})
	}
}

package message

import (
	"html"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCleanHTML(t *testing.T) {
	d := newDesk()
	for name, tc := range map[string]struct{ in, want string }{
		"commands":          {"<div>/close</div><div>/tag&nbsp;x</div><div>Hi</div>", "<div></div><div></div><div>Hi</div>"},
		"commands and <br>": {"/close<br>/note<br><br>Hi<br>", "Hi<br>"},
		"only at the top":   {"<p>Hi</p><p>/close</p>", "<p>Hi</p><p>/close</p>"},
		"path":              {"<p>/etc/hosts</p>", "<p>/etc/hosts</p>"},
		"command in bold":   {"<p><b>/clo</b>se</p><p>Hi</p>", "<p><b></b></p><p>Hi</p>"},
		"footer":            {"<p>Hi</p><div>:.: one<br>:.: <a href=\"mailto:{REPLY}\">x</a></div>", "<p>Hi</p><div></div>"},
		"footer in table":   {"<table><tr><td>:.: one</td></tr></table><p>Hi</p>", "<table><tr><td></td></tr></table><p>Hi</p>"},
		"quoted footer":     {"<p>Hi</p><blockquote type=\"cite\"><p>text</p>&gt; :.: one<br></blockquote>", "<p>Hi</p><blockquote type=\"cite\"><p>text</p></blockquote>"},
		"head never closed": {"<html><head><style>p{}</style><p>/close</p><p>Hi</p>", "<html><head><style>p{}</style><p></p><p>Hi</p>"},
		"title":             {"<html><head><title>/close</title></head><body>/close<p>Hi</p></body></html>", "<html><head><title>/close</title></head><body><p>Hi</p></body></html>"},
		"comments":          {"<p>Hi<!-- {REPLY} --></p><![if !mso]>x<![endif]>", "<p>Hi</p>x"},
		"generator":         {"<meta name=Generator content=\"Word\"><p>Hi</p>", "<p>Hi</p>"},
		"charset":           {"<meta charset=iso-8859-1><p>Hi</p>", "<meta charset=\"utf-8\"><p>Hi</p>"},
		"link":              {"<a href='mailto:{REPLY}?subject=%2Fclose'>x</a>", "<a href=\"mailto:support@acme.example\">x</a>"},
		"link, escaped":     {"<a href='MAILTO:{ESCAPED}'>x</a>", "<a href=\"mailto:support@acme.example\">x</a>"},
		"safe link":         {"<a href=\"" + html.EscapeString(safeLink("https://client.example/a?b=c&d=e")) + "\">x</a>", "<a href=\"https://client.example/a?b=c&amp;d=e\">x</a>"},
		"entity":            {"<p>{ENTITY}</p>", "<p>support@acme.example</p>"},
		"any attribute":     {"<span data-hovercard=\"alice@acme.example\">x</span>", "<span data-hovercard=\"support@acme.example\">x</span>"},
		"mid":               {"<blockquote cite=\"mid:{COPYLEFT}\" class=\"q\">x</blockquote>", "<blockquote class=\"q\">x</blockquote>"},
		"a file of hers":    {"<img src=\" file:///C:/Users/alice/logo.png\" alt=\"Logo\">x", "<img alt=\"Logo\">x"},
		"pre":               {"<pre>/close\nHi\n:.: one\nend\n</pre>", "<pre>Hi\nend\n</pre>"},
		"broken up":         {"<p>a<b>lice@ac</b>me.example!</p>", "<p>support@acme.example<b></b>!</p>"},
		"colleague quoted":  {"<p>Hi</p><blockquote>bob@acme.example</blockquote>", "<p>Hi</p><blockquote>support@acme.example</blockquote>"},
		"via over lines":    {"<p>On Monday, Jane Doe via\nAcme   Support wrote:</p>", "<p>On Monday, Jane Doe wrote:</p>"},
		"style":             {"<style>a{content:'alice@acme.example'}</style><p>Hi</p>", "<style>a{content:'support@acme.example'}</style><p>Hi</p>"},
		"escaping stays":    {"<p>1 &lt; 2 &amp; alice@acme.example &amp;lt;</p>", "<p>1 &lt; 2 &amp; support@acme.example &amp;lt;</p>"},
	} {
		r := strings.NewReplacer("{ESCAPED}", strings.NewReplacer("+", "%2B", "@", "%40").Replace(d.reply), "{ENTITY}", strings.NewReplacer("+", "&#43;", "@", "&#64;").Replace(d.reply))
		s := newScrubber(d.scrub())
		if got := s.cleanHTML(r.Replace(d.fill(tc.in)), "HTML"); got != tc.want || len(s.findings) > 0 {
			t.Errorf("%s:\n got %q\nwant %q %v", name, got, tc.want, s.findings)
		}
	}
}

func TestCleanHTMLColleague(t *testing.T) {
	s := newScrubber(newDesk().scrub())
	in := `<p>Ask <a href="mailto:bob@acme.example">Bob</a></p>`
	if got := s.cleanHTML(in, "HTML"); got != in || len(s.findings) != 1 {
		t.Errorf("got %q, %v", got, s.findings)
	}
}

// TestCleanHTMLUntouched: where there is nothing to take out, not an octet is
// changed.
func TestCleanHTMLUntouched(t *testing.T) {
	d := newDesk()
	piece := rapid.SampledFrom([]string{"<p>", "</p>", "<div class=x>", "</div>", "<br/>", "text ", "&amp;", "&nbsp;", "&#8364;", "\n", "  ", "<b>", "</b>", "<a href='https://x.example/?a=1&b=2'>",
		"</a>", "<img src=\"cid:x\" alt='&quot;'>", "<blockquote type=cite>", "</blockquote>", "<pre>", "</pre>", "jane@x.example", "<td>", "ä", "1 < 2", "<style>p>a{}</style>", "<O:P></O:P>"})
	rapid.Check(t, func(t *rapid.T) {
		in := "x" + strings.Join(rapid.SliceOfN(piece, 0, 40).Draw(t, "pieces"), "")
		if got := newScrubber(d.scrub()).cleanHTML(in, "HTML"); got != in {
			t.Fatalf("%q became %q", in, got)
		}
	})
}

// TestScrubAnything: whatever stands around them, no secret survives.
func TestScrubAnything(t *testing.T) {
	d := newDesk()
	secret := rapid.SampledFrom([]string{d.reply, strings.ToUpper(d.reply), "alice@acme.example", "A.Ng@Acme.Example", strings.Trim(d.tokenID, "<>"), strings.Trim(d.copyID, "<>")})
	around := rapid.SampledFrom([]string{"", " ", "<", ">", "\"", "'", "(", ")", "mailto:", "\n> ", "\n", ",", "ä", "请", "*", "_", "=", "/", "?", ";", " via Acme Support <", "\u00a0", "\u200b"})
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for range rapid.IntRange(1, 5).Draw(t, "n") {
			b.WriteString(around.Draw(t, "before"))
			b.WriteString(secret.Draw(t, "secret"))
			b.WriteString(around.Draw(t, "behind"))
		}
		s := newScrubber(d.scrub())
		s.look(s.text(b.String(), "text"), "text")
		if len(s.findings) > 0 {
			t.Fatalf("%q: %+v", b.String(), s.findings)
		}
	})
}

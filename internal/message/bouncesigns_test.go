package message

import (
	"strings"
	"testing"
)

// The words of a report count in any case, with any white space between them,
// and only where a word begins.
func TestReportWords(t *testing.T) {
	for text, want := range map[string]bool{
		"":                                false,
		" Could NOT\r\n\tbe  Delivered. ": true,
		"(final-recipient: a@b":           true,
		"could not":                       false,
		"couldnotbe delivered":            false,
		"could not\u00a0be delivered":     false,
		"xundelivered":                    false,
		"550-Undelivered":                 true,
		"\u00a0é undelivered":             true,
		"Письмо НЕ \n ДОСТАВЛЕНО":                  true,
		strings.Repeat("x ", 4000) + "undelivered": false,
	} {
		if got := newReportWords(text).failure; got != want {
			t.Errorf("%.60q: failure %t, want %t", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"Your mail was\ndelivered.":                         "delivered",
		"Your mail was not delivered. It was delivered not": "delivered",
		"It was NOT successfully delivered":                 "failed",
		"We WILL\nretry.":                                   "delayed",
		"Unwill retry":                                      "failed",
	} {
		if got := newReportWords(text).action("Report"); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// A line without a colon is an attribution by a verb at its end, also when
// words in other scripts stand before it.
func TestRateByEnding(t *testing.T) {
	far := strings.Repeat("é", 40)
	for s, want := range map[string]strength{
		"---- On 3.3.2026 10:02 Jane wrote ----":         strongAttribution,
		"---- On 3.3.2026 10:02 " + far + " wrote ----":  strongAttribution,
		"On 3.3.2026 10:02 Jane wrote what she meant":    notAttribution,
		"On 3.3.2026 10:02 Jane wrote <jane@example.com": strongAttribution,
		"Jane wrote:": weakAttribution,
		"She wrote that much more was to come of it, namely:": notAttribution,
	} {
		if got := rate(s); got != want {
			t.Errorf("rate(%q) = %d, want %d", s, got, want)
		}
	}
}

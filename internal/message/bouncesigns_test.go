package message

import (
	"strings"
	"testing"
)

// Flattening must find the same words as the plain way to do it.
func TestFlatWords(t *testing.T) {
	for _, s := range []string{"", " ", "\n\n", "a", " Could NOT\r\n\tbe  Delivered. ", "a\v\fB\rC", "Zustellung an MÜLLER\u00a0 fehl", "x\x00 Y\x1c Z", "Nicht\u0085Zugestellt"} {
		want := strings.ToLower(strings.Join(strings.Fields(s), " "))
		if got := flatWords(s); got != want {
			t.Errorf("flatWords(%q) = %q, want %q", s, got, want)
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

package message

import (
	"strings"
	"testing"
)

func TestFindingWords(t *testing.T) {
	for _, tt := range []struct {
		found []Finding
		want  string
	}{
		{nil, ""},
		{[]Finding{{Where: "text", What: "a token"}, {Where: "plain", What: "a token"}}, "a token (in the text)"},
		{[]Finding{{Where: "plain", What: "a token"}, {Where: "html", What: "a note"}, {Where: "html", What: "a token"}},
			"a token (in the text, in the HTML text)|a note (in the HTML text)"},
		{[]Finding{{Where: "header Subject", What: "x"}}, "x (in the field Subject)"},
		{[]Finding{{Where: "header", What: "x"}}, "x (in the header)"},
		{[]Finding{{Where: "attachment jane.vcf", What: "x"}}, "x (in the attachment jane.vcf)"},
		{[]Finding{{Where: "attached message, ", What: "x"}}, "x (in an attached mail)"},
		{[]Finding{{Where: "attached message, attached message, header Cc", What: "x"}}, "x (in the field Cc of an attached mail)"},
	} {
		if got := strings.Join(FindingWords(tt.found), "|"); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.found, got, tt.want)
		}
	}
}

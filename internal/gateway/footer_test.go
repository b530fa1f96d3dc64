package gateway

import (
	"strings"
	"testing"

	"postroom/internal/store"
)

// TestFooterSizes: whose turn it is, what a reply does and everybody it will
// reach; the actions as links; or less, as the operator wants it.
func TestFooterSizes(t *testing.T) {
	for size, want := range map[string][]string{
		"full": {
			":.: Alice, it is your turn. This is conversation 1.",
			`:.: Just reply: it goes out as "Alice Ng at Acme Support" to Jane Doe <jane@client.example>, Joe <joe@shop.example> and kim@third.example.`,
			":.: Close it without an answer: mailto:support+r", ":.: Write a note for colleagues alone: mailto:support+r",
		},
		"line": {":.: Alice, it is your turn. This is conversation 1. A reply goes to Jane Doe <jane@client.example>, Joe <joe@shop.example> and kim@third.example."},
		"none": nil,
	} {
		t.Run(size, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Footer = size })
			r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns.", "Cc: Joe <joe@shop.example>, kim@third.example"))
			cp := r.one(store.OutCopy, alice)
			var ours []string
			for l := range strings.SplitSeq(cp.Mail.Text, "\n") {
				if rest, ok := strings.CutPrefix(l, ":.: "); ok {
					ours = append(ours, rest)
				}
			}
			got := ":.: " + strings.Join(ours, " ")
			for _, w := range want {
				if !strings.Contains(got, strings.TrimPrefix(w, ":.: ")) {
					t.Errorf("no %q in\n%s", w, cp.Mail.Text)
				}
			}
			if size != "full" && strings.Contains(cp.Mail.Text, "mailto:") || want == nil && got != ":.: " {
				t.Errorf("too much:\n%s", cp.Mail.Text)
			}
		})
	}
}

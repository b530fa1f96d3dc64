package message

import (
	"strings"
	"testing"
)

func TestSoleFrom(t *testing.T) {
	tests := []struct {
		header string
		want   bool
	}{
		{"From: alice@acme.example", true},
		{"From: Alice Ng <Alice@Acme.Example>", true},
		{`From: "Ng: Alice; (x)" <alice@acme.example>`, true},
		{"From: alice@acme.example (Alice: me;)", true},
		{"From: =?utf-8?q?Alice?= <alice@acme.example>", true},
		{"From: alice@acme.example\r\nFrom: bob@acme.example", false},
		{"From: alice@acme.example\r\nFrom:", false},
		{"From: alice@acme.example, bob@acme.example", false},
		{"From: Team: alice@acme.example;", false},
		{"From: Team: alice@acme.example, bob@acme.example;", false},
		{"Sender: alice@acme.example", false},
		{"From: undisclosed\r\nSender: alice@acme.example", false},
		{"From: nobody\r\nReply-To: alice@acme.example", false},
		{`From: "alice@acme.example`, false},
		{"From: (alice@acme.example", false},
		{"", false},
	}
	for _, tt := range tests {
		m := Read(strings.NewReader(tt.header + "\r\nTo: support@acme.example\r\n\r\nHello\r\n"))
		if got := m.SoleFrom(); got != tt.want {
			t.Errorf("%q: %v, from %v", tt.header, got, m.Mail.From)
		}
	}
}

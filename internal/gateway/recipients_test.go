package gateway

import (
	"strings"
	"testing"

	"postroom/internal/store"
)

// TestAuthorIsNoRecipient: whose address the customer's side put in To or Cc
// gets no copy of her own answer, and her footer does not name her; a
// colleague's address in Cc stays, as the customer put it there.
func TestAuthorIsNoRecipient(t *testing.T) {
	r := newRig(t, nil)
	r.comes(r.wrote("Jane Doe <"+jane+">", "Printer on fire", "It burns.",
		"To: Alice Ng <"+alice+">, support@acme.example", "Cc: joe@shop.example, Bob Stone <"+bob+">"))
	cp := r.one(store.OutCopy, alice)
	footer := strings.Join(strings.Fields(cp.Mail.Text), " ")
	if !strings.Contains(footer, ":.: Just reply") || strings.Contains(footer, "<"+alice+">") || !strings.Contains(footer, "joe@shop.example") {
		t.Errorf("the footer: %s", footer)
	}
	r.gone()
	r.comes(r.reply(cp, alice, "Use water."))
	a := r.one(store.OutAnswer, jane)
	var got []string
	for _, rc := range a.Recipients {
		got = append(got, rc.Address)
	}
	if want := "jane@client.example joe@shop.example bob@acme.example"; strings.Join(got, " ") != want {
		t.Errorf("it goes to %s, not %s", got, want)
	}
	if strings.Contains(a.raw, alice) {
		t.Errorf("the customer reads her address:\n%s", a.raw)
	}
}

// TestEngineerAnswersHerself: who asks for support and has the turn herself is
// the customer of her own answer.
func TestEngineerAnswersHerself(t *testing.T) {
	r := newRig(t, nil)
	r.comes(r.wrote("Alice Ng <"+alice+">", "Printer on fire", "It burns."))
	cp := r.one(store.OutCopy, alice)
	r.gone()
	r.comes(r.reply(cp, alice, "Use water."))
	r.one(store.OutAnswer, alice)
}

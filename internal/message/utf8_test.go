package message

import (
	"bytes"
	"net/mail"
	"strings"
	"testing"

	"postroom/threads"
)

// TestTwoForms: a mail to an address whose local part is not ASCII has a form
// that every relay takes, in which that address is named and nobody's, and one
// in UTF-8 with the address. Below the header they are the same.
func TestTwoForms(t *testing.T) {
	d := newDesk()
	c := NewComposer(threads.Address{Name: "Acme Support", Addr: "support@acme.example"}, "", "acme.example")
	juergen := threads.Address{Name: "Jürgen", Addr: "jürgen@bücher.example"}
	jane := threads.Address{Name: "Jane", Addr: "jane@x.example"}
	letter := readString("From: a@acme.example\r\nContent-Type: text/plain\r\n\r\nUse water.\r\n")
	kinds := map[string]func(to threads.Address) (*Recipe, error){
		"answer": func(to threads.Address) (*Recipe, error) {
			a := d.answer()
			a.To, a.Cc = []threads.Address{to}, []threads.Address{jane, to}
			r, _, err := c.Answer(letter, a)
			return r, err
		},
		"copy": func(to threads.Address) (*Recipe, error) {
			cp := d.copyOf(letter)
			cp.To = to
			return c.Copy(letter, cp)
		},
		"stub": func(to threads.Address) (*Recipe, error) {
			cp := d.copyOf(letter)
			cp.To = to
			return c.Stub(letter, cp, "It is too large.")
		},
		"notice": func(to threads.Address) (*Recipe, error) {
			return c.Notice(Notice{To: to, MessageID: "<n@acme.example>", Subject: "x", Date: at(0)})
		},
		"originals": func(to threads.Address) (*Recipe, error) {
			return c.Originals(Originals{To: to, MessageID: "<n@acme.example>", Subject: "x", Date: at(0), Mails: []*Message{letter}})
		},
	}
	for kind, make := range kinds {
		t.Run(kind, func(t *testing.T) {
			r, err := make(jane)
			if err != nil || r.HasUTF8() || r.Encode()[0] != recipeVersion || r.InUTF8() != r {
				t.Errorf("a mail to nobody of the kind has two forms (%v)", err)
			}
			if r, err = make(juergen); err != nil {
				t.Fatal(err)
			}
			if r, err = DecodeRecipe(r.Encode()); err != nil || !r.HasUTF8() || r.EightBit() {
				t.Fatalf("one form, or an 8-bit one: %v", err)
			}
			plain, utf8 := rendered(t, r, letter), formOf(t, r.InUTF8(), letter)
			if err := strictMail(plain, true); err != nil {
				t.Errorf("%v in\n%s", err, plain)
			}
			if int64(len(plain)) != r.Size() {
				t.Errorf("%d octets, not %d", len(plain), r.Size())
			}
			if list, err := parseHeader(t, headOf(plain)).AddressList("To"); err != nil || len(list) != 0 {
				t.Errorf("To is %v, %v", list, err)
			}
			list, err := parseHeader(t, headOf(utf8)).AddressList("To")
			if err != nil || len(list) != 1 || list[0].Address != "jürgen@xn--bcher-kva.example" || list[0].Name != "Jürgen" {
				t.Errorf("To is %v, %v", list, err)
			}
			if _, a, _ := strings.Cut(plain, "\r\n\r\n"); !strings.HasSuffix(utf8, "\r\n\r\n"+a) {
				t.Error("the forms differ below the header")
			}
			if to, _ := parseHeader(t, headOf(plain)).AddressList("Cc"); kind == "answer" && (len(to) != 1 || to[0].Address != jane.Addr) {
				t.Errorf("Cc is %v", to)
			}
			if !strings.Contains(headOf(plain), ":;") {
				t.Errorf("he is not named in\n%s", headOf(plain))
			}
		})
	}
}

func headOf(raw string) string {
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	return head + "\r\n"
}

func formOf(t *testing.T, r *Recipe, m *Message) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Render(&b, []Source{m.src}); err != nil {
		t.Fatal(err)
	}
	if _, err := mail.ReadMessage(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

package message

import "testing"

func TestRoute(t *testing.T) {
	for _, c := range []struct{ name, mail, from, list, index string }{
		{"a person", "From: a@b.example\n\nx", "", "", ""},
		{"mailman", "From: J via L <l@list.example>\nReply-To: J <j@c.example>\nList-Post: <mailto:l@list.example>\n\nx", "", "l@list.example", ""},
		{"google group", "From: 'J' via L <l@g.example>\nX-Original-Sender: j@c.example\nX-Original-From: J <j@c.example>\nMailing-list: list l@g.example; contact l+owners@g.example\n\nx", "j@c.example", "l@g.example", ""},
		{"no posting", "From: a@b.example\nList-Post: NO\n\nx", "", "", ""},
		{"outlook", "From: a@b.example\nThread-Index: AQHSxbDnSGVsbG8gd29ybGQh\n QUJDREVGRw==\n\nx", "", "", "AQHSxbDnSGVsbG8gd29ybGQhQUJDREVGRw=="},
		{"no index", "From: a@b.example\nThread-Index: nonsense\n\nx", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := readMail(c.mail).Mail
			from := ""
			if len(m.OriginalFrom) > 0 {
				from = m.OriginalFrom[0].Addr
			}
			if from != c.from || m.ListPost != c.list || m.ThreadIndex != c.index {
				t.Errorf("original from %q, list %q, index %q", from, m.ListPost, m.ThreadIndex)
			}
		})
	}
}

func TestQuotedIsWhatNewTextLeavesOut(t *testing.T) {
	m := readMail("Subject: a\n\nyes\n\nOn Mon, 2 Mar 2026 at 10:00, Acme <support@acme.example> wrote:\n> is it\n> > really?\n").Mail
	if want := "On Mon, 2 Mar 2026 at 10:00, Acme <support@acme.example> wrote:\nis it\nreally?"; m.Quoted != want || m.NewText != "yes" {
		t.Errorf("new %q, quoted %q, want %q", m.NewText, m.Quoted, want)
	}
}

package demo

import (
	"fmt"

	"postroom/internal/mailtest/servers"
)

const (
	supportAddress = "support@acme.example"
	supportName    = "Acme Support"
	inbox          = "INBOX"
	sentFolder     = "Sent"
)

// person is somebody with a mailbox and a mail client.
type person struct {
	name, address, password string
	role                    string
	client                  string // what their mail client calls itself
	host                    string // the name of their computer
	newest                  uint32 // the newest UID of the INBOX the story has told of
	got                     []*letter
	wrote                   int // mails, for their ids
}

func (p *person) first() string { return firstWord(p.name) }

// cast is everybody.
type cast struct {
	support          *person
	alice, bob       *person
	carol            *person
	ops              *person
	jane, joe        *person
	mia, liam        *person
	everyone, people []*person // with and without the support mailbox
}

func newCast() *cast {
	c := &cast{
		support: &person{name: supportName, address: supportAddress, role: "the support mailbox"},
		alice:   &person{name: "Alice Ng", address: "alice@acme.example", role: "engineer", client: "Mozilla Thunderbird", host: "alice-laptop.acme.example"},
		bob:     &person{name: "Bob Okafor", address: "bob@acme.example", role: "engineer", client: "Apple Mail (2.3774)", host: "bobs-mac.local"},
		carol:   &person{name: "Carol Ruiz", address: "carol@acme.example", role: "engineer", client: "Mutt/2.2.12", host: "carol.acme.example"},
		ops:     &person{name: "Olga Petrov", address: "ops@acme.example", role: "admin", client: "Mutt/2.2.12", host: "ops.acme.example"},
		jane:    &person{name: "Jane Doe", address: "jane@client.example", role: "customer", client: "Microsoft Outlook 16.0", host: "pc-jane.client.example"},
		joe:     &person{name: "Joe Smith", address: "joe@shop.example", role: "customer", client: "iPhone Mail (21F90)", host: "joes-phone.shop.example"},
		mia:     &person{name: "Mia Berg", address: "mia@studio.example", role: "customer", client: "K-9 Mail", host: "mia.studio.example"},
		liam:    &person{name: "Liam O'Hara", address: "liam@farm.example", role: "customer", client: "Evolution 3.52", host: "liam.farm.example"},
	}
	c.people = []*person{c.alice, c.bob, c.carol, c.ops, c.jane, c.joe, c.mia, c.liam}
	c.everyone = append([]*person{c.support}, c.people...)
	return c
}

// settle gives everybody a mailbox. The passwords are as simple as they look:
// nobody reaches these mailboxes but from this machine.
func (c *cast) settle(w *servers.World) error {
	for _, p := range c.everyone {
		p.password = localPart(p.address)
		if err := w.AddAccount(servers.Account{Address: p.address, Password: p.password}); err != nil {
			return fmt.Errorf("setting up the mailboxes: %w", err)
		}
	}
	return nil
}

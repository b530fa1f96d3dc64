package admin

import (
	"fmt"
	"slices"
	"time"

	"postroom/internal/gateway"
	"postroom/internal/store"
	"postroom/threads"
)

// Trusted is an address of somebody of ours and what its mail needs to count.
type Trusted struct {
	Engineer string     `json:"engineer"` // her key, "" for somebody who is in the rotation no longer, or an admin
	Name     string     `json:"name"`
	Address  string     `json:"address"`
	Pinned   bool       `json:"pinned"` // mail from it was vouched for once, and must be since
	By       string     `json:"by"`     // who vouched: a domain that signed, or a server
	Since    *time.Time `json:"since"`
}

// Trust lists the addresses of the engineers, and others that are pinned.
func Trust(st *store.Store) ([]Trusted, error) {
	list := []Trusted{}
	err := st.View(func(tx *store.Tx) error {
		rot, _, ok, err := gateway.InForce(tx)
		if err != nil {
			return err
		}
		if !ok {
			return errNoRotation
		}
		pins, err := gateway.Pins(tx)
		if err != nil {
			return err
		}
		for i := range rot.Engineers {
			e := &rot.Engineers[i]
			for _, addr := range rot.Addresses(e.Key) {
				t := Trusted{Engineer: e.Key, Name: e.Name, Address: addr}
				if n := slices.IndexFunc(pins, func(p gateway.Pin) bool { return p.Address == threads.AddressKey(addr) }); n >= 0 {
					t.pin(pins[n])
					pins = slices.Delete(pins, n, n+1)
				}
				list = append(list, t)
			}
		}
		for _, p := range pins {
			t := Trusted{Address: p.Address}
			t.pin(p)
			list = append(list, t)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing who is trusted: %w", err)
	}
	return list, nil
}

func (t *Trusted) pin(p gateway.Pin) { t.Pinned, t.By, t.Since = true, p.By, stamp(p.Since) }

// Trust prints the list.
func (p Printer) Trust(list []Trusted) error {
	rows := make([][]string, 0, len(list))
	for _, t := range list {
		needs := "a token"
		if t.Pinned {
			needs = "a token, and the word of " + orDash(t.By)
		}
		rows = append(rows, []string{orDash(t.Name), t.Address, p.atOr(t.Since, "-"), needs})
	}
	cols := []column{{"NAME", 20}, {"ADDRESS", 34}, {"PINNED", 16}, {"NEEDS", 0}}
	return p.table(cols, rows, "The rotation has no engineers.")
}

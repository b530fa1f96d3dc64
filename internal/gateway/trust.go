package gateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// Pin says that mail from an address was vouched for once, and so must be.
type Pin struct {
	Address string    // folded
	By      string    // the domain or server that vouched
	Since   time.Time // zero where that was not kept
}

// Pins lists the pinned addresses, in their order.
func Pins(tx *store.Tx) ([]Pin, error) {
	var list []Pin
	err := tx.EachMeta(pinnedPrefix, func(name string, data []byte) error {
		var p pin
		if err := json.Unmarshal(data, &p); err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		l := Pin{Address: strings.TrimPrefix(name, pinnedPrefix), By: p.By}
		if p.Unix != 0 {
			l.Since = time.Unix(p.Unix, 0).UTC()
		}
		list = append(list, l)
		return nil
	})
	return list, err
}

// resetTrust forgets that mail from a person was vouched for: an engineer or
// admin of the rotation, or a pinned address of somebody who left. The next
// mail of hers that is vouched for pins her again.
func (b *batch) resetTrust(who string) error {
	pins, err := Pins(b.tx)
	if err != nil {
		return err
	}
	hers := map[string]bool{threads.AddressKey(strings.Trim(who, " <>")): true}
	key, reason := threads.Colleague(b.rot, who)
	for _, addr := range b.rot.Addresses(key) {
		hers[threads.AddressKey(addr)] = true
	}
	done := false
	for _, p := range pins {
		if hers[p.Address] {
			done = true
			if err := b.tx.DropMeta(pinnedPrefix + p.Address); err != nil {
				return err
			}
		}
	}
	switch {
	case done:
		return nil
	case reason != "":
		return fmt.Errorf("%s, and no address %q is pinned; `postroom trust` lists them", reason, who)
	}
	return fmt.Errorf("no mail of %s has been vouched for, so nothing is pinned", key)
}

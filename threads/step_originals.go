package threads

import (
	"fmt"
	"slices"
)

// OriginalsAsked says that somebody wants the mails as they came.
type OriginalsAsked struct {
	For string `json:"for"` // engineer, or an admin's address
	By  string `json:"by"`
}

func (OriginalsAsked) kind() string { return "originals_asked" }

// FetchOriginals brings the mails of the conversation, as they came, to an
// engineer or to an admin's address.
type FetchOriginals struct {
	OutID string
	For   string
	Event int // that asked for them
}

func (FetchOriginals) effect() {}

// originals asks for the mails of the conversation as they came, for an
// engineer or, by address, an admin. That changes nothing about it: nobody
// owns it for having asked, and a closed one stays closed.
func (s *step) originals(who, by string) {
	n := s.event(OriginalsAsked{For: who, By: by})
	s.effect(FetchOriginals{OutID: InEra(fmt.Sprintf("%d.%d.o", s.c.ID, n), s.w.Era), For: who, Event: n})
}

func (s *step) askOriginals(o order) { s.originals(o.engineer, o.engineer) }

// originalsBy does what an admin asked for: who is an engineer, or the address
// of an admin of the rotation file.
func (s *step) originalsBy(who, by string) error {
	if i := slices.IndexFunc(s.w.Rotation.Admins, func(a string) bool { return AddressKey(a) == AddressKey(who) }); i >= 0 {
		s.originals(s.w.Rotation.Admins[i], by)
		return nil
	}
	key, reason := Colleague(s.w.Rotation, who)
	if reason != "" {
		return fmt.Errorf("sending the originals of conversation %d: %s, and no admin's address is %q", s.c.ID, reason, who)
	}
	s.originals(key, by)
	return nil
}

package threads

import (
	"cmp"
	"slices"
)

// offer puts a new conversation on offer: everyone who might be given it is
// sent it, and the first who answers or takes it has it. False says that there
// is nobody.
func (s *step) offer(m *Mail) bool {
	to, choice := Offerees(s.w.Rotation, s.request(m, ""))
	if len(to) == 0 {
		s.nobody(choice, "")
		return false
	}
	offerFor := cmp.Or(s.w.Rotation.Policy.OfferFor, DefaultOfferFor)
	s.event(Offered{To: to, Until: s.w.Now.Add(offerFor), Why: choice.Why})
	if len(s.c.Pending) > 0 {
		s.copies(to, s.c.Answer.Event != 0)
		return true
	}
	for _, engineer := range to { // it was closed before anybody had it, and opened again
		s.copy(engineer, s.newest(), false, "")
	}
	return true
}

// offered is those the conversation is on offer to who are still in the file.
func (s *step) offered() []string {
	return slices.DeleteFunc(slices.Clone(s.c.Offer.To), func(key string) bool {
		_, there := s.w.Rotation.Engineer(key)
		return !there
	})
}

// offerEnds assigns by turn what nobody took. Whoever gets it has its mails
// already, if it was on offer to her, and is only told.
func (s *step) offerEnds() {
	if s.c.Offer == nil || s.c.State != StateOpen {
		return
	}
	had := s.offered()
	if len(s.c.Pending) > 0 {
		had = nil // there is something she has not
	}
	if !s.pick(nil, "", HowTurn, "nobody took it while it was on offer") {
		s.wait()
		return
	}
	owner := s.c.Owner
	if !slices.Contains(had, owner) {
		s.handOver(owner)
		return
	}
	s.notify(Notify{Kind: NoticeYours, Engineer: owner, Event: s.newest(), Quote: true,
		Reason: "nobody took it while it was on offer, and it is your turn"})
}

// withdrawn takes an engineer whom its mail did not reach out of the offer.
func (s *step) withdrawn(engineer string, n int, words string) {
	left := slices.DeleteFunc(s.offered(), func(key string) bool { return key == engineer })
	if len(left) > 0 {
		s.event(Offered{To: left, Until: s.c.Offer.Until, Why: "mail to " + nameOf(s.w.Rotation, engineer) + " fails"})
		return
	}
	req := s.request(nil, engineer)
	if choice, ok := s.choose(req, "", HowTurn, "mail to those it was on offer to fails"); !ok {
		s.nobody(choice, engineer)
		s.notify(Notify{Kind: NoticeUnsent, Reason: words, Event: n})
		s.wait()
		return
	}
	s.handOver(s.c.Owner)
}
